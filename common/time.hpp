// Time as everybody here is told it. Cores never read a clock: `now` is handed to them.
#pragma once

#include <chrono>

namespace rpcbroker {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

}  // namespace rpcbroker
