// SIGTERM and SIGINT: the first asks the program to end in order, a second one ends it at once.
#pragma once

#include <sys/types.h>

#include <functional>
#include <thread>

namespace rpcbroker {

/// While it lives, the first SIGTERM or SIGINT makes `descriptor()` readable, and the next one ends the process (exit status
/// 128 + signal in a shell). SIGPIPE is ignored from then
/// on; SIGHUP is left alone, reserved. One per process; make it in main() before any thread. After fork() the child
/// makes its own: until then it shares the parent's descriptor.
class StopSignal {
public:
    /// Throws std::system_error where the kernel has no descriptor left.
    StopSignal();
    /// Restores the default actions.
    ~StopSignal();
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;

    /// Stays readable once a signal came; nobody reads it. For poll().
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    /// The signal that came, or 0. From any thread.
    [[nodiscard]] int received() const noexcept;
    /// As if `signal` had come. From any thread, and from signal handlers.
    void raise(int signal) const noexcept;
    /// A signal of this process is never a second one, nor makes another's one: it passes on what the whole group or unit may
    /// have been sent as well.
    void do_not_count(pid_t sender) const noexcept;

private:
    int descriptor_;
};

/// Calls `stop` once, on a thread of its own, when the signal comes; so `stop` may do whatever is thread-safe, unlike a
/// signal handler. Its end waits for `stop` to return if that has begun.
class StopThread {
public:
    /// `signal` must outlive this.
    StopThread(const StopSignal& signal, std::function<void()> stop);
    ~StopThread();
    StopThread(const StopThread&) = delete;
    StopThread& operator=(const StopThread&) = delete;

private:
    int quit_;
    std::thread thread_;
};

}  // namespace rpcbroker
