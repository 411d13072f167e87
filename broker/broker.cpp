// The loop round BrokerCore: one thread, two sockets, nothing in it that blocks but the poll.
#include <rpcbroker/broker.hpp>

#include <malloc.h>
#include <sys/random.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <set>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <rpcbroker/endpoint.hpp>

#include "broker/admission.hpp"
#include "broker/backlog.hpp"
#include "broker/broker_core.hpp"
#include "broker/broker_id.hpp"
#include "broker/key_table.hpp"
#include "common/descriptors.hpp"
#include "common/time.hpp"
#include "common/transport/context.hpp"
#include "common/transport/flush.hpp"
#include "common/transport/poller.hpp"
#include "common/transport/router.hpp"

namespace rpcbroker {

namespace {

using broker::BrokerCore;
using broker::Counter;
using broker::Notice;

/// Bodies taken from one socket before the other has its turn, and for how long; a body may hold thousands of calls.
constexpr int bodies_a_turn = 64;
constexpr Duration longest_share = std::chrono::milliseconds(1);
/// Messages of one body that are taken at once. The libraries put up to 1,024 calls into one.
constexpr std::size_t messages_at_once = 2048;
/// Rounds of both sockets before timers and senders have theirs, and for how long.
constexpr int rounds_a_turn = 8;
constexpr Duration longest_turn = std::chrono::milliseconds(2);
constexpr Duration retry_blocked = std::chrono::milliseconds(2);
constexpr Duration flush_at_end = std::chrono::seconds(1);
/// A client may stop reading for a while, though it let itself be sent more than its system holds. The kernel takes one
/// that does not read for one that is not there; what of it is kept here is bounded, so it gets more time than a worker.
constexpr std::chrono::milliseconds client_may_pause = std::chrono::minutes(2);

std::string random_id() {
    std::uint64_t bits = 0;
    if (getrandom(&bits, sizeof bits, 0) != sizeof bits)
        throw std::system_error(errno, std::generic_category(), "getrandom");
    return broker::broker_id(bits);
}

transport::ConnectionLimits connection_limits(const BrokerConnections& wanted) {
    const auto total = connections_within_limit(wanted.max);
    return {total, wanted.max_per_address != 0 ? wanted.max_per_address : total / 2, wanted.max_accept_rate};
}

Endpoint checked(const std::string& text, bool open) {
    auto endpoint = Endpoint::parse(text, Endpoint::Use::bind).value();
    if (!open && !endpoint.is_local())
        throw Error(Code::permission_denied,
                    text +
                        ": strangers could reach it; ask for keys (--key, --authorized), bind to "
                        "127.0.0.1 or ipc://, or say that it is meant to be open (--insecure)");
    return endpoint;
}

}  // namespace

/// One of the two sockets with what belongs to it.
struct Side {
    Side(broker::Side side, const transport::Context& context, const transport::RouterOptions& options,
         const broker::KeyTable* keys, BrokerCore& core)
        : router(context, options), admission(side, keys, router, core) {}

    transport::Router router;
    broker::Admission admission;
    transport::Flush flush;
    std::vector<std::string> endpoints;
    transport::Incoming incoming;
    broker::Backlog backlog;
    std::set<PeerId> cut;   ///< as they do not read or send too much, and not reported closed yet
    std::set<PeerId> gone;  ///< found gone while sending; reported once what they had sent before was read

    void bind(const std::vector<std::string>& wanted, bool open) {
        for (const auto& text : wanted) endpoints.push_back(router.bind(checked(text, open)).value());
    }
};

struct Broker::State {
    State(BrokerOptions wanted, const transport::Context& context)
        : options(std::move(wanted)),
          core(options.limits, random_id(), Clock::now()),
          gate(transport::make_gate(connection_limits(options.connections))),
          keys(options.keys ? std::make_unique<broker::KeyTable>(options.keys->authorized) : nullptr),
          front(broker::Side::front, context, front_options(), keys.get(), core),
          back(broker::Side::back, context, router_options(broker::Side::back), keys.get(), core) {
        if (keys) {
            core.require_keys();
            options.keys->own.forget_secret();  // the sockets have it
        }
        const bool open = options.insecure || keys;
        front.bind(options.frontends, open);
        back.bind(options.backends, open);
        poller.add(front.router);
        poller.add(back.router);
        poller.add(wakeup);
    }

