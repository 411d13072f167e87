// How long calls took, in buckets whose width is a bounded part of their value (as HdrHistogram does it).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace rpcbroker::broker {

/// Microseconds, with a relative error of at most 1/32. Takes no memory until the first value, about 8 KiB from then on.
/// Not thread-safe.
class LatencyHistogram {
public:
    void record(std::uint64_t microseconds);
    /// Adds what `other` holds.
    void add(const LatencyHistogram& other);
    /// Forgets all values, and keeps the memory for others.
    void clear() noexcept;

    /// The value that a share of `quantile` (0 to 1) of all values does not exceed; 0 when there is none.
    [[nodiscard]] std::uint64_t quantile(double quantile) const noexcept;
    /// The largest value, exactly; 0 when there is none.
    [[nodiscard]] std::uint64_t max() const noexcept { return max_; }
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    /// Of all values, exactly.
    [[nodiscard]] std::uint64_t sum() const noexcept { return sum_; }
    /// How many values are at most each of `bounds`, which grow. One that is over its bound by less than 1/32 may count, too.
    [[nodiscard]] std::vector<std::uint64_t> counts_up_to(std::span<const std::uint64_t> bounds) const;

private:
    std::vector<std::uint64_t> buckets_;
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t max_ = 0;
};

}  // namespace rpcbroker::broker
