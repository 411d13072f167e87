// A worker's side of one broker connection, as a state machine: no socket, no thread, no clock.
//
// It is told what came and what time it is, keeps the calls that wait and run, and fills an outbox. Whoever drives it
// (worker/runtime.hpp, or a simulation) connects, sends what is in the outbox, takes calls out with next_call(), runs
// them wherever it likes, and hands each one back with finish(), exactly once.
//
//     closed ── on_connected ──> registering ── answer ──> registered ── silence, a gap ──> registering
//                                     └── error ──> refused ── after a pause ──> registering
//
// Calls are handed out in `registered` only. A broker that answers with another id than before has forgotten us: what
// waits is dropped and what runs is cancelled, as nobody wants their outcome any more. With the same ids they go on.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rpcbroker/error.hpp>

#include "common/message.hpp"
#include "common/outbox.hpp"
#include "common/time.hpp"
#include "worker/held_bodies.hpp"
#include "worker/registration.hpp"
#include "worker/shared_capacity.hpp"
#include "worker/waiting_calls.hpp"

namespace rpcbroker {

struct SessionOptions {
    std::string name;      ///< as `rpc.workers` shows it
    std::string services;  ///< the array of services of rpc.register, as MessagePack
    std::uint32_t threads = 1;
    std::optional<std::uint32_t> capacity;  ///< nothing: see capacity.hpp. Not looked at where `room` is given
    /// Whether a method is registered as idempotent; may be empty. The broker keeps the bytes of such calls only when
    /// they are large, so only these can be returned then.
    std::function<bool(std::string_view method)> idempotent;
    /// What the sessions of a worker of several brokers share. Null: this one is alone and makes its own.
    std::shared_ptr<SharedCapacity> room = nullptr;
};

/// A call to be run. Its views are good until it is finished.
struct Call {
    std::uint32_t slot = 0;  ///< names the call until it is finished; small, and used again
    std::uint32_t msgid = 0;
    std::string_view method;
    std::string_view params;
    OptionsView options;
    std::optional<TimePoint> deadline;
    std::shared_ptr<const std::string> worker;  ///< the id that the broker gave us
};

/// What the driver may want to act on or to tell its user.
struct SessionEvent {
    enum class What : std::uint8_t {
        registered,      ///< `detail`: the worker id
        refused,         ///< `detail`: the broker's error; tried again after a pause that grows
        unreachable,     ///< no connection or no answer for a while; told at once and then rarely
        lost,            ///< the registration is no longer good; `detail`: why. A new one is on its way
        call_cancelled,  ///< `slot`: the call, which still has to be finished
        call_credited,   ///< `slot`: a call that had no credit for stream items, and has some now
        left,            ///< no more calls come from this broker
    };
    What what = What::registered;
    std::string detail;
    std::uint32_t slot = 0;
};

/// What became of a stream item, or would.
enum class ItemSent : std::uint8_t {
    yes,
    no_credit,  ///< the caller takes no more just now: try again after `call_credited`
    no_room,    ///< too much waits to be sent: try again when some of it was
    unwanted,   ///< nobody waits for it any more: the call was cancelled, or is of an earlier registration
    too_large,  ///< over the broker's max_message
};

/// Counts since the start.
struct SessionCounters {
    std::uint64_t malformed_bodies = 0;
    std::uint64_t unexpected_messages = 0;  ///< well formed, but nothing that a broker says, or not now
    std::uint64_t calls = 0;                ///< handed out
    std::uint64_t expired = 0;              ///< ran out of time before they were started
    std::uint64_t cancelled = 0;            ///< cancelled before they were started
    std::uint64_t returned = 0;
    std::uint64_t dropped = 0;         ///< not started, of a registration that is no longer good
    std::uint64_t stale_outcomes = 0;  ///< of calls of such a registration
    std::uint64_t registrations = 0;   ///< that were sent
    std::uint64_t items = 0;           ///< of streams
};

/// Not thread-safe. `now` never goes back from one call to the next.
class WorkerSession {
public:
    /// What the outbox calls the broker.
    static constexpr PeerId broker{};
    /// Until the broker has said its own.
    static constexpr Duration default_heartbeat = std::chrono::milliseconds{500};
    /// A broker, like a worker, is lost after so many silent heartbeats.
    static constexpr int silent_heartbeats = 3;
    /// After so long without a word from the broker nobody waits for what runs: it is cancelled. It still counts, should the
    /// broker come back.
    static constexpr Duration longest_silence = std::chrono::seconds{30};
    /// Stream items are taken while less than this waits to be sent, so that a fast handler cannot fill the memory.
    static constexpr std::size_t most_waiting_bytes = std::size_t{256} << 10;