    transport::RouterOptions router_options(broker::Side side) {
        transport::RouterOptions result;
        result.max_message = options.limits.max_message;
        result.gate = gate;
        result.door = side == broker::Side::front ? transport::Door::front : transport::Door::back;
        if (keys)
            result.keys.emplace(options.keys->own.secret_key, [this, side](auto key, auto address) {
                const auto number = keys->admit(side, key, address);
                if (number == 0) wakeup.signal();  // it is logged
                return number;
            });
        return result;
    }

    transport::RouterOptions front_options() {
        auto result = router_options(broker::Side::front);
        result.stuck = client_may_pause;
        return result;
    }

    void run();
    bool receive(Side& side, bool from_workers, TimePoint now);
    bool receive_body(Side& side, TimePoint now);
    void keep(Side& side, std::size_t from);
    std::size_t take(transport::Incoming& incoming, bool from_workers, std::size_t from, TimePoint now);
    broker::Drained receive_all(TimePoint now);
    void report_closed(Side& side, bool from_workers, bool drained, TimePoint now);
    std::size_t send(Side& side, Outbox& outbox);
    std::size_t send_all();
    void begin_drain(TimePoint now);
    [[nodiscard]] bool finished(TimePoint now);
    void look_at_keys(TimePoint now);
    void report_events();
    void report_refused();
    void cut_floods(Side& side, bool drained, TimePoint now);
    void report_not_admitted(TimePoint now);
    void wait(bool drained, std::size_t blocked, TimePoint now);

