// How fast a service works while calls wait for it, so that a caller can be told at once that its turn would come too late.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/time.hpp"

namespace rpcbroker::broker {

/// Measures only while calls wait: a service that has nothing to do is not slow. Is told the time, which never goes back.
/// Not thread-safe.
class ServiceRate {
public:
    /// A measurement takes at least so long, and at least so many calls.
    static constexpr Duration window = std::chrono::milliseconds(100);
    static constexpr std::int64_t window_calls = 10;
    /// A rate that was not measured again for so long is not known any more.
    static constexpr Duration memory = std::chrono::seconds(10);

    /// A call begins to wait, and no other one waits.
    void begin(TimePoint now) noexcept;
    /// A worker has answered a call, and others wait.
    void finish(TimePoint now) noexcept;

    /// How long `calls` that wait now will take to go; nothing while no rate is known.
    [[nodiscard]] std::optional<Duration> time_for(std::size_t calls, TimePoint now) const noexcept;

private:
    TimePoint begun_;            ///< of the measurement under way
    std::int64_t finished_ = 0;  ///< since then
    double seconds_a_call_ = 0;  ///< 0: not known
    TimePoint measured_;
};

}  // namespace rpcbroker::broker
