// The client's side of the protocol, as a state machine: its calls, and what it knows of its brokers.
//
// No I/O, no clock, no threads. A loop tells it what happened and when; it answers with bodies to send (next_outgoing),
// with the items of streams (take_items) and with outcomes (take_outcomes). Every call that was started ends exactly once, at the latest a quarter of a second
// after its deadline, whatever the brokers do. docs/PROTOCOL.md is the law; where it leaves room, it is filled here:
//
// - Calls wait in the client while no broker can take them: they were certainly not sent ("ran": "no").
// - Requests over 4 KiB wait until the broker has answered rpc.hello, because only then max_message is known.
// - A broker that says rpc.goaway gets no new calls on that connection; where there is no other, calls wait.
// - A broker that was silent for three heartbeats gets no calls until it has answered another rpc.hello.
// - A request that was still in the outbox when its broker was lost was not sent, and waits again, idempotent or not.
// - A stream that was sent is never run again: it ends with its broker, after the items that came. One to which more
//   items come than were granted ends with INTERNAL. Items for any other call are counted and dropped.
// - A call that is tried again (RetryPolicy) rests until then: it is in flight nowhere, but counts as a call, and its
//   request as held.
// - At its deadline a call that waits ends with UNAVAILABLE. One that was sent ends with DEADLINE_EXCEEDED if the
//   broker has ever answered on that connection, else with UNAVAILABLE: what is there is hardly a broker.
#pragma once

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rpcbroker/client_options.hpp>
#include <rpcbroker/error.hpp>
#include <rpcbroker/raw_reply.hpp>
#include <rpcbroker/result.hpp>

#include "client/numbered.hpp"
#include "client/request_parts.hpp"
#include "common/deadlines.hpp"
#include "common/key_trouble.hpp"
#include "common/message.hpp"
#include "common/outbox.hpp"
#include "common/time.hpp"

namespace rpcbroker {

/// A call that was started; never used twice by a session.
using CallId = std::uint64_t;
/// A broker: its place in the list of endpoints.
using BrokerIndex = std::uint32_t;

/// What start() is given. The views and options are needed only while it runs.
struct NewCall {
    std::string_view method;
    std::string_view params;  ///< an array, as MessagePack
    const CallOptions& options;
    std::optional<TimePoint> latest{};  ///< the call's deadline is no later, whatever its timeout
    bool one_way = false;
    /// The caller takes the items of a stream, and so many before it grants more. Nothing to a one-way call.
    std::optional<std::uint32_t> stream{};
    void* owner = nullptr;  ///< never looked at: handed back with items and the outcome
};

/// What came of a stream, as MessagePack.
struct StreamItem {
    CallId call = 0;
    void* owner = nullptr;
    std::string item;
};

/// How a call ended. A one-way call is well once it was handed to a connection.
struct Outcome {
    Outcome(CallId ended, void* its_owner) : call(ended), owner(its_owner) {}

    CallId call;
    void* owner;
    Result<RawReply> reply{std::in_place};
};

/// What was dropped, and what befell the brokers, counted by reason.
struct ClientCounters {
    /// Answers and items to calls that had ended, were never made, or went elsewhere.
    std::uint64_t unknown_responses = 0;
    std::uint64_t malformed_bodies = 0;
    std::uint64_t unexpected_messages = 0;  ///< well-formed, but nothing that a client is sent
    std::uint64_t brokers_lost = 0;         ///< closed, silent, restarted
    std::uint64_t calls_run_again = 0;      ///< idempotent calls of lost brokers
    std::uint64_t retries = 0;              ///< as RetryPolicy says
    std::uint64_t retries_denied = 0;       ///< their budget was used up
};

/// Not thread-safe. Times never go back.
class ClientSession {
public:
    /// A broker's answer has this long beyond the deadline to arrive, while the broker is heard.
    static constexpr Duration grace = std::chrono::milliseconds{250};
    /// Before the broker has said its own.
    static constexpr Duration default_heartbeat = std::chrono::milliseconds{500};
    /// A larger request is not sent before max_message is known.
    static constexpr std::size_t unasked_bytes = std::size_t{4} << 10;
    /// What a retry costs in the budget, and the most that is in it. A call that is made adds one.
    static constexpr unsigned retry_price = 5;
    static constexpr unsigned most_retry_budget = 10 * retry_price;
    /// Of every rpc.hello. Calls have others.
    static constexpr std::uint32_t hello_msgid = 0;

    /// `options.brokers` are the endpoints, checked by the caller; at least one.
    /// `seed` is for the jitter of retries.
    ClientSession(ClientOptions options, TimePoint now, std::uint32_t seed = 1);

    CallId start(const NewCall& call, TimePoint now);
    /// Ends the call with CANCELLED and tells its broker. Nothing happens to one that has ended.
    void cancel(CallId call);
    void cancel_all();
    /// So many more items may come. Nothing happens to a call that has ended, is no stream, or was not sent yet.
    void grant(CallId call, std::uint32_t items);

