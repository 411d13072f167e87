// Runs a worker: its threads, its sockets, its sessions.
//
// Leader and followers, lazily. One thread has the sockets at a time (the owner): it receives, runs handlers itself, one
// after the other, and sends. A hand-off to another thread costs more than a small handler does, so there is none until
// it is needed:
//   - The owner has been in handlers for about a millisecond: a thread that stood by takes the sockets over, and the one
//     in the handler has lost them when it comes back. So heartbeats never depend on a handler.
//   - A thread comes out of a handler and finds the owner in one: it takes the sockets over, too.
//   - Calls wait, and handlers are not small: another thread is woken to run some.
//   - A handler is about to wait for credit for its stream: it hands the sockets over at once.
// At most `threads` handlers run at once, on one thread more than that. One mutex guards everything; handlers, the
// user's callbacks and waiting are outside it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <rpcbroker/endpoint.hpp>
#include <rpcbroker/worker.hpp>

#include "common/transport/poller.hpp"
#include "worker/dispatch.hpp"
#include "worker/link.hpp"
#include "worker/registry.hpp"
#include "worker/watchdog.hpp"

namespace rpcbroker {

struct RuntimeOptions {
    std::vector<Endpoint> brokers;
    std::string name;
    unsigned threads = 1;
    std::optional<std::uint32_t> capacity;
    std::function<void(const WorkerEvent&)> on_event;
    std::function<void(const CallReport&)> on_call;
    std::optional<PeerKeys> keys;
};

class Runtime {
public:
    /// `registry` must outlive this and stay as it is while run() runs.
    Runtime(transport::Context context, const Registry& registry, RuntimeOptions options);
    ~Runtime();
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;

    /// See Worker::run(). Throws what on_event throws, too.
    void run();
    /// Thread-safe and async-signal-safe.
    void stop() noexcept;

private:
    using Lock = std::unique_lock<std::mutex>;
    struct Thread;

    void connect();
    void serve_guarded(Thread& self) noexcept;
    void serve(Thread& self);

    // Sockets.
    [[nodiscard]] bool unattended() const noexcept { return !owner_ || owner_away_; }
    void attend(Thread& self, Lock& lock);
    void turn(Thread& self, Lock& lock);
    void receive(TimePoint now);
    void flush();
    void wait(Lock& lock, bool calls_wait);
    [[nodiscard]] std::optional<Duration> time_to_wait(TimePoint now);
    void wake_owner();

    // Calls.
    bool run_some(Thread& self, Lock& lock);
    bool run_one(Thread& self, Lock& lock);
    bool start_call(Thread& self, TimePoint now);
    void run_call(Thread& self, Lock& lock);
    void run_handler(Thread& self) const;
    [[nodiscard]] bool all_busy() const noexcept { return running_ == options_.threads; }
    void give_back(TimePoint now);
    void take_again();

    // Stream items (runtime_streams.cpp).
    ItemSent send_item(Thread& self, std::string& item);
    ItemSent try_send_item(Thread& self, std::string& item);
    bool wait_for_credit(Thread& self, std::chrono::nanoseconds duration);
    void send_soon(Thread& self);
    bool wait_to_send(Thread& self, Lock& lock, TimePoint end);
    void hand_over();
    void make_room();

    // Threads that have nothing to do.
    void rest(Lock& lock);
    void stand_by(Lock& lock);
    void watch_owner(TimePoint now);
    void wake_one() noexcept;

    // What is told.
    void collect_events();
    void collect_event(Link& link, SessionEvent event);
    [[nodiscard]] Thread* thread_of(const Link& link, std::uint32_t slot) const noexcept;
    void cancel_call(Thread* thread);
    static void credit_call(Thread* thread);
    void deliver_events(Lock& lock);

    void end(std::exception_ptr problem) noexcept;
    bool finished(TimePoint now);

    const transport::Context context_;
    const Registry& registry_;
    const RuntimeOptions options_;
    std::atomic<bool> stop_{false};
    transport::Wakeup wakeup_;
    Watchdog watchdog_;

    std::mutex mutex_;  ///< guards all below
    std::vector<std::unique_ptr<Link>> links_;
    transport::Poller poller_;  ///< the owner's, also without the mutex
    std::vector<std::unique_ptr<Thread>> threads_;
    unsigned running_ = 0;  ///< threads in handlers
    std::size_t next_link_ = 0;
    bool gave_back_ = false;

    Thread* owner_ = nullptr;  ///< of the sockets
    bool owner_away_ = false;  ///< in a handler
    TimePoint owner_left_;     ///< when it last was at the sockets, if it is away
    bool polling_ = false;     ///< the owner sleeps at the sockets, and nobody has woken it
    bool watching_ = false;    ///< the watchdog is set
    bool stood_by_ = false;    ///< a thread sleeps on the watchdog
    unsigned idle_ = 0;        ///< threads that sleep on `work_`
    std::condition_variable work_;
    unsigned lacking_room_ = 0;  ///< handlers that wait until something was sent
    bool done_ = false;
    std::exception_ptr problem_;

    std::vector<WorkerEvent> events_;
    std::vector<std::pair<Cancellation*, Cancellation::Generation>> cancelled_;
};

}  // namespace rpcbroker
