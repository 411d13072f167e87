// Who drives a client's connections, and how callers wait: the runtime behind Client and its futures.
//
// One mutex guards the session and everything here. Whoever holds the driving (`driving_`) is the only one to touch the
// sockets, and gives the mutex up only to sleep on them. A caller whose call is not done takes the driving if it is
// free, else waits until its call is done or the driving is handed to it. While asynchronous calls are under way, the
// background thread takes the driving when it is free; it also runs all callbacks, outside the mutex.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <rpcbroker/future.hpp>

#include "client/broker_sockets.hpp"
#include "client/client_core.hpp"

namespace rpcbroker::detail {

/// A call between its caller and the runtime. Guarded by the runtime's mutex, but for the atomics.
struct PendingCall {
    CallId id = 0;
    std::optional<Result<RawReply>> reply;  ///< has a value from the end of the call until it is taken
    bool done = false;
    bool taken = false;                  ///< by result() or then()
    bool has_future = true;              ///< else nobody has it but the runtime, and the callback
    std::vector<std::string> items;      ///< of a stream: came, and not taken by its reader
    std::atomic<bool> cancelled{false};  ///< by the client: what a stream's reader has taken already is worth nothing
    std::atomic<bool> withdrawn{false};  ///< the callback is not to run
    RawFuture::Callback callback;
    std::condition_variable* waiting =
        nullptr;                        ///< its caller's: for items, the end, or the driving that is handed over
    std::shared_ptr<PendingCall> self;  ///< of an asynchronous call while it is under way: the session points here

    /// Whether who waits for it has something to take.
    [[nodiscard]] bool settled() const noexcept { return done || !items.empty(); }
    void notify() {
        if (waiting) waiting->notify_all();
    }
};

/// Thread-safe. Its background thread and futures keep it alive; from shut_down() on it has no sockets.
class ClientRuntime : public std::enable_shared_from_this<ClientRuntime> {
public:
    ClientRuntime(ClientOptions options, const transport::Context& context);

    Result<RawReply> call(const NewCall& call);
    std::shared_ptr<PendingCall> start(const NewCall& call);
    /// The same, and then(), at once.
    void start(const NewCall& call, RawFuture::Callback callback);
    /// While it is held nobody drives: what is started with it leaves together.
    using Hold = std::unique_lock<std::mutex>;
    [[nodiscard]] Hold hold() { return Hold{mutex_}; }
    std::shared_ptr<PendingCall> start(Hold& hold, const NewCall& call, RawFuture::Callback callback);

    bool ready(const PendingCall& call);
    /// Whether it is settled. Nothing as `until`: it is when this returns.
    bool wait(PendingCall& call, std::optional<TimePoint> until);
    void cancel(const PendingCall& call);
    /// Of a stream: waits until there are items and moves all of them into `items`, which is empty; or gives its end.
    std::optional<Result<RawReply>> take_items(PendingCall& call, std::vector<std::string>& items);
    /// So many more items may come.
    void grant(const PendingCall& call, std::uint32_t items);
    /// Ends all calls, and refuses new ones.
    void close();
    Result<RawReply> take(PendingCall& call);
    void then(const std::shared_ptr<PendingCall>& call, RawFuture::Callback callback);
    /// What then() was given does not run any more, unless it runs already.
    void take_back_callback(PendingCall& call);

    /// Closes, waits until no caller is in here any more, and gives up the sockets. Once.
    void shut_down();

private:
    using Lock = std::unique_lock<std::mutex>;
    using Batch = std::vector<std::shared_ptr<PendingCall>>;

    std::shared_ptr<PendingCall> fresh();
    void begin(const NewCall& call, PendingCall& pending);
    void begin_in_background(const NewCall& call, PendingCall& pending);
    void leave_to_background(std::shared_ptr<PendingCall> pending);
    bool wait(Lock& lock, PendingCall& call, std::optional<TimePoint> until);
    void wait_for_driver(Lock& lock, PendingCall& call, std::optional<TimePoint> until);
    template <class Finished>
    void drive(Lock& lock, std::optional<TimePoint> until, Finished finished);
    std::optional<Duration> turn(std::optional<TimePoint> until);
    void sleep(Lock& lock, std::optional<Duration> timeout);
    void close(const Lock& lock);
    void wake_driver() noexcept;
    void flush();
    void hand_out();
    void hand_out(StreamItem item);
    void hand_out(Outcome& outcome);
    void pass_on();

    void start_background();
    void wake_background();
    void run_background();
    void call_back(Lock& lock, std::shared_ptr<PendingCall> call);
    void run_callbacks(Lock& lock);
    void use_again(Batch& called_back);

    std::mutex mutex_;
    ClientSession session_;
    std::optional<BrokerSockets> sockets_;
    bool driving_ = false;
    bool asleep_ = false;  ///< the driver is; it has to be woken for what is new
    bool woken_ = false;   ///< it was
    bool alone_ = true;    ///< nobody has had to wake a driver yet: this client has one caller at a time
    bool closed_ = false;
    bool stopping_ = false;                ///< by shut_down()
    std::size_t inside_ = 0;               ///< threads that wait here for a call
    std::condition_variable left_;         ///< the last of them has gone, or the driver
    std::vector<PendingCall*> followers_;  ///< whose callers wait while another drives

    std::thread background_;
    std::condition_variable background_work_;
    bool background_idle_ = false;
    std::size_t asynchronous_ = 0;  ///< calls under way that no caller may be waiting for
    Batch callbacks_;               ///< of calls that have ended
    Batch spare_;                   ///< used again
    std::vector<Outcome> outcomes_;
};

}  // namespace rpcbroker::detail
