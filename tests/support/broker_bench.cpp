#include "tests/support/broker_bench.hpp"

#include <algorithm>

#include <rpcbroker/pack.hpp>

namespace rpcbroker::test {

namespace {

/// The broker's answer to what has no msgid, which a BodyReader refuses.
std::optional<Received> read_nameless_error(std::string_view bytes) {
    Unpacker in(bytes);
    if (in.take_array() != 4U || in.take_unsigned() != 1U || !in.take_nil()) return std::nullopt;
    Received message;
    message.type = MessageType::response;
    message.error = unpack(in.take_value().value_or(std::string_view()));
    if (!in.take_nil() || !in.at_end()) return std::nullopt;
    message.bytes = bytes;
    return message;
}

Received decode(const MessageView& view) {
    Received message;
    message.type = view.type;
    if (view.type != MessageType::notification) message.msgid = view.msgid;
    message.method = view.method;
    message.params = unpack(view.params);
    message.options = unpack(view.options_map);
    message.error = unpack(view.error);
    message.result = unpack(view.result);
    message.timing = unpack(view.timing);
    message.bytes = view.bytes;
    return message;
}

std::vector<Received> decode_body(std::string_view bytes) {
    if (auto nameless = read_nameless_error(bytes)) return {std::move(*nameless)};
    std::vector<Received> messages;
    BodyReader reader(bytes);
    MessageView view;
    while (true) {
        const auto step = reader.next(view);
        if (step == BodyReader::Step::end) return messages;
        if (step == BodyReader::Step::malformed)
            throw BenchViolation(std::string("the broker sent a malformed body: ") + reader.problem());
        messages.push_back(decode(view));
    }
}

/// The first slot that nobody is connected at, as the next connection gets it.
template <class Peer>
PeerId next_id(const std::vector<std::unique_ptr<Peer>>& peers) {
    std::map<std::uint32_t, std::uint32_t> generations;
    for (const auto& peer : peers) {
        auto& generation = generations[peer->id().slot];
        generation = std::max(generation, peer->connected() ? ~std::uint32_t{0} : peer->id().generation);
    }
    for (const auto& [slot, generation] : generations)
        if (generation != ~std::uint32_t{0}) return {slot, generation + 1};
    return {static_cast<std::uint32_t>(generations.size()), 1};
}

template <class Peer>
std::vector<Peer*> connected(const std::vector<std::unique_ptr<Peer>>& peers) {
    std::vector<Peer*> out;
    for (const auto& peer : peers)
        if (peer->connected()) out.push_back(peer.get());
    return out;
}

}  // namespace

std::string pack(const json& value) {
    std::string packed;
    json::to_msgpack(value, packed);
    return packed;
}

json unpack(std::string_view packed) {
    if (packed.empty()) return nullptr;
    return json::from_msgpack(packed.begin(), packed.end(), true, false);
}

// ---- the world

BrokerBench::BrokerBench(BrokerLimits limits, std::string broker_id)
    : limits_(limits), core_(limits, std::move(broker_id), now_) {}

BenchClient& BrokerBench::client(std::string name) {
    return *clients_.emplace_back(std::make_unique<BenchClient>(*this, std::move(name), next_id(clients_)));
}

BenchWorker& BrokerBench::worker(std::string name) {
    return *workers_.emplace_back(std::make_unique<BenchWorker>(*this, std::move(name), next_id(workers_)));
}

BenchWorker& BrokerBench::worker(std::string name, const Offer& offer) {
    auto& added = worker(std::move(name));
    added.registers(offer);
    return added;
}

std::vector<BenchClient*> BrokerBench::clients() const { return connected(clients_); }
std::vector<BenchWorker*> BrokerBench::workers() const { return connected(workers_); }

void BrokerBench::passes(Duration time) {
    const auto until = now_ + time;
    while (true) {
        const auto next = next_event();
        if (!next || *next > until) break;
        now_ = std::max(now_, *next);
        beat();
        turn();
    }
    now_ = until;
    turn();
}

/// When the core wants to be told the time, or somebody's heart beats.
std::optional<TimePoint> BrokerBench::next_event() const {
    auto next = core_.next_deadline();
    const auto consider = [&](const BenchPeer& peer) {
        if (peer.connected_ && peer.next_beat_) next = std::min(next.value_or(TimePoint::max()), *peer.next_beat_);
    };
    for (const auto& client : clients_) consider(*client);
    for (const auto& worker : workers_) consider(*worker);
    return next;
}

void BrokerBench::beat() {
    const auto beat_one = [&](BenchPeer& peer) {
        if (!peer.connected_ || !peer.next_beat_ || *peer.next_beat_ > now_) return;
        *peer.next_beat_ += limits_.heartbeat;
        peer.heartbeat();
    };
    for (const auto& client : clients_) beat_one(*client);
    for (const auto& worker : workers_) beat_one(*worker);
}

void BrokerBench::turn(bool drained) {
    core_.on_time(now_, {drained, drained});
    after_step();
}

void BrokerBench::begin_drain() {
    core_.begin_drain(now_);
    after_step();
}

void BrokerBench::end_all() {
    core_.end_all(now_);
    after_step();
}

std::vector<std::string> BrokerBench::notices() {
    std::vector<std::string> texts;
    for (auto& notice : core_.take_notices()) texts.push_back(std::move(notice.text));
    return texts;
}

void BrokerBench::client_sends(PeerId peer, std::string body, std::string_view envelope) {
    Body owned(std::move(body));
    core_.on_frontend(peer, envelope, owned, now_);
    after_step();
}

void BrokerBench::worker_sends(PeerId peer, std::string body, std::string_view envelope) {
    Body owned(std::move(body));
    core_.on_backend(peer, envelope, owned, now_);
    after_step();
}

void BrokerBench::client_closes(PeerId peer) {
    core_.on_frontend_closed(peer, now_);
    after_step();
}

void BrokerBench::worker_closes(PeerId peer) {
    core_.on_backend_closed(peer, now_);
    after_step();
}

void BrokerBench::after_step() {
    deliver(core_.to_clients(), clients_);
    deliver(core_.to_workers(), workers_);
    const auto ended = count(Counter::calls_answered) + count(Counter::calls_failed) + count(Counter::calls_orphaned);
    if (count(Counter::calls_accepted) != ended + core_.calls_in_system())
        throw BenchViolation("counters do not add up: accepted is not answered + failed + orphaned + in the system");
}

template <class Peer>
void BrokerBench::deliver(Outbox& outbox, std::vector<std::unique_ptr<Peer>>& peers) {
    for (const PeerId id : outbox.dirty()) {
        const auto found = std::ranges::find_if(peers, [&](const auto& peer) { return peer->id() == id; });
        if (found == peers.end() || !(*found)->connected()) throw BenchViolation("sent to a connection that is closed");
        if ((*found)->reading_) deliver_all(outbox, **found);
    }
}

void BrokerBench::deliver_all(Outbox& outbox, BenchPeer& peer) {
    while (const Outgoing* body = outbox.front(peer.id())) {
        deliver_body(peer, *body);
        outbox.pop_front(peer.id());
    }
}

void BrokerBench::deliver_body(BenchPeer& peer, const Outgoing& body) {
    auto messages = decode_body(body.large.empty() ? std::string_view(body.bytes) : body.large.bytes());
    if (messages.size() != body.messages) peer.violated("was sent another number of messages than counted");
    if (messages.size() > 1 && !(peer.takes_batches_ && body.envelope.empty()))
        peer.violated("was sent a batch that it did not ask for");
    ++bodies_;
    for (auto& message : messages) {
        message.envelope = body.envelope;
        message.body = bodies_;
        if (!body.envelope.empty() && message.type != MessageType::response)
            peer.violated("was sent more than responses under an envelope");
        peer.check_received(message);
        peer.inbox_.push_back(std::move(message));
    }
}

}  // namespace rpcbroker::test
