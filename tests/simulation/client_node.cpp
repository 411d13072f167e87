#include "tests/simulation/client_node.hpp"

#include <utility>

#include "tests/simulation/services.hpp"

namespace rpcbroker::simulation {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr int bodies_a_turn = 64;
constexpr Duration retry_sending = 2ms;
/// The session's timers go by the millisecond.
constexpr Duration tick = 1ms;

void* owner_of(std::uint64_t number) { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(number)); }
std::uint64_t number_of(void* owner) { return reinterpret_cast<std::uintptr_t>(owner); }

}  // namespace

ClientNode::ClientNode(Scene& scene, Place place, std::string name, const std::vector<Place>& brokers)
    : Process(scene, place, std::move(name)),
      session_(options(scene, brokers.size()), scene.events.now(), static_cast<std::uint32_t>(scene.random.next())),
      links_(brokers.size()) {
    for (std::size_t i = 0; i < brokers.size(); ++i)
        links_[i].dealer = std::make_unique<Dealer>(scene.network, place, brokers[i], false, [this] { wake(); });
}

ClientNode::~ClientNode() {
    for (const auto& [number, id] : open_) scene_.history.call(number).state = CallRecord::State::forsaken;
}

ClientOptions ClientNode::options(Scene& scene, std::size_t brokers) {
    ClientOptions options;
    options.brokers.clear();
    for (std::size_t i = 0; i < brokers; ++i) options.brokers.push_back("tcp://broker" + std::to_string(i));
    options.name = "client";
    if (scene.random.chance(200)) options.max_calls = 8;
    if (scene.random.chance(200)) options.max_held_bytes = 2000;
    return options;
}

// ---- turns, as client/client_runtime.cpp takes them

std::optional<TimePoint> ClientNode::turn(TimePoint now) {
    bool all = true;
    for (BrokerIndex broker = 0; broker < links_.size(); ++broker) all = receive(broker, now) && all;
    session_.on_time(now);
    bool sent = true;
    for (BrokerIndex broker = 0; broker < links_.size(); ++broker) sent = send(broker) && sent;
    hand_out(now);
    for (auto& link : links_) check_lost(link);
    check_ends(now);
    if (!all) return now;
    auto next = session_.next_deadline();
    if (next && session_.calls() == 0) throw Violation{"a client without calls waits for nothing", name()};
    if (!sent) next = next ? std::min<TimePoint>(*next, now + retry_sending) : now + retry_sending;
    return next;
}

bool ClientNode::receive(BrokerIndex broker, TimePoint now) {
    Dealer& dealer = *links_[broker].dealer;
    for (int i = 0; i < bodies_a_turn; ++i) {
        if (dealer.next() == Dealer::What::nothing) return true;
        const auto event = dealer.receive();
        switch (event.what) {
        case Dealer::What::body: session_.on_body(broker, event.packet.bytes, now); break;
        case Dealer::What::connected: session_.on_connected(broker, now); break;
        case Dealer::What::closed:
            session_.on_closed(broker, "", now);
            links_[broker].lost.merge(links_[broker].under_way);
            links_[broker].under_way.clear();
            break;
        case Dealer::What::nothing: break;
        }
        if (event.what != Dealer::What::body) note(event.what == Dealer::What::closed ? "closed" : "connected");
    }
    return false;
}

bool ClientNode::send(BrokerIndex broker) {
    while (Outgoing* body = session_.next_outgoing(broker)) {
        const auto bytes = body->large.empty() ? std::string_view{body->bytes} : body->large.bytes();
        if (links_[broker].dealer->send({{}, std::string{bytes}}) != Sent::yes) return false;
        watch_out(links_[broker], bytes);
        session_.on_sent(broker);
    }
    return true;
}

/// Calls that can be sent once only are remembered with the connection that they went by.
void ClientNode::watch_out(Link& link, std::string_view body) {
    BodyReader reader{body};
    MessageView message;
    while (reader.next(message) == BodyReader::Step::message) {
        const auto number = message.type == MessageType::request ? read_number(message.params) : std::nullopt;
        if (!number || message.method.starts_with("rpc.")) continue;
        const CallRecord& call = scene_.history.call(*number);
        if (!call.idempotent && !call.retried) link.under_way.insert(*number);
    }
}

void ClientNode::check_lost(Link& link) const {
    for (const auto number : std::exchange(link.lost, {}))
        if (open_.contains(number))
            throw Violation{"what was under way ends with its connection", "call #" + std::to_string(number)};
}

void ClientNode::hand_out(TimePoint now) {
    for (const auto& item : session_.take_items()) on_item(number_of(item.owner), item.item);
    for (const auto& outcome : session_.take_outcomes()) {
        const auto number = number_of(outcome.owner);
        open_.erase(number);
        note("#" + std::to_string(number) + " ends: " + (outcome.reply ? "ok" : outcome.reply.error().what()) +
             (outcome.reply || outcome.reply.error().ran() != Ran::no ? "" : " (ran: no)"));
        if (outcome.reply)
            scene_.history.got_result(number, outcome.reply->result);
        else
            scene_.history.got_error(number, outcome.reply.error(), now);
    }
}

