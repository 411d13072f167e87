#include "tests/simulation/broker_watch.hpp"

#include <algorithm>
#include <utility>

#include <rpcbroker/pack.hpp>

namespace rpcbroker::simulation {
namespace {

constexpr int missed_heartbeats = 3;

bool is_reserved(std::string_view method) { return method.starts_with("rpc.") && method.rfind('.') == 3; }

std::string text_of(PeerId peer) { return std::to_string(peer.slot) + "/" + std::to_string(peer.generation); }

std::string text_of(const std::optional<std::uint64_t>& call) {
    return call ? "#" + std::to_string(*call) : std::string{"a stranger's call"};
}

/// Of a method that all honest workers serve, and not of one worker alone.
bool is_in_turn(const MessageView& message) {
    return message.method.starts_with("A.") && message.method != "A.nothing" && !message.options.key &&
           !message.options.worker;
}

/// Two unsigned numbers, as rpc.credit has them.
std::optional<std::pair<std::uint64_t, std::uint64_t>> read_pair(std::string_view params) {
    Unpacker in{params};
    if (in.take_array() != 2U) return std::nullopt;
    const auto first = in.take_unsigned();
    const auto second = in.take_unsigned();
    if (!first || !second) return std::nullopt;
    return std::pair{*first, *second};
}

/// The value of a key in a map, which is the only element of an array or stands alone.
std::optional<std::string_view> value_of(std::string_view map, std::string_view wanted) {
    Unpacker in{map};
    if (in.peek() == Kind::array) in.take_array();
    for (auto left = in.take_map().value_or(0); left > 0; --left) {
        const auto key = in.take_string();
        const auto value = in.take_value();
        if (key == wanted) return value;
    }
    return std::nullopt;
}

std::optional<std::uint64_t> number_in(std::string_view map, std::string_view key) {
    const auto value = value_of(map, key);
    return value ? Unpacker{*value}.take_unsigned() : std::nullopt;
}

}  // namespace

BrokerWatch::BrokerWatch(History& history, Trace& trace, const BrokerLimits& limits, std::string name, TimePoint now)
    : history_(history), trace_(trace), limits_(limits), name_(std::move(name)), start_(now), now_(now) {}

void BrokerWatch::fail(std::string invariant, const std::string& what) const {
    throw Violation{std::move(invariant), name_ + ": " + what};
}

/// A gap of more than a heartbeat is time in which it did not run.
void BrokerWatch::begin_turn(TimePoint now, const std::set<PeerId>& blocked) {
    ++turn_.number;
    turn_.blocked = blocked;
    const Duration gap = now - std::exchange(now_, now);
    if (gap > limits_.heartbeat) stalled_ += gap - limits_.heartbeat;
    for (auto& [peer, worker] : workers_)
        if (!blocked.contains(peer)) worker.most_capacity = worker.capacity;
}

// ---- what clients send

void BrokerWatch::from_client(PeerId peer, std::string_view envelope, std::string_view body, bool honest) {
    ClientView& client = clients_[peer];
    client.honest = honest;
    client.heard = running();
    BodyReader reader{body};
    MessageView message;
    auto step = reader.next(message);
    for (; step == BodyReader::Step::message; step = reader.next(message)) from_client(peer, client, envelope, message);
    if (step != BodyReader::Step::malformed) return;
    if (honest) fail("an honest peer sends nothing malformed", "client " + text_of(peer) + ": " + reader.problem());
    ++malformed_;
    ++client.errors_owed;
}

void BrokerWatch::from_client(PeerId peer, ClientView& client, std::string_view envelope, const MessageView& message) {
    switch (message.type) {
    case MessageType::request:
        if (client.honest)
            note("<- client " + text_of(peer) + " " + std::to_string(message.msgid) + " " +
                 std::string{message.method} + " " + text_of(read_number(message.params)));
        return request(peer, client, envelope, message);
    case MessageType::notification: return notification(peer, client, message);
    default:
        if (client.honest) fail("a client sends requests and notifications", text_of(peer));
        ++client.errors_owed;
    }
}

void BrokerWatch::request(PeerId peer, ClientView& client, std::string_view envelope, const MessageView& message) {
    const bool reserved = is_reserved(message.method);
    ++(reserved ? rpc_requests_ : requests_);
    if (message.method == "rpc.drain") drains(message);
    Owed owed{std::nullopt, std::string{envelope}};
    if (client.honest && !reserved) owed.call = read_number(message.params);
    if (owed.call) {
        admitted(peer, *owed.call, message);
        owed.deadline = admissions_[*owed.call].deadlines.back();
        owed.in_turn = is_in_turn(message);
    }
    client.owed.emplace(message.msgid, std::move(owed));
}

/// The worker leaves from now on, also where it cannot be told yet.
void BrokerWatch::drains(const MessageView& message) {
    Unpacker params{message.params};
    params.take_array();
    const auto id = params.take_string();
    for (auto& [peer, worker] : workers_)
        if (id && worker.id == *id) turn_.workers_changed = worker.leaving = true;
}

void BrokerWatch::admitted(PeerId peer, std::uint64_t call, const MessageView& message) {
    ++history_.call(call).admissions;
    const auto longest = static_cast<std::uint64_t>(limits_.max_timeout.count());
    const std::chrono::milliseconds timeout{std::min(message.options.timeout_ms.value_or(0), longest)};
    Admission& admission = admissions_[call];
    admission.deadlines.push_back(now_ + timeout);
    admission.granted = message.options.stream.value_or(0);
    admission.client = peer;
    admission.pinned = message.options.worker.has_value();
}

void BrokerWatch::notification(PeerId peer, ClientView& client, const MessageView& message) {
    if (!is_reserved(message.method)) {
        ++requests_;
        const auto call = client.honest ? read_number(message.params) : std::nullopt;
        if (call) admitted(peer, *call, message);
    } else if (message.method == "rpc.credit") {
        const auto credit = read_pair(message.params);
        if (!credit || !client.honest) return;
        const auto found = client.owed.find(static_cast<std::uint32_t>(credit->first));
        if (found != client.owed.end() && found->second.call)
            admissions_[*found->second.call].granted += credit->second;
    }
}

// ---- what workers send

void BrokerWatch::from_worker(PeerId peer, std::string_view body, bool honest) {
    WorkerView& worker = workers_[peer];
    worker.honest = honest;
    worker.heard = running();
    BodyReader reader{body};
    MessageView message;
    auto step = reader.next(message);
    for (; step == BodyReader::Step::message; step = reader.next(message)) from_worker(worker, message);
    if (step != BodyReader::Step::malformed) return;
    if (honest) fail("an honest peer sends nothing malformed", "worker " + text_of(peer) + ": " + reader.problem());
    ++malformed_;
}

void BrokerWatch::from_worker(WorkerView& worker, const MessageView& message) {
    switch (message.type) {
    case MessageType::request: return registration(worker, message);
    case MessageType::response:
        ++from_workers_;
        answered_by(worker, message.msgid);
        return;
    case MessageType::stream_item: ++from_workers_; return;
    case MessageType::notification: break;
    }
    if (message.method == "rpc.return") return returned(worker, message);
    if (message.method == "rpc.leave") turn_.workers_changed = worker.leaving = true;
    if (message.method != "rpc.heartbeat") return;
    if (const auto capacity = number_in(message.params, "capacity")) {
        worker.capacity = *capacity;
        if (!worker.asked_for.empty()) worker.asked_for.back().second = *capacity;
    }
    may_have(worker, worker.capacity);
}

/// From now on; what it could have before may be on its way to it.
void BrokerWatch::may_have(WorkerView& worker, std::uint64_t capacity) {
    constexpr std::uint64_t most = 10'000;  // liars say more
    worker.most_capacity = std::max(worker.most_capacity, capacity);
    std::size_t room = 0;
    for (const auto& [peer, each] : workers_) room += std::min(each.most_capacity, most);
    most_places_ = std::max(most_places_, room);
}

void BrokerWatch::registration(WorkerView& worker, const MessageView& message) {
    if (message.method != "rpc.register") return;
    turn_.workers_changed = true;
    worker.asked_for.emplace_back(message.msgid, number_in(message.params, "capacity").value_or(0));
    may_have(worker, worker.asked_for.back().second);
    const auto heartbeat = value_of(message.params, "heartbeat");
    worker.heartbeat = heartbeat && Unpacker{*heartbeat}.take_boolean().value_or(false);
}

void BrokerWatch::returned(WorkerView& worker, const MessageView& message) {
    Unpacker in{message.params};
    in.take_array();
    for (auto left = in.take_array().value_or(0); left > 0; --left) {
        const auto msgid = in.take_unsigned();
        if (!msgid) return;
        ++from_workers_;
        answered_by(worker, static_cast<std::uint32_t>(*msgid));
    }
}

void BrokerWatch::answered_by(WorkerView& worker, std::uint32_t msgid) { places_ -= worker.calls.erase(msgid); }

void BrokerWatch::client_closed(PeerId peer) { clients_.erase(peer); }

void BrokerWatch::worker_closed(PeerId peer) {
    const auto found = workers_.find(peer);
    if (found == workers_.end()) return;
    lost(found->second);
    workers_.erase(found);
}

// ---- what comes out

void BrokerWatch::to_client(PeerId peer, std::string_view envelope, std::string_view body) {
    const auto found = clients_.find(peer);
    if (found == clients_.end()) return;  // it went in this turn
    ClientView& client = found->second;
    BodyReader reader{body};
    MessageView message;
    auto step = reader.next(message);
    for (; step == BodyReader::Step::message; step = reader.next(message)) {
        if (message.type == MessageType::response) response(peer, client, envelope, message);
        if (message.type == MessageType::request) fail("a client is sent no requests", text_of(peer));
        if (message.type == MessageType::stream_item && client.honest) item(peer, client, message.msgid);
    }
    if (step == BodyReader::Step::end) return;
    if (client.errors_owed == 0) fail("a broker sends nothing malformed", "to client " + text_of(peer));
    --client.errors_owed;  // its msgid is nil
}

void BrokerWatch::item(PeerId peer, const ClientView& client, std::uint32_t msgid) {
    const auto owed = client.owed.find(msgid);
    if (owed == client.owed.end())
        fail("items are of calls that are under way",
             "client " + text_of(peer) + " is sent an item of " + std::to_string(msgid));
    if (owed->second.call && awaited_by_liar()) history_.call(*owed->second.call).lied_about = true;
}

void BrokerWatch::response(PeerId peer, ClientView& client, std::string_view envelope, const MessageView& message) {
    auto [first, last] = client.owed.equal_range(message.msgid);
    first = std::find_if(first, last, [&](const auto& owed) { return owed.second.envelope == envelope; });
    if (first == last) {
        if (client.errors_owed == 0)
            fail("a request is answered once, where it came from",
                 "client " + text_of(peer) + " is sent an answer to " + std::to_string(message.msgid));
        --client.errors_owed;
        return;
    }
    const Owed owed = std::move(first->second);
    client.owed.erase(first);
    if (!owed.call) return;
    check_lost(*owed.call, message);
    check_run_again(*owed.call, message);
    turn_.ended.insert(peer);
    note("-> client " + text_of(peer) + " " + std::to_string(message.msgid) + " " + text_of(owed.call) +
         (Unpacker{message.error}.take_nil() ? " result" : " error"));
    if (awaited_by_liar()) history_.call(*owed.call).lied_about = true;
    check_answer(owed, message);
}

void BrokerWatch::check_answer(const Owed& owed, const MessageView& message) const {
    const CallRecord& call = history_.call(*owed.call);
    if (call.lied_about || !Unpacker{message.error}.take_nil()) return;
    const auto echo = read_echo(message.result);
    if (!echo || echo->call != *owed.call)
        fail("an answer goes to its own call",
             text_of(owed.call) + " is answered with " + (echo ? "#" + std::to_string(echo->call) : "something else"));
}

void BrokerWatch::to_worker(PeerId peer, std::string_view body, bool fresh) {
    const auto found = workers_.find(peer);
    if (found == workers_.end()) return;
    Unpacker messages{body};
    while (const auto bytes = messages.take_value()) {
        MessageView message;
        BodyReader reader{*bytes};
        if (reader.next(message) == BodyReader::Step::message)
            to_worker(peer, found->second, message, fresh);
        else if (found->second.honest)  // others are told of what was malformed, with a msgid of nil
            fail("a broker sends nothing malformed", "to worker " + text_of(peer) + ": " + reader.problem());
    }
}

void BrokerWatch::to_worker(PeerId peer, WorkerView& worker, const MessageView& message, bool fresh) {
    if (message.type == MessageType::request) return dispatched(peer, worker, message, fresh);
    if (message.type == MessageType::response) return answered(peer, worker, message);
    if (message.type == MessageType::notification) told(worker, message);
}

/// What was sent to an earlier registration of this connection takes no place in a new one. A registration that was
/// refused changes nothing.
void BrokerWatch::answered(PeerId peer, WorkerView& worker, const MessageView& message) {
    const auto asked =
        std::ranges::find(worker.asked_for, message.msgid, &std::pair<std::uint32_t, std::uint64_t>::first);
    if (asked == worker.asked_for.end()) return;
    const auto capacity = asked->second;
    worker.asked_for.erase(asked);
    if (!Unpacker{message.error}.take_nil()) return;
    worker.capacity = capacity;
    may_have(worker, capacity);
    const auto id = value_of(message.result, "worker");
    const std::string text{id ? Unpacker{*id}.take_string().value_or("") : ""};
    if (worker.id != text) places_ -= std::exchange(worker.calls, {}).size();
    worker.id = text;
    worker.registered = turn_.number;
    worker.leaving = worker.left = false;
    turn_.workers_changed = true;
    note("registers worker " + text + " at " + text_of(peer));
}

void BrokerWatch::dispatched(PeerId peer, WorkerView& worker, const MessageView& message, bool fresh) {
    const auto number = read_number(message.params);
    const auto call = number && history_.knows(*number) ? number : std::nullopt;
    ++dispatches_;
    note("-> worker " + worker.id.value_or("?") + " at " + text_of(peer) + " " + std::to_string(message.msgid) + " " +
         text_of(call));
    if (!worker.calls.emplace(message.msgid, call).second)
        fail("an id on the wire is new at every dispatch",
             "worker " + text_of(peer) + " is sent " + std::to_string(message.msgid) + " twice");
    most_places_ = std::max(most_places_, ++places_);
    worker.cancelled.erase(message.msgid);
    check_new(message.msgid);
    check_place(peer, worker, message, fresh);
    if (worker.honest && worker.calls.size() > worker.most_capacity)
        fail("no worker is sent more than it has room for", "worker " + text_of(peer) + " has " +
                                                                std::to_string(worker.calls.size()) + " calls of " +
                                                                std::to_string(worker.most_capacity));
    if (!call) return;
    if (!worker.honest) history_.call(*call).lied_about = true;
    admissions_[*call].passed_on = message.options.stream.value_or(0);
    if (fresh) check_timeout(*call, message);
}

void BrokerWatch::check_timeout(std::uint64_t call, const MessageView& message) const {
    const auto& deadlines = admissions_.at(call).deadlines;
    if (std::ranges::all_of(deadlines, [this](TimePoint deadline) { return now_ >= deadline; }))
        fail("nothing is dispatched after its deadline", text_of(call));
    const auto told = message.options.timeout_ms.value_or(0);
    const auto is_left = [&](TimePoint deadline) {
        return std::chrono::ceil<std::chrono::milliseconds>(deadline - now_).count() == static_cast<std::int64_t>(told);
    };
    if (std::ranges::none_of(deadlines, is_left))
        fail("a worker is told what is left of the time", text_of(call) + " is given " + std::to_string(told) + " ms");
}

void BrokerWatch::granted(const WorkerView& worker, const MessageView& message) {
    const auto credit = read_pair(message.params);
    if (!credit) return fail("credit names a call and a number", name_);
    const auto found = worker.calls.find(static_cast<std::uint32_t>(credit->first));
    if (found == worker.calls.end() || !found->second) return;
    Admission& admission = admissions_[*found->second];
    admission.passed_on += credit->second;
    if (admission.passed_on > admission.granted)
        fail("a worker is granted no more items than the client grants",
             text_of(found->second) + ": " + std::to_string(admission.passed_on) + " of " +
                 std::to_string(admission.granted));
}

// ---- who is given up

void BrokerWatch::gave_up_worker(const std::string& id) {
    for (auto& [peer, worker] : workers_) {
        if (worker.id != id) continue;
        if (!worker.heartbeat && worker.honest) fail("only a peer with heartbeats is given up", "worker " + id);
        if (running() - worker.heard < missed_heartbeats * limits_.heartbeat)
            fail("a peer that is heard is not given up", "worker " + id);
        lost(worker);
    }
}

void BrokerWatch::gave_up_client(PeerId peer) {
    const auto found = clients_.find(peer);
    if (found == clients_.end()) return;
    if (running() - found->second.heard < missed_heartbeats * limits_.heartbeat)
        fail("a peer that is heard is not given up", "client " + text_of(peer));
    for (auto& [msgid, owed] : found->second.owed) owed.given_up = true;
}

void BrokerWatch::check_workers(const std::set<std::string>& listed) const {
    // The broker looks once a heartbeat, and its timers go by the millisecond.
    const Duration latest = (missed_heartbeats + 1) * limits_.heartbeat + std::chrono::milliseconds{2};
    for (const auto& [peer, worker] : workers_) {
        const bool there = worker.id && listed.contains(*worker.id);
        if (there && worker.honest && worker.heartbeat && running() - worker.heard > latest)
            fail("a silent peer is given up after three heartbeats", "worker " + *worker.id);
    }
}

std::vector<std::string> BrokerWatch::worker_ids() const {
    std::vector<std::string> ids;
    for (const auto& [peer, worker] : workers_)
        if (worker.id) ids.push_back(*worker.id);
    return ids;
}

}  // namespace rpcbroker::simulation
