// Waiting for sockets, descriptors and other threads.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "common/time.hpp"
#include "common/transport/dealer.hpp"
#include "common/transport/router.hpp"

namespace rpcbroker::transport {

/// Wakes a Poller from another thread, or from a signal handler. Thread-safe and async-signal-safe.
class Wakeup {
public:
    Wakeup();
    ~Wakeup();
    Wakeup(const Wakeup&) = delete;
    Wakeup& operator=(const Wakeup&) = delete;

    /// Cheap when it was signalled already and not yet cleared.
    void signal() noexcept;
    /// Called by the thread that was woken, before it looks at what it was woken for. Costs nothing when it was not.
    void clear() noexcept;
    /// Its descriptor is readable.
    void rouse() noexcept { readable_ = true; }
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

private:
    int descriptor_;
    std::atomic<bool> signalled_{false};
    bool readable_ = true;  ///< for all that the thread that clears it knows
};

/// Waits until one of its sockets may have something, a wakeup was signalled, or the time is over. Interrupted by a signal,
/// it returns early. Not thread-safe; what was added must outlive it.
class Poller {
public:
    Poller();
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    void add(Router& router);
    void add(Dealer& dealer);
    void add(Wakeup& wakeup);
    void add_descriptor(int descriptor);  ///< readable

    /// Nothing: without end. Zero or less: only looks, for who goes on anyway. Rounded up to a millisecond, so that a deadline
    /// has passed when it returns for it. Routers, dealers and wakeups know then which of them may have something.
    void wait(std::optional<Duration> timeout);
    /// The same, for who has one dealer and expects a body soon: it sleeps for that body alone, for up to 5 ms, before it does as
    /// wait(). Until then nothing else wakes it, wakeups neither; that saves two or three system calls. After a time in which
    /// no body came, the next few waits are as wait().
    void wait_undisturbed(std::optional<Duration> timeout);
    /// Whether the last wait slept: no socket had anything when it was called, and it was not only to look.
    [[nodiscard]] bool slept() const noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace rpcbroker::transport