void ClientNode::check_ends(TimePoint now) const {
    for (const auto& [number, id] : open_) {
        const auto latest = scene_.history.call(number).deadline + ClientSession::grace + tick;
        if (now > latest)
            throw Violation{"every call ends at its deadline, or a grace after it",
                            "call #" + std::to_string(number) + " is still open"};
    }
}

// ---- callers

void ClientNode::call_until(TimePoint end) {
    call_until_ = end;
    call_some();
}

void ClientNode::call_some() {
    if (scene_.events.now() >= call_until_) return;
    const int calls = scene_.random.chance(scene_.settings.burst) ? 12 : 1;
    for (int i = 0; i < calls; ++i) call_any();
    at(scene_.events.now() + scene_.random.between(0us, 2 * scene_.settings.call_every), [this] { call_some(); });
}

CallRecord ClientNode::draw_call(CallOptions& options) {
    auto& random = scene_.random;
    const auto& settings = scene_.settings;
    CallRecord record;
    record.method = draw_method(random, settings);
    record.client = name();
    record.behaviour = draw_behaviour(random, settings, record.method);
    record.fails = random.chance(settings.handler_errors);
    record.large_result = random.chance(20);
    record.one_way = random.chance(settings.one_way);
    record.streams = !record.one_way && (is_stream(record.method) || random.chance(20));
    if (random.chance(settings.idempotent)) options.idempotent = random.chance(800);
    record.idempotent = options.idempotent.value_or(is_idempotent(record.method));
    options.timeout = random.chance(settings.round_timeouts) ? milliseconds{5 * random.between(1, 10)}
                                                             : milliseconds{random.between(0, 2500)};
    if (random.chance(settings.keyed)) options.key = std::to_string(random.below(5));
    if (random.chance(settings.pinned) && worker_ids_ && !worker_ids_->empty())
        options.worker = random.of(*worker_ids_);
    options.timing = random.chance(50);
    if (random.chance(settings.retried))
        options.retry = RetryPolicy{.attempts = static_cast<unsigned>(random.between(2, 5))};
    record.retried = options.retry.has_value();
    return record;
}

void ClientNode::call_any() {
    CallOptions options;
    auto record = draw_call(options);
    record.granted = record.streams ? scene_.random.between(0, 6) : 0;
    const auto number = start(std::move(record), options, scene_.random.chance(20) ? 70'000 : scene_.random.below(60));
    if (scene_.random.chance(scene_.settings.cancelled)) cancel_later(number);
}

std::uint64_t ClientNode::start(CallRecord record, const CallOptions& options, std::size_t padding) {
    const auto now = scene_.events.now();
    record.forbidden = !scene_.keys.allows(place(), record.method);
    record.deadline = now + *options.timeout;
    record.soonest = now + std::min(*options.timeout, scene_.settings.limits.max_timeout);
    const auto number = scene_.history.made(record);
    note("#" + std::to_string(number) + " " + record.method + ", " + std::to_string(options.timeout->count()) + " ms" +
         (record.idempotent ? ", idempotent" : "") + (record.one_way ? ", one-way" : "") +
         (record.streams ? ", stream of " + std::to_string(record.granted) : ""));
    const auto params = packed_params(number, padding);
    NewCall call{.method = record.method, .params = params, .options = options};
    call.one_way = record.one_way;
    if (record.streams) call.stream = static_cast<std::uint32_t>(record.granted);
    call.owner = owner_of(number);
    open_[number] = session_.start(call, now);
    wake();
    return number;
}

std::uint64_t ClientNode::call_plainly(const std::string& method, milliseconds timeout) {
    CallRecord record;
    record.method = method;
    record.client = name();
    record.idempotent = is_idempotent(method);
    CallOptions options;
    options.timeout = timeout;
    return start(std::move(record), options, 0);
}

void ClientNode::cancel_later(std::uint64_t number) {
    at(scene_.events.now() + scene_.random.between(0us, Duration{300ms}), [this, number] {
        const auto found = open_.find(number);
        if (found == open_.end()) return;
        note("cancels #" + std::to_string(number));
        scene_.history.call(number).cancelled = true;
        session_.cancel(found->second);
        hand_out(scene_.events.now());
        wake();
    });
}

/// A reader that grants now and then what it has read, and sometimes stops.
void ClientNode::on_item(std::uint64_t number, const std::string& item) {
    auto& random = scene_.random;
    scene_.history.got_item(number, item);
    if (random.chance(20)) return cancel_later(number);
    if (!random.chance(600)) return;
    const auto items = static_cast<std::uint32_t>(random.between(1, 4));
    at(scene_.events.now() + random.between(0us, Duration{5ms}), [this, number, items] {
        const auto found = open_.find(number);
        if (found == open_.end()) return;
        scene_.history.call(number).granted += items;
        session_.grant(found->second, items);
        wake();
    });
}

}  // namespace rpcbroker::simulation
