#include "broker/handling_time.hpp"

#include <algorithm>

namespace rpcbroker::broker {

namespace {

/// The latest call counts for one in so many. Integers: this runs for every call that is answered.
constexpr int weight = 8;
/// What is shorter cannot be told from nothing; without it, a mean of zero would stay zero.
constexpr Duration shortest = std::chrono::microseconds(1);

}  // namespace

void HandlingTime::finish(Duration took, TimePoint now) noexcept {
    if (finished_ == 0 || now - measured_ >= memory) {
        mean_ = std::max(took, shortest);
        deviation_ = Duration::zero();
        finished_ = 0;
    }
    const auto off = std::min(took, 2 * mean_) - mean_;
    deviation_ += (std::chrono::abs(off) - deviation_) / weight;
    mean_ = std::max(mean_ + off / weight, shortest);
    measured_ = now;
    if (finished_ < fewest) ++finished_;
}

void HandlingTime::cut_short(Duration took, TimePoint now) noexcept {
    if (took > mean_) finish(took, now);
}

std::optional<Duration> HandlingTime::usual(TimePoint now) const noexcept {
    if (finished_ < fewest || now - measured_ >= memory) return std::nullopt;
    return mean_ + deviation_;
}

}  // namespace rpcbroker::broker
