// The broker as a state machine: told of messages, closed connections and the time, it fills two outboxes.
//
//   client --request--> on_frontend --> route --> dispatch --> to_workers
//   worker --response--> on_backend --> answer --> to_clients
//   worker --stream item--> on_backend --> pass_item --> to_clients
//
// No I/O, no clock, no thread, no log. Rules: docs/PROTOCOL.md; why they are what they are: docs/ARCHITECTURE.md.
// The invariants: every accepted call ends exactly once; a worker's place is taken until it answers, returns the call or is
// lost; no call goes to a worker without room or after its deadline; nothing is dropped uncounted.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <rpcbroker/broker_options.hpp>
#include <rpcbroker/pack.hpp>

#include "broker/call_table.hpp"
#include "broker/counters.hpp"
#include "broker/directory.hpp"
#include "broker/identities.hpp"
#include "broker/registration.hpp"
#include "common/body.hpp"
#include "common/deadlines.hpp"
#include "common/message.hpp"
#include "common/outbox.hpp"
#include "common/peer.hpp"
#include "common/time.hpp"

namespace rpcbroker::broker {

/// One connection of the frontend.
struct Client {
    PeerId peer;
    std::string name;
    bool hello = false;
    bool heartbeat = false;
    TimePoint last_heard;  ///< on the broker's own running time
    Deadlines::Handle timer = Deadlines::none;
    Call* calls = nullptr;          ///< not ended, newest first
    std::size_t awaited = 0;        ///< of them, those that it waits for: not one-way
    std::size_t held = 0;           ///< all of them, one-way ones included
    std::size_t held_bytes = 0;     ///< of their requests
    std::uint64_t calls_ended = 0;  ///< with an outcome
    std::uint64_t errors = 0;       ///< of them
    Method* last_method = nullptr;  ///< most clients call the same one again; it may
    Identity identity;              ///< null: came by no key
    Call* withheld = nullptr;       ///< its streams whose credit is held back until it reads
    bool congested = false;         ///< it is among those to look at again for that
    /// Its calls by msgid, the latest of equals. Kept from its first rpc.cancel on.
    std::unique_ptr<std::unordered_map<std::uint32_t, Call*>> by_msgid;
};

/// Something that an operator wants to read of. The loop logs it.
struct Notice {
    enum class Level : std::uint8_t { info, warning };
    Level level;
    std::string text;
    std::vector<std::pair<std::string, std::string>> fields;
};

/// Of a body: what is to be taken of it at once, so that a large one of many small messages does not hold everybody up.
struct Share {
    std::size_t from = 0;  ///< byte
    std::size_t most = std::numeric_limits<std::size_t>::max();
};

/// Of which sides all that had come was handed in, so that silence is silence.
struct Drained {
    bool clients = true;
    bool workers = true;
};

/// Not thread-safe. `now` never goes back from one call to the next.
class BrokerCore {
public:
    /// A body over this is moved, not copied, where it stands alone; if not idempotent, it cannot be sent twice.
    static constexpr std::size_t large_body = std::size_t{64} << 10;
    /// With more bytes or bodies than this kept for a client, the workers of its streams are granted no more items. What a
    /// request itself grants, a window at most, goes with it all the same.
    static constexpr std::size_t stream_unsent_bytes = std::size_t{1} << 20;
    static constexpr std::size_t stream_unsent_bodies = 4096;

    BrokerCore(const BrokerLimits& limits, std::string broker_id, TimePoint now);
    ~BrokerCore();
    BrokerCore(const BrokerCore&) = delete;
    BrokerCore& operator=(const BrokerCore&) = delete;

    /// Takes `share.most` messages of a body from its byte `share.from` on. Returns where to go on, before anything else of this
    /// peer is handed in, or 0: all of it was taken. `envelope` is opaque and handed back with the
    /// answer. A large body may be moved out of `body`.
    std::size_t on_frontend(PeerId peer, std::string_view envelope, Body& body, TimePoint now, Share share = {});
    std::size_t on_backend(PeerId peer, std::string_view envelope, Body& body, TimePoint now, Share share = {});
    /// From now on only those may do anything who have an identity, and what its line allows.
    void require_keys() noexcept { needs_keys_ = true; }
    /// The key of a connection, before its first body is handed in, or what became of its line since.
    void set_client_identity(PeerId peer, Identity identity);
    /// False: it has registered what it may not; cut it off.
    [[nodiscard]] bool set_worker_identity(PeerId peer, Identity identity);
    /// The connection is gone. What it had sent before was handed in before.
    void on_frontend_closed(PeerId peer, TimePoint now);
    void on_backend_closed(PeerId peer, TimePoint now);
    /// Ends what is due. Who is silent is given up only where all that had come from that side was handed in.
    void on_time(TimePoint now, Drained drained = {});
    /// When to call on_time at the latest.
    [[nodiscard]] std::optional<TimePoint> next_deadline() const { return deadlines_.next(); }

