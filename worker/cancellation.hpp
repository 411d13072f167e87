// Tells a handler that nobody waits for it any more. One a thread, used for one call after the other.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

namespace rpcbroker {

/// Cancelling has two steps, so that no user's code runs under the runtime's lock: request() under it, then notify()
/// without it. reset() is called under it, too, so that a request always means the call that runs.
class Cancellation {
public:
    using Generation = std::uint64_t;

    /// Before a call is started.
    void reset() noexcept {
        generation_.store(generation_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        requested_.store(false, std::memory_order_relaxed);
    }
    /// Returns what notify() must be told.
    Generation request() noexcept;
    /// Wakes and calls back the handler, if it still runs.
    void notify(Generation generation);

    [[nodiscard]] bool requested() const noexcept { return requested_.load(std::memory_order_acquire); }

    // The handler's thread.

    /// False as soon as it was requested.
    bool wait_for(std::chrono::nanoseconds duration);
    void on_cancel(std::function<void()> callback);
    /// The same one until end().
    std::stop_token stop_token();
    /// After the handler has returned: waits for callbacks that run, and forgets the others.
    void end() {
        if (listening_) stop_listening();
    }

private:
    void stop_listening();

    std::atomic<bool> requested_{false};
    std::atomic<Generation> generation_{0};
    bool listening_ = false;  ///< of the handler's thread: it has asked to be told
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::function<void()>> callbacks_;
    std::optional<std::stop_source> stop_;  ///< the handler's thread's; made when it is asked for
};

}  // namespace rpcbroker