    BrokerOptions options;
    BrokerCore core;
    std::shared_ptr<transport::Gate> gate;
    std::unique_ptr<broker::KeyTable> keys;  ///< the routers' threads use it and the wakeup until they are gone
    transport::Wakeup wakeup;
    Side front;
    Side back;
    transport::Poller poller;
    std::function<void(const BrokerEvent&)> on_event;
    std::atomic<bool> stopping{false};
    std::atomic<bool> keys_changed{false};
    TimePoint next_report_of_connections;
    transport::RefusedConnections not_admitted;  ///< since the last report
    std::optional<TimePoint> drain_end;
    std::optional<TimePoint> flush_end;
};

void Broker::State::run() {
    while (true) {
        wakeup.clear();
        const auto now = Clock::now();
        // Nobody is given up whose word is there already.
        if (const auto next = core.next_deadline(); next && *next <= now) poller.wait(Duration::zero());
        look_at_keys(now);
        const auto drained = receive_all(now);
        core.on_time(now, drained);
        cut_floods(front, drained.clients, now);
        cut_floods(back, drained.workers, now);
        while (const auto peer = core.next_without_address())
            core.set_worker_address(*peer, back.router.address(*peer));
        if (stopping && !drain_end) begin_drain(now);
        const auto blocked = send_all();
        report_not_admitted(now);
        report_events();
        if (core.take_trimmed()) malloc_trim(0);
        const bool had_ended = flush_end.has_value();  // else what ends now is sent in the next turn
        if (drain_end && finished(now) && had_ended && (blocked == 0 || now >= *flush_end)) return;
        wait(drained.clients && drained.workers, blocked, now);
    }
}

/// Takes what is there, up to a turn's share; true when nothing is left.
bool Broker::State::receive(Side& side, bool from_workers, TimePoint now) {
    const auto end = Clock::now() + longest_share;
    const auto half = end - longest_share / 2;
    while (!side.backlog.empty()) {
        auto& unfinished = side.backlog.front();
        side.backlog.took(take(unfinished.incoming, from_workers, unfinished.from, now));
        if (Clock::now() >= half) break;
    }
    for (int i = 0; i < bodies_a_turn && side.router.may_have_bodies(); ++i) {
        if (!receive_body(side, now)) continue;
        const bool waits = side.backlog.holds(side.incoming.peer);
        const auto from = waits ? 0 : take(side.incoming, from_workers, 0, now);
        if (waits || from != 0) keep(side, from);
        if (Clock::now() >= end) break;
    }
    return side.backlog.empty() && !side.router.may_have_bodies();
}

/// What came is not done with. Who sends more than can be taken is cut: others would wait for it otherwise.
void Broker::State::keep(Side& side, std::size_t from) {
    side.backlog.add(side.incoming, from);
    if (!side.backlog.is_full()) return;
    const auto peer = side.backlog.largest();
    side.backlog.drop(peer);
    if (!side.cut.insert(peer).second) return;
    core.counters().add(Counter::slow_peers_cut);
    if (on_event)
        on_event({true, "cut off, as it sends more than can be taken", {{"address", side.router.address(peer)}}});
    side.router.disconnect(peer);
}

/// Where to go on with the body, or 0.
std::size_t Broker::State::take(transport::Incoming& incoming, bool from_workers, std::size_t from, TimePoint now) {
    const broker::Share share{from, messages_at_once};
    return from_workers ? core.on_backend(incoming.peer, incoming.envelope, incoming.body, now, share)
                        : core.on_frontend(incoming.peer, incoming.envelope, incoming.body, now, share);
}

/// False: what came is dropped, or nothing did.
bool Broker::State::receive_body(Side& side, TimePoint now) {
    switch (side.router.receive(side.incoming)) {
    case transport::Received::body: return side.admission.passes(side.incoming, now);
    case transport::Received::nothing: return false;
    case transport::Received::bad_frames:
        side.admission.passes(side.incoming, now);  // it may be the first of its peer
        core.counters().add(Counter::malformed_frames);
        return false;
    case transport::Received::unauthenticated: core.counters().add(Counter::unauthenticated_messages); return false;
    case transport::Received::nameless: core.counters().add(Counter::nameless_messages); return false;
    }
    return false;
}

broker::Drained Broker::State::receive_all(TimePoint now) {
    broker::Drained drained;
    for (int round = 0; round < rounds_a_turn; ++round) {
        drained.workers = receive(back, true, now);
        drained.clients = receive(front, false, now);
        report_closed(back, true, drained.workers, now);
        report_closed(front, false, drained.clients, now);
        if ((drained.workers && drained.clients) || Clock::now() >= now + longest_turn) break;
    }
    return drained;
}

/// In the order of what they sent: whose bodies are not done with is reported when they are.
void Broker::State::report_closed(Side& side, bool from_workers, bool drained, TimePoint now) {
    const auto closed = [&](PeerId peer) {
        side.cut.erase(peer);
        side.admission.closed(peer);
        if (from_workers)
            core.on_backend_closed(peer, now);
        else
            core.on_frontend_closed(peer, now);
    };
    PeerId peer;
    const auto held = [&](PeerId which) { return side.backlog.holds(which); };
    while (side.router.may_have_closed() && side.router.next_closed(peer, held)) closed(peer);
    if (drained)
        for (const PeerId gone : std::exchange(side.gone, {})) closed(gone);
}

/// Returns how many peers do not take what is for them.
std::size_t Broker::State::send(Side& side, Outbox& outbox) {
    const auto done = side.flush(outbox, side.router);
    side.gone.insert(side.flush.gone().begin(), side.flush.gone().end());
    for (const PeerId peer : side.flush.blocked()) {
        const auto memory = outbox.waiting_bytes(peer) + outbox.waiting_bodies(peer) * sizeof(Outgoing);
        if (memory <= options.limits.max_unsent_bytes || !side.cut.insert(peer).second) continue;
        side.backlog.drop(peer);
        core.counters().add(Counter::slow_peers_cut);
        side.router.disconnect(peer);
    }
    return done.blocked;
}

std::size_t Broker::State::send_all() { return send(back, core.to_workers()) + send(front, core.to_clients()); }

/// Takes no new connections, and lets what was accepted end.
void Broker::State::begin_drain(TimePoint now) {
    drain_end = now + options.drain_timeout;
    front.router.unbind_all();
    back.router.unbind_all();
    core.begin_drain(now);
}

bool Broker::State::finished(TimePoint now) {
    const bool done = core.idle() && front.backlog.empty() && back.backlog.empty();
    if (!done && now < *drain_end) return false;
    if (!flush_end) {
        flush_end = now + flush_at_end;
        core.end_all(now);
    }
    return true;
}

/// Before anything of those is read who may have come by a key that is gone.
void Broker::State::look_at_keys(TimePoint now) {
    if (!keys || !keys_changed.exchange(false)) return;
    front.admission.look_again(now);
    back.admission.look_again(now);
}

void Broker::State::report_refused() {
    const auto refused = keys->take_refused();
    core.counters().add(Counter::peers_refused, refused.count);
    std::vector<BrokerEvent> events;
    for (const auto& peer : refused.first)
        events.push_back(
            {true, "refused a peer", {{"address", peer.address}, {"why", peer.why}, {"public_key", peer.public_key}}});
    for (auto* side : {&front, &back})
        for (auto& event : side->admission.take_events()) events.push_back(std::move(event));
    for (const auto& event : events)
        if (on_event) on_event(event);
}

void Broker::State::cut_floods(Side& side, bool drained, TimePoint now) {
    for (const auto& address : side.router.cut_floods(drained, now)) {
        core.counters().add(Counter::floods_cut);
        if (on_event) on_event({true, "cut off, as its message has no end", {{"address", address}}});
    }
}

/// One line a second: what is done to a flood of connections must not cost more than they do.
void Broker::State::report_not_admitted(TimePoint now) {
    auto refused = transport::take_refused(*gate);
    if (refused.count > 0) {
        core.counters().add(Counter::connections_refused, refused.count);
        refused.count += not_admitted.count;
        not_admitted = std::move(refused);
    }
    if (not_admitted.count == 0 || now < next_report_of_connections) return;
    next_report_of_connections = now + std::chrono::seconds(1);
    const auto report = std::exchange(not_admitted, {});
    if (on_event)
        on_event({true,
                  "refused connections",
                  {{"count", std::to_string(report.count)}, {"address", report.address}, {"why", report.why}}});
}

void Broker::State::report_events() {
    if (keys) report_refused();
    for (const Notice& notice : core.take_notices())
        if (on_event) on_event({notice.level == Notice::Level::warning, notice.text, notice.fields});
}

void Broker::State::wait(bool drained, std::size_t blocked, TimePoint now) {
    if (!drained) return poller.wait(Duration::zero());
    std::optional<Duration> timeout;
    const auto at_most = [&](Duration limit) { timeout = timeout ? std::min(*timeout, limit) : limit; };
    if (const auto next = core.next_deadline()) at_most(*next - now);
    if (blocked > 0 || flush_end) at_most(retry_blocked);
    for (const auto* side : {&front, &back})
        if (const auto next = side->router.next_look()) at_most(std::max(*next - now, Duration::zero()));
    if (drain_end && *drain_end > now) at_most(*drain_end - now);
    if (!front.gone.empty() || !back.gone.empty() || (stopping && !drain_end)) at_most(Duration::zero());
    poller.wait(timeout);
}

Broker::Broker(BrokerOptions options) : Broker(std::move(options), transport::Context::shared()) {}
Broker::Broker(BrokerOptions options, const transport::Context& context)
    : state_(std::make_unique<State>(std::move(options), context)) {}
Broker::~Broker() = default;

const std::vector<std::string>& Broker::frontends() const noexcept { return state_->front.endpoints; }
const std::vector<std::string>& Broker::backends() const noexcept { return state_->back.endpoints; }
const std::string& Broker::id() const noexcept { return state_->core.id(); }
void Broker::on_event(std::function<void(const BrokerEvent&)> handler) { state_->on_event = std::move(handler); }
void Broker::run() { state_->run(); }

void Broker::set_authorized(std::vector<AuthorizedKey> authorized) {
    if (!state_->keys) throw std::logic_error("set_authorized: this broker asks for no keys");
    state_->keys->replace(std::move(authorized));
    state_->keys_changed = true;
    state_->wakeup.signal();
}

void Broker::stop() noexcept {
    state_->stopping = true;
    state_->wakeup.signal();
}

}  // namespace rpcbroker
