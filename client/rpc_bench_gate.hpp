// Which calls of a round may still begin, and when those of an open loop are due.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "common/time.hpp"

namespace rpcbroker::bench {

/// What is measured: calls that were due from `begin` on, before `end`.
struct Interval {
    TimePoint begin{};
    TimePoint end = TimePoint::max();

    [[nodiscard]] bool holds(TimePoint time) const noexcept { return time >= begin && time < end; }
};

/// Lets calls begin until the interval is over, or so many have begun in it. Thread-safe.
class Gate {
public:
    Gate(Interval interval, std::optional<std::uint64_t> calls) noexcept : interval_(interval), calls_(calls) {}

    /// The number of the call, for one that is due at `due`; nothing when no more are to begin.
    std::optional<std::uint64_t> admit(TimePoint due) noexcept {
        if (is_closed() || due >= interval_.end) return std::nullopt;
        if (calls_ && due >= interval_.begin && measured_.fetch_add(1, relaxed) >= *calls_) return std::nullopt;
        return admitted_.fetch_add(1, relaxed);
    }

    /// No more calls, from any thread.
    void close() noexcept { closed_.store(true, relaxed); }
    [[nodiscard]] bool is_closed() const noexcept { return closed_.load(relaxed); }
    [[nodiscard]] const Interval& interval() const noexcept { return interval_; }

private:
    static constexpr auto relaxed = std::memory_order_relaxed;

    const Interval interval_;
    const std::optional<std::uint64_t> calls_;
    std::atomic<std::uint64_t> admitted_{0};
    std::atomic<std::uint64_t> measured_{0};
    std::atomic<bool> closed_{false};
};

/// When the calls of one of several senders are due: evenly, all senders in turn, whatever became of earlier calls.
class Schedule {
public:
    /// `rate` is that of all senders together, a second; this is number `sender` of `senders`.
    Schedule(TimePoint start, std::uint64_t rate, std::uint64_t sender, std::uint64_t senders) noexcept
        : start_(start), rate_(rate), sender_(sender), senders_(senders) {}

    [[nodiscard]] TimePoint due(std::uint64_t call) const noexcept {
        // Whole seconds apart from the rest, so that hours at a high rate neither overflow nor lose nanoseconds.
        const auto position = call * senders_ + sender_;
        const auto rest = (position % rate_) * 1'000'000'000 / rate_;
        return start_ + std::chrono::seconds{position / rate_} + std::chrono::nanoseconds{rest};
    }

private:
    TimePoint start_;
    std::uint64_t rate_;
    std::uint64_t sender_;
    std::uint64_t senders_;
};

}  // namespace rpcbroker::bench