    WorkerSession(SessionOptions options, TimePoint now);

    // What happens to it.

    /// A connection is there (again). Registers.
    void on_connected(TimePoint now);
    /// It is gone: calls that wait are dropped, those that run cancelled.
    void on_closed(TimePoint now);
    void on_body(Body body, TimePoint now);
    void on_time(TimePoint now);
    /// When on_time() is wanted again, if nothing else happens.
    [[nodiscard]] std::optional<TimePoint> next_deadline() const;

    // Calls.

    /// The next call to start, into `call`; false when there is none. Those whose time ran out while they waited are
    /// answered instead.
    bool next_call(Call& call, TimePoint now);
    /// The same, for who does not mind a copy.
    std::optional<Call> next_call(TimePoint now) {
        Call call;
        return next_call(call, now) ? std::optional{std::move(call)} : std::nullopt;
    }
    /// What came of a call, once. `response` is a whole message: begin_result() and the value, or append_error(). It is
    /// moved from where it is large; one over the broker's max_message becomes RESOURCE_EXHAUSTED. The outcome of a call
    /// of an earlier registration is dropped.
    void finish(const Call& call, std::string& response);

    // Streams: items of a call that is running, before its finish().

    /// Sends an item, which takes one of the call's credit. `item` is a whole message, begin_item() and the value; it is
    /// moved from where it is large, and stays as it is where it is not sent.
    ItemSent send_item(const Call& call, std::string& item);
    /// What send_item() would say of a small item.
    [[nodiscard]] ItemSent may_send_item(const Call& call) const noexcept;

    // Room.

    /// To be called when all threads are in handlers: when they have been for too long, calls that wait behind them go
    /// back to the broker, and no more are taken until take_again(). Returns whether that is so now. The sessions of one
    /// worker are all to be asked.
    bool give_back(TimePoint now);
    /// When give_back() will have something to do, if no call is started until then.
    [[nodiscard]] std::optional<TimePoint> give_back_at() const;
    /// A thread is free again.
    void take_again();

    // The end.

    /// No more calls, please. What is here already is still run.
    void leave(TimePoint now);
    /// Nothing is on its way to us, waits or runs, and nothing will. There may be something left to send.
    [[nodiscard]] bool finished() const noexcept;

    [[nodiscard]] Outbox& outbox() noexcept { return outbox_; }
    [[nodiscard]] const Outbox& outbox() const noexcept { return outbox_; }
    /// In order, each once. To be asked for after every call of the functions above: slots are used again.
    std::optional<SessionEvent> next_event();
    [[nodiscard]] const SessionCounters& counters() const noexcept { return counters_; }
    [[nodiscard]] bool registered() const noexcept { return state_ == State::registered; }
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }

private:
    enum class State : std::uint8_t { closed, registering, refused, registered };
    struct Running {
        std::uint32_t msgid = 0;
        HeldBodies::Index body = 0;
        std::uint64_t credit = 0;  ///< stream items that it may still send
        bool streams = false;      ///< the caller takes stream items at all
        bool current = false;      ///< the broker waits for its outcome
        bool cancelled = false;
    };

