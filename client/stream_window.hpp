// How many items of a stream may be under way to its reader: granted, and not read yet.
//
// Few while they are large and many while they are small, so that about a mebibyte is under way: enough that the sender
// need not wait for the reader's word, and a bound for what is held while the reader stops. More is granted once half
// of the window is read, so that one rpc.credit pays for many items.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace rpcbroker::detail {

/// Plain arithmetic. Not thread-safe.
class StreamWindow {
public:
    static constexpr std::uint32_t first = 32;
    static constexpr std::uint32_t least = 2;
    static constexpr std::uint32_t most = 1024;
    static constexpr std::size_t bytes_under_way = std::size_t{1} << 20;

    /// `fixed`: always so many, at least one.
    explicit StreamWindow(std::optional<std::uint32_t> fixed = std::nullopt) noexcept
        : fixed_(fixed.has_value()),
          items_(std::max(fixed.value_or(first), std::uint32_t{1})),
          initial_(items_),
          under_way_(items_) {}

    /// The credit that the request carries.
    [[nodiscard]] std::uint32_t initial() const noexcept { return initial_; }
    /// The window as it is now.
    [[nodiscard]] std::uint32_t items() const noexcept { return items_; }

    /// An item of so many bytes was read. Returns how many more are to be granted now; mostly 0.
    std::uint32_t on_read(std::size_t bytes) noexcept {
        if (under_way_ > 0) --under_way_;
        learn(static_cast<double>(bytes));
        if (under_way_ > items_ / 2) return 0;
        const std::uint32_t granted = items_ - under_way_;
        under_way_ = items_;
        return granted;
    }

private:
    /// The mean goes by the last few items: a stream that turns from small items to large ones is soon held shorter.
    void learn(double bytes) noexcept {
        constexpr double weight = 1.0 / 8;
        mean_bytes_ = mean_bytes_ < 0 ? bytes : mean_bytes_ + weight * (bytes - mean_bytes_);
        if (fixed_) return;
        const double fit = static_cast<double>(bytes_under_way) / std::max(mean_bytes_, 1.0);
        items_ = static_cast<std::uint32_t>(std::clamp(fit, double{least}, double{most}));
    }

    bool fixed_;
    std::uint32_t items_;
    std::uint32_t initial_;
    std::uint32_t under_way_;
    double mean_bytes_ = -1;  ///< none has come yet
};

}  // namespace rpcbroker::detail
