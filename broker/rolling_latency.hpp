// How long calls took since the start, and how long they take just now.
#pragma once

#include <chrono>
#include <cstdint>

#include "broker/latency_histogram.hpp"
#include "common/time.hpp"

namespace rpcbroker::broker {

/// Two windows that take turns, and the sum of those that are over: a value is written once. Takes memory as values come.
/// `now` never goes back from one call to the next. Not thread-safe.
class RollingLatency {
public:
    static constexpr Duration window = std::chrono::seconds(10);

    void record(std::uint64_t microseconds, TimePoint now);
    /// All values there were.
    [[nodiscard]] LatencyHistogram all() const;
    /// Those of this window and the one before: of the last 10 to 20 s, where there were calls all the time.
    [[nodiscard]] LatencyHistogram recent(TimePoint now);

private:
    void turn(TimePoint now);

    LatencyHistogram current_;
    LatencyHistogram previous_;
    LatencyHistogram before_;  ///< all values but those in current_
    TimePoint end_{};          ///< of the current window
};

}  // namespace rpcbroker::broker