    /// The connection is there: the broker is greeted, and calls that wait go out.
    void on_connected(BrokerIndex broker, TimePoint now);
    void on_closed(BrokerIndex broker, std::string_view reason, TimePoint now);
    /// The other side is there, but does not let us in. Where keys are why at every broker, calls that wait end: it would be
    /// the same in a while.
    void on_refused(BrokerIndex broker, std::string_view reason, KeyTrouble keys, TimePoint now);
    void on_body(BrokerIndex broker, std::string_view body, TimePoint now);
    /// A message of other frames than a body came, and was dropped.
    void on_bad_frames(BrokerIndex broker, TimePoint now);
    /// Read what came in before this: silence and deadlines are judged here.
    void on_time(TimePoint now);
    [[nodiscard]] std::optional<TimePoint> next_deadline() const;

    /// The first body that is to go to this broker, null when there is none; and: it was sent.
    Outgoing* next_outgoing(BrokerIndex broker);
    void on_sent(BrokerIndex broker);

    /// What came of streams since the last call, in order. Take them before the outcomes: no item is younger than its
    /// call's outcome.
    std::vector<StreamItem> take_items() { return std::exchange(items_, {}); }
    /// What ended since the last call, in order.
    std::vector<Outcome> take_outcomes() { return std::exchange(outcomes_, {}); }
    /// The same in place of what is in `outcomes`, whose memory is used for those that follow.
    void take_outcomes(std::vector<Outcome>& outcomes) {
        outcomes.clear();
        outcomes.swap(outcomes_);
    }
    [[nodiscard]] bool has_outcomes() const noexcept { return !outcomes_.empty(); }

    [[nodiscard]] std::size_t calls() const noexcept { return calls_.size(); }
    /// Calls that this broker has not answered yet.
    [[nodiscard]] std::uint32_t in_flight(BrokerIndex broker) const noexcept { return links_[broker].in_flight; }
    [[nodiscard]] std::size_t brokers() const noexcept { return links_.size(); }
    [[nodiscard]] const ClientCounters& counters() const noexcept { return counters_; }

private:
    /// Of a call that may be tried again.
    struct Retrying {
        RetryPolicy policy;
        unsigned left = 0;  ///< attempts
        std::chrono::duration<double, std::milli> pause{};
    };

    struct Call {
        void* owner = nullptr;
        std::string request;       ///< the whole message, while it waits or may have to be sent again
        std::size_t held = 0;      ///< bytes of it, as held_bytes_ has them
        std::uint64_t credit = 0;  ///< items of a stream that may still come
        TimePoint deadline{};
        Deadlines::Handle timer = Deadlines::none;  ///< for the deadline, or the end of its rest
        std::unique_ptr<Retrying> retrying;         ///< null: it is not tried again
        BrokerIndex broker = 0;
        std::uint32_t msgid = 0;
        bool sent = false;          ///< else it waits
        bool resting = false;       ///< until it is tried again; neither sent nor waiting
        bool may_have_run = false;  ///< at a broker that was lost, or in an attempt that failed
        bool one_way = false;
        bool stream = false;
        bool items_came = false;
        bool idempotent = false;
        bool in_grace = false;
    };

    enum class LinkState : std::uint8_t {
        down,      ///< no connection
        greeting,  ///< rpc.hello is said; small calls follow it at once
        up,        ///< rpc.hello is answered
        silent,    ///< given up, and greeted again; calls wait for the answer
        refused,   ///< rpc.hello was answered with an error
    };

    /// What is known of one broker. A new generation begins with each connection, and each time it is given up.
    struct Link {
        std::string endpoint;
        LinkState state = LinkState::down;
        bool leaving = false;
        std::string broker_id;
        std::string trouble;                       ///< why it cannot be used, when that is known
        Code refusal = Code::failed_precondition;  ///< when it is refused
        unsigned key_refusals = 0;                 ///< one after the other
        std::size_t max_message = 0;
        Duration heartbeat = default_heartbeat;
        TimePoint quiet_since{};  ///< the last word of it, or since when one is due
        TimePoint checked{};      ///< when silence was last judged
        TimePoint next_heartbeat{};
        std::uint32_t in_flight = 0;
        std::uint32_t generation = 0;
        std::uint64_t written = 0;                              ///< messages of this generation, put into the outbox
        std::uint64_t sent = 0;                                 ///< and taken by the connection
        std::deque<std::pair<std::uint64_t, CallId>> one_ways;  ///< not yet taken, by sequence
    };