    /// Takes no new calls from now on and tells clients to go elsewhere.
    void begin_drain(TimePoint now);
    [[nodiscard]] bool draining() const noexcept { return draining_; }
    /// No accepted call is left (but those that only take a place at a worker).
    [[nodiscard]] bool idle() const noexcept { return unanswered_ == 0; }
    /// Answers all calls that are left: the broker is going.
    void end_all(TimePoint now);

    Outbox& to_clients() noexcept { return to_clients_; }
    Outbox& to_workers() noexcept { return to_workers_; }
    Counters& counters() noexcept { return counters_; }
    /// What happened since the last call; at most max_notices, with a line that says how many were left out.
    std::vector<Notice> take_notices();

    /// A worker that registered since the last call and whose address is to be told, for rpc.workers.
    std::optional<PeerId> next_without_address();
    void set_worker_address(PeerId peer, std::string address);
    [[nodiscard]] const std::string& id() const noexcept { return broker_id_; }
    [[nodiscard]] std::size_t calls_in_system() const noexcept { return unanswered_; }
    [[nodiscard]] std::size_t queued_bytes() const noexcept { return queued_bytes_; }
    /// Whether memory of a load that is gone was freed since the last time that this was asked: the process may keep it.
    bool take_trimmed() noexcept { return std::exchange(trimmed_, false); }

private:
    static constexpr std::size_t max_notices = 64;
    enum class Place : std::uint8_t { back, front };
    enum class Timer : std::uint8_t { call, client, worker, streams, trim };

    // broker_core.cpp: sessions, time.
    void tick(TimePoint now) noexcept;
    [[nodiscard]] TimePoint running_time() const noexcept { return now_ - stalled_; }
    [[nodiscard]] bool is_silent(TimePoint last_heard) const noexcept;
    [[nodiscard]] TimePoint silence_check(TimePoint last_heard, bool drained) const noexcept;
    void watch(Client& client);
    Deadlines::Handle add_timer(Timer kind, TimePoint when, std::uint64_t value);
    void on_client_timer(Client& client, bool drained);
    void on_worker_timer(Worker& worker, bool drained);
    Client& client_of(PeerId peer);
    Client* find_client(PeerId peer) noexcept;
    void drop_client(Client& client);
    Worker* find_worker(PeerId peer) noexcept;
    [[nodiscard]] static std::vector<Service*> services_of(const Worker& worker);
    void drop_worker(Worker& worker, std::string_view why);
    void notice(Notice::Level level, std::string text, std::vector<std::pair<std::string, std::string>> fields);

    // frontend.cpp: what clients send.
    void on_client_message(Client& client, std::string_view envelope, const MessageView& message, Body* alone);
    void on_request(Client& client, std::string_view envelope, const MessageView& message, Body* alone);
    void on_client_notification(Client& client, std::string_view envelope, const MessageView& message);
    void answer_heartbeat(const Client& client);
    void refuse(Client& client, std::string_view envelope, const MessageView& message, const Error& error);
    [[nodiscard]] std::optional<Error> admit(Client& client, std::string_view envelope, const MessageView& message,
                                             Body* alone);
    [[nodiscard]] std::optional<Error> check_request(std::string_view envelope, const MessageView& message) const;
    void describe(Call& call, std::string_view envelope, const MessageView& message) const;
    [[nodiscard]] std::optional<Error> find_pin(const MessageView& message, std::uint64_t& serial);
    Service* find_method(Client& client, const MessageView& message, Method*& method);
    static void place_by(Call& call, std::uint64_t pin, const std::optional<std::string_view>& key) noexcept;
    void keep_request(Call& call, const Client& client, const MessageView& message, Body* alone);
    void keep_tail(Call& call, std::string_view tail);
    void attach(Call& call, Client& client);
    void detach(Call& call);
    Call* client_call(Client& client, std::uint32_t msgid);
    void cancel(Client& client, const MessageView& message);
    void reply_error(PeerId peer, std::string_view envelope, std::optional<std::uint32_t> msgid, const Error& error);

