// How many calls a worker wants to hold, started or waiting in it, whoever sends them.
//
// Handlers of microseconds want hundreds of calls waiting, or the network's round trip rules the rate; handlers of
// seconds want none, or a call waits behind a busy worker while another is idle. So, unless the user fixed a number, it is
// the threads and what they start in about five milliseconds, as measured while calls wait; no less than a call more
// than there are threads, and no more than 1024.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "common/time.hpp"

namespace rpcbroker {

/// Not thread-safe.
class Capacity {
public:
    /// So much work may wait; and when all threads have been in handlers for as long, what waits is better off elsewhere.
    static constexpr Duration patience = std::chrono::milliseconds{5};
    static constexpr std::uint32_t first = 256;
    static constexpr std::uint32_t most = 1024;

    Capacity(std::uint32_t threads, std::optional<std::uint32_t> fixed) noexcept
        : threads_(threads),
          least_(threads + 1),
          most_(std::max(most, least_)),
          fixed_(fixed),
          wanted_(fixed.value_or(std::max(first, least_))) {}

    [[nodiscard]] std::uint32_t wanted() const noexcept { return wanted_; }
    [[nodiscard]] bool is_fixed() const noexcept { return fixed_.has_value(); }
    /// The part of it that waits when every thread has a call.
    [[nodiscard]] std::uint32_t ahead() const noexcept { return wanted_ - std::min(wanted_, threads_); }

    /// Whether calls wait, from now on. Told again and again, it changes nothing.
    void waiting(bool any, TimePoint now) noexcept {
        if (any == since_.has_value()) return;
        count(now);
        since_ = any ? std::optional{now} : std::nullopt;
    }

    /// A call that waited was started. Returns whether wanted() may be another one now.
    bool started(TimePoint now) noexcept {
        ++starts_;
        count(now);
        if (fixed_ || waited_ < period) return false;
        measure();
        return true;
    }

    /// All threads were in handlers and none came out for `patience`.
    void slow(TimePoint now) noexcept {
        count(now);
        begin();
        rate_.reset();
        if (!fixed_) wanted_ = least_;
    }

private:
    static constexpr Duration period = std::chrono::milliseconds{20};

    /// A pause between two starts counts for no more than that: if handlers were that slow, slow() was called before.
    static constexpr Duration longest_pause = 2 * patience;

    void count(TimePoint now) noexcept {
        if (!since_) return;
        waited_ += std::min<Duration>(now - *since_, longest_pause);
        since_ = now;
    }

    void begin() noexcept {
        starts_ = 0;
        waited_ = {};
    }

    /// The mean of old and new, as one sample is none. Small changes are not worth a message.
    void measure() noexcept {
        const double latest = starts_ / std::chrono::duration<double>(waited_).count();
        begin();
        rate_ = rate_ ? (*rate_ + latest) / 2 : latest;
        const double ahead = std::min<double>(most_, *rate_ * std::chrono::duration<double>(patience).count());
        const auto wanted = std::clamp(threads_ + static_cast<std::uint32_t>(ahead), least_, most_);
        if (4 * (std::max(wanted, wanted_) - std::min(wanted, wanted_)) >= wanted_) wanted_ = wanted;
    }

    std::uint32_t threads_;
    std::uint32_t least_;
    std::uint32_t most_;
    std::optional<std::uint32_t> fixed_;
    std::uint32_t wanted_;
    std::optional<double> rate_;      ///< of starts while calls wait, a second
    std::uint32_t starts_ = 0;        ///< since it was last measured
    Duration waited_{};               ///< for how long calls have waited since then, up to `since_`
    std::optional<TimePoint> since_;  ///< they wait now, and it was counted until then
};

}  // namespace rpcbroker