    // Calls: from start to outcome.
    [[nodiscard]] std::chrono::milliseconds time_for(const NewCall& call, TimePoint now) const;
    [[nodiscard]] bool accept(const NewCall& call);
    [[nodiscard]] Error refusal(const NewCall& call) const;
    [[nodiscard]] bool has_room_for(std::size_t bytes) const noexcept;
    void place(CallId id, Call& call, TimePoint now);
    bool begin_sending(CallId id, Call& call, std::size_t size, BrokerIndex broker, TimePoint now);
    void send(CallId id, Call& call, BrokerIndex broker, TimePoint now);
    void write(BrokerIndex broker, std::string& request, bool copy);
    [[nodiscard]] static bool may_be_sent_again(const Call& call) noexcept;
    void dispatch(CallId id, Call& call, TimePoint now);
    void dispatch_waiting(TimePoint now);
    void on_timer(CallId id, TimePoint now);
    void on_call_deadline(CallId id, Call& call, TimePoint now);
    void release(Call& call) noexcept;
    void take_back(CallId id, Call& call);
    void tell_broker(const Call& call, std::string_view method, std::initializer_list<std::uint32_t> numbers);
    void cancel_at_broker(const Call& call);
    void keep(Call& call, std::string request);
    void wait_no_more(CallId id) {
        if (!waiting_.empty()) waiting_.erase(id);
    }
    void end(CallId id, Error error);
    void succeed(CallId id, std::string_view result, std::string_view timing);
    void forget(CallId id);

    // Retries (client_retries.cpp).
    [[nodiscard]] static std::unique_ptr<Retrying> retrying_by(const RetryPolicy& policy);
    [[nodiscard]] static bool may_be_tried_again(const Call& call, const Error& error) noexcept;
    void fail(CallId id, Error error, TimePoint now);
    [[nodiscard]] bool try_again(CallId id, Call& call, const Error& error, TimePoint now);
    [[nodiscard]] Duration next_pause(Retrying& retrying, const Error& error);
    [[nodiscard]] bool spend_retry() noexcept;
    void wake(CallId id, Call& call, TimePoint now);

    // Brokers.
    std::optional<BrokerIndex> choose(std::size_t bytes) noexcept;
    [[nodiscard]] bool every_broker_refuses() const noexcept;
    [[nodiscard]] Error refused_error(bool may_have_run) const;
    static void note_key_trouble(Link& link, KeyTrouble keys) noexcept;
    [[nodiscard]] bool every_broker_keeps_out() const noexcept;
    [[nodiscard]] Error kept_out_error(bool may_have_run) const;
    void end_kept_out();
    [[nodiscard]] static bool is_heard(const Link& link, TimePoint now) noexcept;
    [[nodiscard]] static bool awaits_word(const Link& link) noexcept;
    static void expect_word(Link& link, TimePoint now) noexcept;
    [[nodiscard]] std::string nobody_answers() const;
    [[nodiscard]] PeerId peer_of(BrokerIndex broker) const noexcept { return {broker, links_[broker].generation}; }
    std::string& write_to(BrokerIndex broker);
    void say_hello(BrokerIndex broker, LinkState state, TimePoint now);
    static void forgive_unattended(Link& link, TimePoint now) noexcept;
    void judge_silence(BrokerIndex broker, TimePoint now);
    void lose(BrokerIndex broker, const std::string& reason, TimePoint now);
    void take_back_unsent(BrokerIndex broker);
    void end_lost(CallId id, Call& call, const std::string& reason, TimePoint now);

    // Messages (client_messages.cpp).
    void on_message(BrokerIndex broker, const MessageView& message, TimePoint now);
    [[nodiscard]] CallId find_running(BrokerIndex broker, std::uint32_t msgid) noexcept;
    void on_response(BrokerIndex broker, const MessageView& message, TimePoint now);
    void on_stream_item(BrokerIndex broker, const MessageView& message);
    void on_hello_answer(BrokerIndex broker, const MessageView& message, TimePoint now);
    void on_hello_refused(BrokerIndex broker, std::string_view error);
    void on_notification(BrokerIndex broker, const MessageView& message, TimePoint now);
    void on_heartbeat(BrokerIndex broker, std::string_view params, TimePoint now);
    void start_afresh(BrokerIndex broker, TimePoint now);

    ClientOptions options_;
    std::vector<Link> links_;
    Numbered<CallId, Call> calls_;
    Numbered<std::uint32_t, CallId> msgids_;  ///< of calls in flight, over all brokers
    std::set<CallId> waiting_;                ///< in the order of their start
    CallId waited_before_ = 0;                ///< the newest of those that waited already at the last on_time
    bool refused_again_ = false;              ///< since then
    Deadlines deadlines_;
    Outbox outbox_;
    std::vector<StreamItem> items_;
    std::vector<Outcome> outcomes_;
    ClientCounters counters_;
    std::size_t held_bytes_ = 0;
    unsigned retry_budget_ = most_retry_budget;
    std::minstd_rand random_;
    RequestParts request_;
    BrokerIndex last_chosen_ = 0;
};

}  // namespace rpcbroker