    // rights.cpp: who may do what.
    [[nodiscard]] static bool may_call(const Client& client, std::string_view method) noexcept;
    [[nodiscard]] static Error may_not_call(const Client& client, std::string_view method);
    [[nodiscard]] std::optional<Error> check_right_to_ask(const Client& client, std::string_view method) const;
    [[nodiscard]] std::optional<Error> check_right_to_register(PeerId peer, const Registration& registration) const;

    // overload.cpp: who is let in when not all can be.
    [[nodiscard]] std::optional<Error> check_wait(const Client& client, const Call& call);
    [[nodiscard]] Duration handling_time(const Call& call) const noexcept;
    [[nodiscard]] std::optional<Error> check_share(const Client& client, std::size_t bytes) const;
    [[nodiscard]] std::optional<Error> check_room(const Client& client, const Call& call, std::size_t bytes);
    [[nodiscard]] bool plan_room(const Service& service, PeerId client, std::size_t bytes);
    [[nodiscard]] bool plan_bytes(PeerId client, std::size_t bytes, std::size_t freed);
    [[nodiscard]] Error no_room(const Service& service, std::string message, Ran ran = Ran::no) const;
    void displace();

    // calls.cpp: where a call goes, and how it ends.
    void route(Call& call, Place place);
    void route_to(Call& call, Worker& worker, Place place);
    void hold_without_worker(Call& call, Place place);
    void hold_without_method(Call& call, Place place);
    void enqueue(Call& call, FairQueue& queue, Place place, TimePoint until);
    void unqueue(Call& call) noexcept;
    void begin_waiting(Call& call, Place place);
    void stop_waiting(Call& call) noexcept;
    void count_waiting(const Call& call, bool enters) noexcept;
    void serve(Worker& worker);
    Call* next_for(Worker& worker);
    Call* next_of(Membership& membership);
    Call* next_in_time(Service& service);
    Call* next_uneven(Group& group);
    [[nodiscard]] bool starts_at_once(const Call& call) const noexcept;
    Call* take_first(FairQueue& queue);
    void dispatch(Call& call, Worker& worker);
    void send_request(Call& call, Worker& worker);
    void send_large_request(Call& call, Worker& worker, std::uint32_t left);
    void release_place(Call& call);
    void on_call_timer(Call& call);
    [[nodiscard]] static std::string why_waiting(const Call& call);
    void end(Call& call, const Error& error);
    void give_up(Call& call);
    void free_call(Call& call);
    void forget_if_unused(Service& service);
    void settle(Service& service);
    void reroute(Service& service);
    void reroute_keyed(Service& service);
    void reroute_own(Worker& worker);
    void lose(Call& call, const std::string& worker, std::string_view why);

    // backend.cpp: what workers send.
    void on_worker_message(PeerId peer, const MessageView& message, Body* alone);
    void on_register(PeerId peer, const MessageView& message);
    void refuse_registration(PeerId peer, std::uint32_t msgid, const Error& error);
    void welcome(Worker& worker, std::uint32_t msgid);
    void on_backend_request(PeerId peer, const MessageView& message);
    void on_worker_notification(Worker& worker, const MessageView& message);
    void on_response(Worker& worker, const MessageView& message, Body* alone);
    void learn(const Call& call, const MessageView& message) noexcept;
    void on_return(Worker& worker, const MessageView& message);
    Call* take_back(Worker& worker, std::uint64_t msgid);
    std::vector<Call*> take_unsent(Worker& worker);
    bool take_off(Call& call);
    void start_over(std::vector<Call*> calls, const Worker& worker);
    void start_over(Call& call, const Worker& worker);
    void on_leave(Worker& worker);
    void stop_drawing(Worker& worker);
    void answer(Call& call, const Worker& worker, const MessageView& message, Body* alone);
    void answer_result(Call& call, const Worker& worker, const MessageView& message, Body* alone);
    void answer_error(Call& call, const Worker& worker, const MessageView& message);
    void append_timing(std::string& out, const Call& call, const Worker& worker);
    Worker& make_worker(PeerId peer);
    void notify_worker(PeerId peer, std::string_view method, std::string_view params);

