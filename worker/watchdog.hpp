// A timer that one thread sets and another one sleeps on. Setting it costs one system call, and wakes nobody before time.
#pragma once

#include "common/time.hpp"

namespace rpcbroker {

/// Thread-safe.
class Watchdog {
public:
    /// Throws std::system_error where the kernel has no descriptor left.
    Watchdog();
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    /// Goes off once after `duration`, instead of whatever was set before.
    void set(Duration duration) noexcept;
    /// Returns when it has gone off; at once if that was already and nobody waited. May return early.
    void wait() noexcept;

private:
    int timer_;
};

}  // namespace rpcbroker
