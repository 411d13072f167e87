#include "broker/service_rate.hpp"

#include <algorithm>

namespace rpcbroker::broker {

namespace {

using Seconds = std::chrono::duration<double>;

/// How much the latest measurement counts beside those before it.
constexpr double weight = 0.3;
/// Longer than any call may take, and far from what the clock's arithmetic holds.
constexpr Seconds longest = std::chrono::hours(24 * 365);

}  // namespace

void ServiceRate::begin(TimePoint now) noexcept {
    begun_ = now;
    finished_ = 0;
}

void ServiceRate::finish(TimePoint now) noexcept {
    ++finished_;
    const auto took = now - begun_;
    if (took < window || finished_ < window_calls) return;
    const double latest = Seconds(took).count() / static_cast<double>(finished_);
    const bool known = seconds_a_call_ > 0 && now - measured_ < memory;
    seconds_a_call_ = known ? weight * latest + (1 - weight) * seconds_a_call_ : latest;
    measured_ = now;
    begin(now);
}

std::optional<Duration> ServiceRate::time_for(std::size_t calls, TimePoint now) const noexcept {
    if (seconds_a_call_ <= 0 || now - measured_ >= memory) return std::nullopt;
    const Seconds time{static_cast<double>(calls) * seconds_a_call_};
    return std::chrono::duration_cast<Duration>(std::min(time, longest));
}

}  // namespace rpcbroker::broker
