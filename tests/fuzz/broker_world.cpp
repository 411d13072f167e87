#include "tests/fuzz/broker_world.hpp"

#include <limits>
#include <utility>

#include "broker/registration.hpp"

namespace rpcbroker::fuzz {

using namespace std::chrono_literals;
using broker::Counter;

namespace {

constexpr std::size_t messages_at_once = 2;

std::string_view bytes_of(const Outgoing& body) { return body.large.empty() ? body.bytes : body.large.bytes(); }

/// The broker's answer to what has no msgid, which a BodyReader refuses.
bool is_nameless_answer(std::string_view body) {
    Unpacker in(body);
    if (in.take_array() != 4U || in.take_unsigned() != 1U || !in.take_nil()) return false;
    return read_error_object(in.take_value().value_or("")).has_value() && in.take_nil();
}

/// Calls `each` with every message of `body`, of which there must be `messages`. An answer without a msgid among others
/// cannot be read by anybody, and is counted by what is left.
template <class Each>
void for_each_message(const Outgoing& body, const Each& each) {
    BodyReader reader(bytes_of(body));
    MessageView message;
    std::uint32_t count = 0;
    auto step = reader.next(message);
    for (; step == BodyReader::Step::message; step = reader.next(message), ++count) each(message);
    require(step == BodyReader::Step::end, "the broker sent a malformed body");
    require(count == body.messages, "a body holds another number of messages than is counted");
}

}  // namespace

// ---- clients

void ClientPeer::connect(PeerId as) {
    *this = ClientPeer(*world_);
    id = as;
    connected = true;
}

void ClientPeer::send(std::string_view envelope) {
    auto bytes = std::exchange(draft, {});
    if (!connected) return;
    BodyReader reader(bytes);
    MessageView message;
    auto step = reader.next(message);
    for (; step == BodyReader::Step::message; step = reader.next(message)) note(message, envelope);
    if (step == BodyReader::Step::malformed) {
        const auto msgid = reader.problem_msgid();
        ++open_[{std::string(envelope), msgid ? std::int64_t{*msgid} : -1}];
    }
    Body body(std::move(bytes));
    std::size_t from = 0;
    do {
        from = world_->core().on_frontend(id, envelope, body, world_->now(), {from, messages_at_once});
    } while (from != 0);
    world_->after_step();
}

void ClientPeer::note(const MessageView& message, std::string_view envelope) {
    if (message.type != MessageType::notification) ++open_[{std::string(envelope), message.msgid}];
    if (message.type == MessageType::request && envelope.empty() && message.options.stream) {
        auto& granted = granted_[message.msgid];
        granted += std::min(*message.options.stream, std::numeric_limits<std::uint64_t>::max() - granted);
    }
    if (message.type == MessageType::notification && message.method == "rpc.credit") note_credit(message);
    if (message.type == MessageType::request && message.method == "rpc.hello" && envelope.empty()) {
        const auto hello = broker::read_hello(message.params);
        if (hello) takes_batches_ = takes_batches_ || hello->batch;
        if (hello && hello->heartbeat) may_be_given_up_ = true;
    }
    Asked* asked = message.type == MessageType::request || message.type == MessageType::notification
                       ? world_->asked(message.params)
                       : nullptr;
    if (!asked) return;
    const auto usual = static_cast<std::uint64_t>(BrokerWorld::limits().default_timeout.count());
    const auto longest = static_cast<std::uint64_t>(BrokerWorld::limits().max_timeout.count());
    const auto timeout = std::min(message.options.timeout_ms.value_or(usual), longest);
    ++asked->sent;
    asked->deadline = std::max(asked->deadline, world_->now() + std::chrono::milliseconds(timeout));
    if (message.options.idempotent.value_or(world_->idempotent_methods_)) asked->once = false;
}

void ClientPeer::note_credit(const MessageView& message) {
    Unpacker in(message.params);
    if (in.take_array() != 2U) return;
    const auto msgid = in.take_unsigned();
    const auto items = in.take_unsigned();
    if (!msgid || !items || *msgid > UINT32_MAX) return;
    auto& granted = granted_[static_cast<std::uint32_t>(*msgid)];
    granted += std::min(*items, std::numeric_limits<std::uint64_t>::max() - granted);
}

void ClientPeer::close() {
    if (!std::exchange(connected, false)) return;
    world_->core().on_frontend_closed(id, world_->now());
    world_->after_step();
}

void ClientPeer::receive(const Outgoing& body) {
    require(connected, "a client that is gone was sent something");
    if (is_nameless_answer(bytes_of(body))) return answered(body.envelope, -1);
    require(body.messages == 1 || (takes_batches_ && body.envelope.empty()), "a client was sent a batch unasked");
    for_each_message(body, [&](const MessageView& message) { check(message, body.envelope); });
}

void ClientPeer::check(const MessageView& message, std::string_view envelope) {
    require(message.type != MessageType::request, "a client was sent a request");
    require(envelope.empty() || message.type == MessageType::response, "only responses go under an envelope");
    if (message.type == MessageType::notification) return;
    if (message.type == MessageType::response) return answered(envelope, message.msgid);
    require(open_.contains({"", message.msgid}), "a client was sent an item of no call of its own");
    const auto granted = granted_.find(message.msgid);
    require(granted != granted_.end() && granted->second > 0, "a client was sent more items than it granted");
    --granted->second;
}

void ClientPeer::answered(std::string_view envelope, std::int64_t msgid) {
    const auto found = open_.find({std::string(envelope), msgid});
    require(found != open_.end(), "a client was answered what it did not ask, or once more");
    if (--found->second == 0) open_.erase(found);
}

// ---- workers

void WorkerPeer::connect(PeerId as) {
    *this = WorkerPeer(*world_);
    id = as;
    connected = true;
}

void WorkerPeer::send(std::string_view envelope) {
    auto bytes = std::exchange(draft, {});
    if (!connected) return;
    if (reading) most_ = capacity_;
    BodyReader reader(bytes);
    MessageView message;
    // Messages under an envelope are refused as a whole.
    while (envelope.empty() && reader.next(message) == BodyReader::Step::message) note(message);
    Body body(std::move(bytes));
    std::size_t from = 0;
    do {
        from = world_->core().on_backend(id, envelope, body, world_->now(), {from, messages_at_once});
    } while (from != 0);
    world_->after_step();
}

void WorkerPeer::note(const MessageView& message) {
    if (message.type == MessageType::response) return over(message.msgid, true);
    if (message.type == MessageType::stream_item) return note_item(message.msgid);
    if (message.method == "rpc.register" && message.type == MessageType::request) return note_registration(message);
    if (message.type != MessageType::notification) return;
    if (message.method == "rpc.heartbeat") return note_heartbeat(message);
    if (message.method == "rpc.return") return note_return(message);
}

/// What it is if it is not refused.
void WorkerPeer::note_registration(const MessageView& message) {
    auto registration = broker::read_registration(message.params);
    if (!registration) return;
    for (const auto& service : registration->services)
        for (const auto& method : service.methods) world_->idempotent_methods_ |= method.idempotent;
    if (world_->idempotent_methods_)
        for (auto& asked : world_->asked_) asked.once = false;
    before_ = std::max(before_, capacity_);
    capacity_ = registration->capacity;
    most_ = std::max(most_, capacity_);
    takes_batches_ = takes_batches_ || registration->batch;
}

void WorkerPeer::note_heartbeat(const MessageView& message) {
    const auto capacity = broker::read_heartbeat(message.params);
    if (!capacity || !*capacity) return;
    capacity_ = **capacity;
    most_ = std::max(most_, capacity_);
}

void WorkerPeer::note_return(const MessageView& message) {
    Unpacker in(message.params);
    const auto lists = in.take_array();
    const auto listed = in.take_array();
    if (lists != 1U || !listed) return;
    for (std::uint32_t i = 0; i < *listed; ++i) {
        const auto msgid = in.take_unsigned();
        if (!msgid) return;
        if (*msgid <= UINT32_MAX) over(static_cast<std::uint32_t>(*msgid), false);
    }
}

void WorkerPeer::note_item(std::uint32_t msgid) {
    if (std::ranges::find(calls_, msgid) == calls_.end()) guessed_.insert(msgid);
    const auto credit = credit_.find(msgid);
    if (credit != credit_.end() && credit->second > 0) --credit->second;
}

/// It answered the call, or gave it back.
void WorkerPeer::over(std::uint32_t msgid, bool ran) {
    if (std::erase(calls_, msgid) == 0) guessed_.insert(msgid);
    credit_.erase(msgid);
    const auto number = numbers_.find(msgid);
    if (number == numbers_.end()) return;
    if (!ran) --world_->asked_[number->second].runs;
    numbers_.erase(number);
}

void WorkerPeer::close() {
    if (!std::exchange(connected, false)) return;
    world_->core().on_backend_closed(id, world_->now());
    world_->after_step();
}

void WorkerPeer::receive(const Outgoing& body) {
    require(connected, "a worker that is gone was sent something");
    if (is_nameless_answer(bytes_of(body))) return;
    require(body.messages == 1 || takes_batches_, "a worker was sent a batch unasked");
    for_each_message(body, [&](const MessageView& message) { check(message); });
}

void WorkerPeer::check(const MessageView& message) {
    switch (message.type) {
    case MessageType::request: return check_call(message);
    case MessageType::response: return check_answer(message);
    case MessageType::stream_item: return require(false, "a worker was sent a stream item");
    case MessageType::notification: break;
    }
    if (message.method == "rpc.register_again") forget_calls();
    if (message.method == "rpc.left") left_ = true;
    if (message.method == "rpc.credit") check_credit(message);
}

void WorkerPeer::check_answer(const MessageView& message) {
    if (read_error_object(message.error)) {  // nothing has changed, if it was a registration
        capacity_ = std::max(capacity_, before_);
        most_ = std::max(most_, capacity_);
        return;
    }
    before_ = 0;
    Unpacker in(message.result);
    const auto size = in.take_map().value_or(0);
    for (std::uint32_t i = 0; i < size; ++i) {
        const auto key = in.take_string();
        const auto value = in.take_value();
        if (key != "worker") continue;
        const auto name = Unpacker(value.value_or("")).take_string().value_or("");
        left_ = false;
        if (std::exchange(worker_id_, std::string(name)) != name) forget_calls();
    }
}

void WorkerPeer::check_call(const MessageView& message) {
    require(!worker_id_.empty() && !left_, "a worker that is not there was sent a call");
    if (guessed_.contains(message.msgid)) return;
    require(std::ranges::find(calls_, message.msgid) == calls_.end(), "two calls under one msgid");
    require(calls_.size() < most_, "a worker was sent more calls than it has room for");
    calls_.push_back(message.msgid);
    if (message.options.stream) grant(message.msgid, *message.options.stream);
    Asked* asked = world_->asked(message.params);
    if (!asked) return;
    require(late || world_->now() < asked->deadline, "a call was dispatched after its deadline");
    ++asked->runs;
    require(asked->runs <= asked->sent * (asked->once ? 1 : 2), "a call ran more often than it may");
    numbers_[message.msgid] = static_cast<std::uint64_t>(asked - world_->asked_.data());
}

void WorkerPeer::check_credit(const MessageView& message) {
    Unpacker in(message.params);
    const bool pair = in.take_array() == 2U;
    const auto msgid = static_cast<std::uint32_t>(in.take_unsigned().value_or(0));
    const auto items = in.take_unsigned().value_or(0);
    require(pair && items > 0, "credit for nothing");
    if (guessed_.contains(msgid)) return;
    require(credit_.contains(msgid), "credit for a call that the worker does not have");
    grant(msgid, items);
}

void WorkerPeer::grant(std::uint32_t msgid, std::uint64_t items) {
    auto& credit = credit_[msgid];
    credit += items;
    require(credit <= broker::StreamCredit::window, "a worker was granted more than a window");
}

void WorkerPeer::forget_calls() {
    calls_.clear();
    numbers_.clear();
    credit_.clear();
    guessed_.clear();
}

// ---- the world

/// Small enough for inputs of some hundred bytes to reach them.
const BrokerLimits& BrokerWorld::limits() {
    static const BrokerLimits small{.default_timeout = 2s,
                                    .max_timeout = 20s,
                                    .slow_call = 700ms,
                                    .max_queued = 12,
                                    .max_queued_bytes = 200'000,
                                    .max_services = 6,
                                    .max_methods = 10};
    return small;
}

BrokerWorld::BrokerWorld() : core_(limits(), "broker-1", now_) {
    for (std::size_t i = 0; i < most_clients; ++i) clients_.push_back(std::make_unique<ClientPeer>(*this));
    for (std::size_t i = 0; i < most_workers; ++i) workers_.push_back(std::make_unique<WorkerPeer>(*this));
}

void BrokerWorld::connect_client(std::size_t at) {
    clients_[at]->close();
    clients_[at]->connect({static_cast<std::uint32_t>(at), ++generation_});
}

void BrokerWorld::connect_worker(std::size_t at) {
    workers_[at]->close();
    workers_[at]->connect({static_cast<std::uint32_t>(at), ++generation_});
}

std::string BrokerWorld::numbered_params() {
    std::string params;
    append_number(Packer(params).array(2), asked_.size());
    asked_.push_back({});
    return params;
}

Asked* BrokerWorld::asked(std::string_view params) {
    const auto number = number_in(params);
    return number && *number < asked_.size() ? &asked_[static_cast<std::size_t>(*number)] : nullptr;
}

void BrokerWorld::turn(bool drained) {
    core_.on_time(now_, {drained, drained});
    const auto next = core_.next_deadline();
    require(!next || *next > now_, "the broker wants to be told the time that it was told");
    after_step();
}

void BrokerWorld::pass(Duration time) {
    const auto until = now_ + time;
    // What it holds back for a client that does not read it looks at every other millisecond, which is no use here.
    for (int turns = 0; turns < 50; ++turns) {
        const auto next = core_.next_deadline();
        if (!next || *next > until) break;
        now_ = std::max(now_, *next);
        turn(true);
    }
    now_ = until;
    turn(true);
}

void BrokerWorld::set_reading(Peer& peer, bool reading) {
    peer.late = reading && !peer.reading;
    peer.reading = reading;
    after_step();
    peer.late = false;
}

void BrokerWorld::after_step() {
    deliver();
    const auto& counters = core_.counters();
    const auto ended =
        counters[Counter::calls_answered] + counters[Counter::calls_failed] + counters[Counter::calls_orphaned];
    require(counters[Counter::calls_accepted] == ended + core_.calls_in_system(),
            "accepted is not answered + failed + orphaned + in the system");
    require(core_.idle() == (core_.calls_in_system() == 0), "idle with calls");
}

void BrokerWorld::deliver() {
    deliver(core_.to_clients(), clients_);
    deliver(core_.to_workers(), workers_);
}

template <class Some>
void BrokerWorld::deliver(Outbox& outbox, std::vector<std::unique_ptr<Some>>& peers) {
    outbox.dirty();
    std::size_t bytes = 0;
    for (const auto& peer : peers) {
        while (peer->reading && outbox.front(peer->id)) {
            peer->receive(*outbox.front(peer->id));
            outbox.pop_front(peer->id);
        }
        bytes += outbox.waiting_bytes(peer->id);
    }
    require(bytes == outbox.waiting_bytes(), "what waits for peers is not what waits");
}

void BrokerWorld::settle() {
    for (auto& peer : clients_) set_reading(*peer, true);
    for (auto& peer : workers_) set_reading(*peer, true);
    pass(1s);
    pass(limits().max_timeout + limits().restart_grace + 1s);
    require(core_.idle() && core_.queued_bytes() == 0, "calls are left after their time");
    for (const auto& peer : clients_) require(!peer->connected || !peer->waits(), "a question was never answered");
    check_places();
    check_stats();
}

/// What the broker answers one who is nobody else.
template <class Check>
void BrokerWorld::ask(std::string_view method, const Check& check) {
    std::string request;
    append_request(request, 1, method, "\x90");
    Body body(std::move(request));
    const PeerId watcher{most_clients, 1};
    core_.on_frontend(watcher, {}, body, now_);
    const Outgoing* answer = core_.to_clients().front(watcher);
    require(answer != nullptr, "the service rpc does not answer");
    for_each_message(*answer, [&](const MessageView& message) { check(message.result); });
    core_.to_clients().pop_front(watcher);
}

/// A place is taken at a worker for each call that it has, and for no other.
void BrokerWorld::check_places() {
    ask("rpc.workers", [&](std::string_view shown) {
        Unpacker in(shown);
        for (auto left = in.take_array().value_or(0); left > 0; --left) check_places(in.take_value().value_or(""));
    });
}

void BrokerWorld::check_places(std::string_view shown) {
    std::string_view id;
    std::optional<std::uint64_t> in_flight;
    Unpacker in(shown);
    for (auto left = in.take_map().value_or(0); left > 0; --left) {
        const auto key = in.take_string();
        Unpacker value(in.take_value().value_or(""));
        if (key == "id") id = value.take_string().value_or("");
        if (key == "in_flight") in_flight = value.take_unsigned();
    }
    for (const auto& worker : workers_)
        if (worker->counts() && worker->worker_id() == id)
            require(in_flight == worker->calls().size(), "places are taken that are no calls', or the other way round");
}

/// With all workers gone, the broker holds nothing any more.
void BrokerWorld::check_stats() {
    for (auto& peer : workers_) peer->close();
    ask("rpc.stats", [&](std::string_view stats) { check_gauges(stats); });
}

void BrokerWorld::check_gauges(std::string_view stats) {
    Unpacker in(stats);
    const auto size = in.take_map().value_or(0);
    require(size > 0, "rpc.stats is no map");
    for (std::uint32_t i = 0; i < size; ++i) {
        const auto key = in.take_string().value_or("");
        const auto value = in.take_value().value_or("");
        for (const auto* gauge : {"calls_queued", "calls_queued_bytes", "places_taken", "streams_withheld", "workers"})
            if (key == gauge) require(Unpacker(value).take_unsigned() == 0U, gauge);
    }
}

}  // namespace rpcbroker::fuzz
