#include "tests/simulation/broker_node.hpp"

#include <algorithm>
#include <utility>

#include <rpcbroker/pack.hpp>

namespace rpcbroker::simulation {
namespace {

using namespace std::chrono_literals;
using broker::Counter;
using broker::Notice;

constexpr int rounds_a_turn = 8;
constexpr std::size_t messages_at_once = 2;
constexpr Duration retry_blocked = 2ms;
constexpr Duration drain_timeout = 1s;
constexpr std::uint64_t turns_an_audit = 50;

const std::string* field(const Notice& notice, std::string_view name) {
    for (const auto& [key, value] : notice.fields)
        if (key == name) return &value;
    return nullptr;
}

/// Of "slot/generation" or the like, as the broker names a peer: its two numbers.
std::optional<PeerId> read_peer(std::string_view text) {
    std::vector<std::uint32_t> numbers;
    bool digit = false;
    for (const char c : text) {
        const bool is_digit = c >= '0' && c <= '9';
        if (is_digit && !digit) numbers.push_back(0);
        if (is_digit) numbers.back() = numbers.back() * 10 + static_cast<std::uint32_t>(c - '0');
        digit = is_digit;
    }
    if (numbers.size() != 2) return std::nullopt;
    return PeerId{numbers[0], numbers[1]};
}

/// All unsigned numbers of a map, by their keys.
std::map<std::string, std::uint64_t, std::less<>> read_numbers(std::string_view map) {
    std::map<std::string, std::uint64_t, std::less<>> numbers;
    Unpacker in{map};
    for (auto left = in.take_map().value_or(0); left > 0; --left) {
        const auto key = in.take_string();
        const auto value = in.take_value();
        if (!key || !value) break;
        if (const auto number = Unpacker{*value}.take_unsigned()) numbers[std::string{*key}] = *number;
    }
    return numbers;
}

/// The value of `key` in each of an array of maps.
std::vector<std::string_view> column(std::string_view array, std::string_view key) {
    std::vector<std::string_view> values;
    Unpacker in{array};
    for (auto rows = in.take_array().value_or(0); rows > 0; --rows)
        for (auto left = in.take_map().value_or(0); left > 0; --left) {
            const auto name = in.take_string();
            const auto value = in.take_value();
            if (name == key && value) values.push_back(*value);
        }
    return values;
}

std::uint64_t sum(std::string_view array, std::string_view key) {
    std::uint64_t total = 0;
    for (const auto value : column(array, key)) total += Unpacker{value}.take_unsigned().value_or(0);
    return total;
}

}  // namespace

BrokerNode::BrokerNode(Scene& scene, Place place, std::string name, std::function<bool(Place)> is_honest)
    : Process(scene, place, std::move(name)),
      core_(scene.settings.limits, std::to_string(scene.random.next() % 100'000'000), scene.events.now()),
      watch_(scene.history, scene.trace, scene.settings.limits, this->name(), scene.events.now()),
      front_{Router{scene.network, place, false, [this] { wake(); }}},
      back_{Router{scene.network, place, true, [this] { wake(); }}},
      is_honest_(std::move(is_honest)) {
    if (!scene.keys.required()) return;
    core_.require_keys();
    core_.set_client_identity(
        operator_peer, std::make_shared<const AuthorizedKey>(
                           AuthorizedKey{.name = "operator", .role = Role::admin, .public_key = {}, .rights = {}}));
}

// ---- turns, as broker/broker.cpp takes them

std::optional<TimePoint> BrokerNode::turn(TimePoint now) {
    watch_.begin_turn(now, unsent(back_));
    if (std::exchange(seen_changes_, scene_.keys.changes()) != scene_.keys.changes()) {
        look_at_keys(front_, false, now);
        look_at_keys(back_, true, now);
    }
    const auto drained = receive_all(now);
    core_.on_time(now, drained);
    while (core_.next_without_address()) continue;
    if (stopping_ && !drain_end_) begin_drain(now);
    read_notices();
    send_all();
    watch_.end_turn(unsent(front_), unsent(back_));
    watch_.check_counters(core_.counters(), core_.calls_in_system());
    check_limits();
    if (++turns_ % turns_an_audit == 0) audit();
    if (drain_end_ && finish(now)) return std::nullopt;
    if (!drained.clients || !drained.workers || !front_.gone.empty() || !back_.gone.empty()) return now;
    auto next = core_.next_deadline();
    const auto at_most = [&](TimePoint when) { next = next ? std::min(*next, when) : when; };
    if (!front_.blocked.empty() || !back_.blocked.empty()) at_most(now + retry_blocked);
    if (drain_end_) at_most(*drain_end_);
    return next;
}

bool BrokerNode::receive(Side& side, bool from_workers, TimePoint now) {
    PeerId peer;
    Packet packet;
    for (int i = 0; i < scene_.settings.bodies_a_turn; ++i) {
        if (!side.router.receive(peer, packet)) return true;
        take(side, from_workers, peer, packet, now);
    }
    return false;
}

void BrokerNode::take(Side& side, bool from_workers, PeerId peer, const Packet& packet, TimePoint now) {
    if (scene_.keys.required() && !admits(side, from_workers, peer, now)) return;
    const auto place = side.router.place_of(peer);
    const bool honest = place && is_honest_(*place);
    Body body{packet.bytes};
    if (from_workers) {
        if (packet.envelope.empty()) watch_.from_worker(peer, packet.bytes, honest);
        std::size_t from = 0;
        do {
            from = core_.on_backend(peer, packet.envelope, body, now, {from, messages_at_once});
        } while (from != 0);
    } else {
        watch_.from_client(peer, packet.envelope, packet.bytes, honest);
        std::size_t from = 0;
        do {
            from = core_.on_frontend(peer, packet.envelope, body, now, {from, messages_at_once});
        } while (from != 0);
    }
}

// ---- keys, as broker/admission.cpp looks at them

/// Of each body, before the core gets it.
bool BrokerNode::admits(Side& side, bool from_workers, PeerId peer, TimePoint now) {
    if (side.cut_off.contains(peer)) return false;
    if (side.known.contains(peer)) return true;
    const auto place = side.router.place_of(peer);
    auto identity = place ? scene_.keys.at(*place) : nullptr;
    if (!identity) {
        cut_off(side, from_workers, peer, now);
        return false;
    }
    side.known.emplace(peer, identity);
    if (!from_workers)
        core_.set_client_identity(peer, std::move(identity));
    else if (!core_.set_worker_identity(peer, std::move(identity)))
        throw Violation{"who has said nothing has registered nothing", name()};
    return true;
}

void BrokerNode::look_at_keys(Side& side, bool from_workers, TimePoint now) {
    const auto known = side.known;
    for (const auto& [peer, identity] : known) {
        const auto place = side.router.place_of(peer);
        if (place && scene_.keys.at(*place) != identity) cut_off(side, from_workers, peer, now);
    }
}

void BrokerNode::cut_off(Side& side, bool from_workers, PeerId peer, TimePoint now) {
    note("cuts off a peer whose key is gone");
    side.cut_off.insert(peer);
    closed(from_workers, peer, now);
    side.router.disconnect(peer);
}

broker::Drained BrokerNode::receive_all(TimePoint now) {
    broker::Drained drained;
    for (int round = 0; round < rounds_a_turn; ++round) {
        drained.workers = receive(back_, true, now);
        drained.clients = receive(front_, false, now);
        if (drained.workers) report_closed(back_, true, now);
        if (drained.clients) report_closed(front_, false, now);
        if (drained.workers && drained.clients) break;
    }
    return drained;
}

void BrokerNode::report_closed(Side& side, bool from_workers, TimePoint now) {
    PeerId peer;
    const auto report = [&](PeerId which) {
        if (side.cut_off.erase(which) == 0) closed(from_workers, which, now);
        side.known.erase(which);
    };
    while (side.router.next_closed(peer)) report(peer);
    for (const PeerId gone : std::exchange(side.gone, {})) report(gone);
}

void BrokerNode::closed(bool from_workers, PeerId peer, TimePoint now) {
    if (from_workers) {
        watch_.worker_closed(peer);
        back_.blocked.erase(peer);
        core_.on_backend_closed(peer, now);
    } else {
        watch_.client_closed(peer);
        front_.blocked.erase(peer);
        core_.on_frontend_closed(peer, now);
    }
}

void BrokerNode::send_all() {
    send(back_, core_.to_workers(), true);
    watch_.sent_to_workers(unsent(back_));
    send(front_, core_.to_clients(), false);
}

/// Those that took nothing the last time come first.
void BrokerNode::send(Side& side, Outbox& outbox, bool to_workers) {
    const auto retried = side.blocked;
    for (const PeerId peer : retried) send(side, outbox, peer, to_workers);
    const auto dirty = outbox.dirty();
    for (const PeerId peer : dirty)
        if (!retried.contains(peer) && peer != operator_peer) send(side, outbox, peer, to_workers);
    const auto blocked = side.blocked;
    for (const PeerId peer : blocked) {
        if (outbox.waiting_bytes(peer) <= scene_.settings.limits.max_unsent_bytes) continue;
        core_.counters().add(Counter::slow_peers_cut);
        note("cuts a peer that does not read");
        side.router.disconnect(peer);
    }
}

void BrokerNode::send(Side& side, Outbox& outbox, PeerId peer, bool to_workers) {
    const bool fresh = side.blocked.erase(peer) == 0;
    while (const Outgoing* body = outbox.front(peer)) {
        const std::string bytes{body->large.empty() ? std::string_view{body->bytes} : body->large.bytes()};
        switch (side.router.send(peer, {body->envelope, bytes})) {
        case Sent::yes: break;
        case Sent::would_block: side.blocked.insert(peer); return;
        case Sent::gone: side.gone.insert(peer); return;
        }
        if (to_workers)
            watch_.to_worker(peer, bytes, fresh);
        else
            watch_.to_client(peer, body->envelope, bytes);
        outbox.pop_front(peer);
    }
}

void BrokerNode::read_notices() {
    for (const Notice& notice : core_.take_notices()) {
        const auto* why = field(notice, "why");
        const auto* worker = field(notice, "worker");
        const auto* client = field(notice, "client");
        if (notice.level == Notice::Level::warning)
            note(notice.text + (worker ? " " + *worker : "") + (client ? " " + *client : "") +
                 (why ? ": " + *why : ""));
        if (why && *why == "silent for three heartbeats" && worker) watch_.gave_up_worker(*worker);
        if (!notice.text.starts_with("client lost") || !client) continue;
        if (const auto peer = read_peer(*client)) watch_.gave_up_client(*peer);
    }
}

/// To whom something is still to be sent, or who went while it was.
std::set<PeerId> BrokerNode::unsent(const Side& side) {
    std::set<PeerId> peers = side.blocked;
    peers.insert(side.gone.begin(), side.gone.end());
    return peers;
}

// ---- its end

void BrokerNode::stop() {
    stopping_ = true;
    wake();
}

void BrokerNode::begin_drain(TimePoint now) {
    note("drains");
    drain_end_ = now + drain_timeout;
    front_.router.close();
    back_.router.close();
    core_.begin_drain(now);
}

bool BrokerNode::finish(TimePoint now) {
    if (!core_.idle() && now < *drain_end_) return false;
    if (now < *drain_end_) watch_.check_answered(unsent(front_));
    core_.end_all(now);
    send_all();
    note("ends");
    end();
    return true;
}

// ---- what must hold

void BrokerNode::check_limits() {
    const auto& limits = scene_.settings.limits;
    // What had been at workers and came back waits whatever the limits say.
    constexpr std::size_t largest = 80'000;
    if (core_.queued_bytes() > limits.max_queued_bytes + largest * watch_.most_places())
        throw Violation{"what waits is bounded", name() + " holds " + std::to_string(core_.queued_bytes()) + " bytes"};
}

std::string BrokerNode::ask(std::string_view method, std::string_view params) {
    std::string request;
    append_request(request, ++last_msgid_, method, params);
    watch_.from_client(operator_peer, {}, request, false);
    Body body{request};
    core_.on_frontend(operator_peer, {}, body, scene_.events.now());
    auto& outbox = core_.to_clients();
    const Outgoing* answer = outbox.front(operator_peer);
    std::string bytes = answer ? answer->bytes : "";
    if (answer) outbox.pop_front(operator_peer);
    watch_.to_client(operator_peer, {}, bytes);
    MessageView message;
    BodyReader reader{bytes};
    if (reader.next(message) != BodyReader::Step::message) return {};
    return std::string{message.result};
}

void BrokerNode::audit() {
    const std::string nothing = "\x90";
    const auto stats = read_numbers(ask("rpc.stats", nothing));
    const auto services = ask("rpc.services", nothing);
    const auto workers = ask("rpc.workers", nothing);
    const auto equal = [&](std::uint64_t a, std::uint64_t b, const char* what) {
        if (a != b)
            throw Violation{"gauges add up",
                            name() + ": " + what + ", " + std::to_string(a) + " and " + std::to_string(b)};
    };
    equal(stats.at("calls_queued"), sum(services, "queued"), "calls queued");
    equal(stats.at("calls_queued_bytes"), core_.queued_bytes(), "bytes queued");
    equal(stats.at("places_taken"), sum(workers, "in_flight"), "places at workers");
    equal(stats.at("places_taken"), sum(services, "in_flight"), "places by service");
    equal(stats.at("calls_in_system"), core_.calls_in_system(), "calls in system");
    const auto taken = stats.at("places_taken");
    const auto queued = stats.at("calls_queued");
    if (core_.calls_in_system() < queued || core_.calls_in_system() > queued + taken)
        throw Violation{"gauges add up", name() + ": calls in system"};
    const auto& limits = scene_.settings.limits;
    for (const auto waiting : column(services, "queued"))
        if (Unpacker{waiting}.take_unsigned().value_or(0) > limits.max_queued + watch_.most_places())
            throw Violation{"what waits is bounded", name() + ": a service has too many calls"};
    if (queued > limits.max_queued * limits.max_services + watch_.most_places())
        throw Violation{"what waits is bounded", name() + " holds " + std::to_string(queued) + " calls"};
    std::set<std::string> ids;
    for (const auto id : column(workers, "id")) ids.emplace(Unpacker{id}.take_string().value_or(""));
    watch_.check_workers(ids);
}

void BrokerNode::drain_any_worker() {
    const auto ids = watch_.worker_ids();
    if (ids.empty() || paused()) return;
    const auto& id = scene_.random.of(ids);
    note("an operator drains worker " + id);
    std::string params;
    Packer{params}.array(1).string(id);
    watch_.begin_turn(scene_.events.now(), unsent(back_));
    ask("rpc.drain", params);
    read_notices();
    send_all();
    wake();
}

bool BrokerNode::is_idle() {
    return core_.idle() && watch_.places() == 0 && core_.to_clients().waiting_bytes() == 0 &&
           core_.to_workers().waiting_bytes() == 0;
}

void BrokerNode::check_idle() {
    watch_.begin_turn(scene_.events.now(), unsent(back_));
    audit();
    const auto stats = read_numbers(ask("rpc.stats", "\x90"));
    for (const char* gauge :
         {"calls_queued", "calls_queued_bytes", "calls_in_system", "places_taken", "streams_withheld", "unsent_bytes"})
        if (stats.at(gauge) != 0)
            throw Violation{"nothing is left in the end",
                            name() + ": " + gauge + " is " + std::to_string(stats.at(gauge))};
    watch_.check_idle();
}

}  // namespace rpcbroker::simulation
