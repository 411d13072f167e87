#include "broker/rolling_latency.hpp"

#include <utility>

namespace rpcbroker::broker {

void RollingLatency::record(std::uint64_t microseconds, TimePoint now) {
    if (now >= end_) turn(now);
    current_.record(microseconds);
}

LatencyHistogram RollingLatency::all() const {
    LatencyHistogram sum = before_;
    sum.add(current_);
    return sum;
}

LatencyHistogram RollingLatency::recent(TimePoint now) {
    if (now >= end_) turn(now);
    LatencyHistogram sum = previous_;
    sum.add(current_);
    return sum;
}

/// The current window is over: it becomes the previous one, unless it is over for longer than a window.
void RollingLatency::turn(TimePoint now) {
    before_.add(current_);
    std::swap(previous_, current_);
    current_.clear();
    if (now >= end_ + window) previous_.clear();
    end_ = now + window;
}

}  // namespace rpcbroker::broker
