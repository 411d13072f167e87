#include "worker/watchdog.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace rpcbroker {

Watchdog::Watchdog() : timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {
    if (timer_ < 0) throw std::system_error(errno, std::generic_category(), "timerfd_create");
}

Watchdog::~Watchdog() { ::close(timer_); }

void Watchdog::set(Duration duration) noexcept {
    // Zero would switch it off.
    const auto ns = std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count());
    itimerspec when{};
    when.it_value.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
    when.it_value.tv_nsec = static_cast<long>(ns % 1'000'000'000);
    ::timerfd_settime(timer_, 0, &when, nullptr);
}

void Watchdog::wait() noexcept {
    std::uint64_t times = 0;
    [[maybe_unused]] const auto got = ::read(timer_, &times, sizeof times);
}

}  // namespace rpcbroker