    void observe(TimePoint now);
    void on_gap(TimePoint now);
    void keep_alive(TimePoint now);
    void give_up_running(TimePoint now);
    void complain(TimePoint now, std::string_view what);

    void send_register(TimePoint now);
    void register_again(TimePoint now);
    void on_answer(const MessageView& message, TimePoint now);
    void on_earlier_answer(const MessageView& message);
    void become(RegistrationAnswer answer);
    void on_registered(RegistrationAnswer answer, TimePoint now);
    void on_refused(std::string why, TimePoint now);
    void forget_calls();
    void drop_waiting();
    void left();

    void on_message(const MessageView& message, HeldBodies::Index body, TimePoint now);
    void on_notification(const MessageView& message, TimePoint now);
    void on_request(const MessageView& message, HeldBodies::Index body, TimePoint now);
    void keep(const MessageView& message, HeldBodies::Index body, TimePoint now);
    void on_cancel(std::string_view params);
    void on_credit(std::string_view params);
    void on_register_again(TimePoint now);

    void cancel_waiting(std::uint32_t msgid);
    void cancel_running(std::uint32_t slot);
    [[nodiscard]] std::optional<std::uint32_t> find_running(std::uint32_t msgid) const noexcept;
    void add_credit(std::uint32_t slot, std::uint64_t credit);
    void expire(const WaitingCall& waiting);
    void start(const WaitingCall& waiting, Call& call, TimePoint now);
    std::uint32_t take_slot();
    void settle(std::uint32_t slot);
    [[nodiscard]] bool may_return(const MessageView& message) const;
    void return_waiting();
    void return_latest(std::size_t calls);
    void return_excess();
    void tell_room();

    [[nodiscard]] std::uint32_t capacity() const noexcept { return room_->share(place_); }
    [[nodiscard]] bool is_announced() const noexcept;
    void announce_capacity();
    void send_heartbeat();
    void notify(std::string_view method, std::string_view params);
    void answer(std::uint32_t msgid, const Error& error);
    void send(std::string& message);
    void event(SessionEvent::What what, std::string detail = {}, std::uint32_t slot = 0);

    SessionOptions options_;
    std::shared_ptr<SharedCapacity> room_;
    SharedCapacity::Broker place_;  ///< which of its brokers this is
    Outbox outbox_;
    std::deque<SessionEvent> events_;
    SessionCounters counters_;

    State state_ = State::closed;
    bool leaving_ = false;
    bool left_ = false;
    bool returning_ = false;  ///< since a gap: what arrives may be stale, and goes back
    std::uint32_t register_msgid_ = 0;
    std::string broker_id_;  ///< as MessagePack
    std::shared_ptr<const std::string> worker_id_;
    std::size_t max_message_;
    Duration heartbeat_ = default_heartbeat;
    bool beating_ = true;  ///< whether the broker has a heartbeat at all

    TimePoint seen_;     ///< the last `now`
    TimePoint heard_;    ///< of the broker
    TimePoint beat_at_;  ///< the next heartbeat
    TimePoint retry_at_;
    TimePoint complain_at_;
    TimePoint give_up_leaving_at_;
    Duration pause_;
    std::uint32_t announced_ = 0;

    HeldBodies bodies_;
    WaitingCalls waiting_;
    std::vector<Running> running_;  ///< by slot
    std::vector<std::uint32_t> free_slots_;
    std::uint32_t running_count_ = 0;  ///< all of them
    std::uint32_t current_count_ = 0;  ///< those that the broker waits for
    std::string scratch_;
};

/// Begins a response that says what came of a call; exactly one MessagePack value must follow.
void begin_result(std::string& out, std::uint32_t msgid);
/// Begins a stream item; exactly one MessagePack value must follow.
void begin_item(std::string& out, std::uint32_t msgid);

}  // namespace rpcbroker