    // streams.cpp: items and credit.
    /// Whether its method streams, and it takes no items.
    [[nodiscard]] static bool lacks_stream(const Call& call) noexcept {
        return !call.takes_items() && call.method && call.method->shown.stream;
    }
    [[nodiscard]] static Error stream_needed(const Call& call);
    void on_stream_item(Worker& worker, const MessageView& message, Body* alone);
    void pass_item(const Call& call, const MessageView& message, Body* alone);
    void on_credit(Client& client, const MessageView& message);
    void top_up(Call& call);
    [[nodiscard]] bool has_read(const Client& client) const noexcept;
    void withhold(Call& call);
    void stop_withholding(Call& call, Client& client) noexcept;
    void on_streams_timer();

    // memory.cpp
    void watch_memory();
    void on_trim_timer();

    // rpc_service.cpp: the service `rpc`.
    using RpcHandler = std::optional<Error> (BrokerCore::*)(Client&, const MessageView&, std::string&);
    void on_rpc_request(Client& client, std::string_view envelope, const MessageView& message);
    void greet(Client& client, const MessageView& message);
    std::optional<Error> rpc_hello(Client& client, const MessageView& message, std::string& out);
    std::optional<Error> rpc_ping(Client& client, const MessageView& message, std::string& out);
    std::optional<Error> rpc_services(Client& client, const MessageView& message, std::string& out);
    std::optional<Error> rpc_describe(Client& client, const MessageView& message, std::string& out);
    std::optional<Error> rpc_workers(Client& client, const MessageView& message, std::string& out);
    std::optional<Error> rpc_calls(Client& client, const MessageView& message, std::string& out);
    std::optional<Error> rpc_stats(Client& client, const MessageView& message, std::string& out);
    std::optional<Error> rpc_drain(Client& client, const MessageView& message, std::string& out);

    // statistics.cpp: figures, and rpc.stats.
    void record(const Call& call, const Worker* worker, const Error* error);
    void note_error(Method& method, const Error& error);
    void note_slow(const Call& call, const Worker* worker, const Error* error);
    [[nodiscard]] std::vector<std::pair<std::string_view, std::uint64_t>> gauges();
    void pack_failures(Packer& out) const;
    void pack_methods(Packer& out);
    void pack_clients(Packer& out) const;

    BrokerLimits limits_;
    std::string broker_id_;
    TimePoint started_;
    TimePoint now_;
    Duration stalled_{};  ///< time in which this did not run: nobody's silence
    bool draining_ = false;
    bool needs_keys_ = false;
    bool trimming_ = false;      ///< Timer::trim is set
    bool freed_ = false;         ///< since the trimming began
    bool large_passed_ = false;  ///< a large body came since it was last asked
    bool trimmed_ = false;       ///< for take_trimmed()

    Deadlines deadlines_;
    Outbox to_clients_;
    Outbox to_workers_;
    Counters counters_;
    std::array<std::uint64_t, 16> failures_by_code_{};
    std::vector<Notice> notices_;
    std::size_t notices_left_out_ = 0;

    Directory directory_;
    CallTable calls_;
    std::size_t unanswered_ = 0;
    std::size_t waiting_ = 0;
    std::size_t queued_bytes_ = 0;
    Shares shares_of_bytes_{Shares::Kind::bytes};   ///< of all waiting calls
    std::vector<Call*> displaced_;                  ///< just now: those that a new call takes the room of
    std::vector<std::unique_ptr<Client>> clients_;  ///< by slot of the peer
    std::vector<std::unique_ptr<Worker>> workers_;  ///< by slot of the peer
    std::unordered_map<std::uint64_t, Worker*> workers_by_serial_;
    std::vector<PeerId> without_address_;
    Identities client_identities_;
    Identities worker_identities_;
    std::uint64_t last_serial_ = 0;
    std::vector<PeerId> congested_;  ///< clients whose streams are withheld, or were until just now
    std::size_t withheld_ = 0;       ///< those streams
    std::string scratch_;
};

}  // namespace rpcbroker::broker
