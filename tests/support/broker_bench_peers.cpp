// The peers of the bench. Its world is in broker_bench.cpp.
#include <algorithm>
#include <limits>

#include <rpcbroker/pack.hpp>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {

// ---- peers

void BenchPeer::keeps_beating(bool beating) {
    next_beat_.reset();
    if (beating) next_beat_ = bench_.now() + bench_.limits().heartbeat;
}

std::vector<Received> BenchPeer::received() {
    const auto all = std::exchange(inbox_, {});
    return {all.begin(), all.end()};
}

std::vector<Received> BenchPeer::notifications() { return take(MessageType::notification); }

std::vector<std::string> BenchPeer::notified() {
    std::vector<std::string> methods;
    for (const auto& message : notifications()) methods.push_back(message.method);
    return methods;
}

std::vector<Received> BenchPeer::take(MessageType type) {
    std::vector<Received> taken;
    for (const auto& message : inbox_)
        if (message.type == type) taken.push_back(message);
    std::erase_if(inbox_, [&](const Received& message) { return message.type == type; });
    return taken;
}

Received BenchPeer::take_one(MessageType type, std::string_view what) {
    auto taken = take(type);
    if (taken.size() != 1)
        violated("has " + std::to_string(taken.size()) + " messages, not one, of kind " + std::string(what));
    return std::move(taken.front());
}

void BenchPeer::violated(const std::string& what) const { throw BenchViolation(name_ + " " + what); }

// ---- clients

void BenchClient::request(std::uint32_t msgid, std::string_view method, const json& params,
                          const RequestOptions& options, std::string_view envelope) {
    std::string body;
    append_request(body, msgid, method, pack(params), options);
    sends(std::move(body), envelope);
}

void BenchClient::requests(std::uint32_t first, std::uint32_t count, std::string_view method,
                           const RequestOptions& options) {
    for (std::uint32_t i = 0; i < count; ++i) request(first + i, method, json::array({name_}), options);
}

void BenchClient::notify(std::string_view method, const json& params, const RequestOptions& options) {
    std::string body;
    append_notification(body, method, pack(params), options);
    sends(std::move(body));
}

Received BenchClient::asks(std::string_view method, const json& params) {
    const auto msgid = ++last_own_msgid_;
    request(msgid, method, params);
    for (auto message = inbox_.begin(); message != inbox_.end(); ++message) {
        if (message->type != MessageType::response || message->msgid != msgid) continue;
        auto answer = std::move(*message);
        inbox_.erase(message);
        return answer;
    }
    violated("has no answer to " + std::string(method));
}

json BenchClient::hello(json what) {
    takes_batches_ = what.value("batch", false);
    auto answer = asks("rpc.hello", json::array({std::move(what)}));
    if (!answer.error.is_null()) violated("was refused: " + answer.error.dump());
    return answer.result;
}

void BenchClient::sends(std::string body, std::string_view envelope) {
    BodyReader reader(body);
    MessageView message;
    auto step = reader.next(message);
    for (; step == BodyReader::Step::message; step = reader.next(message)) {
        if (message.type != MessageType::notification) ++open_[{std::string(envelope), message.msgid}];
        count_grants(message, envelope);
    }
    if (step == BodyReader::Step::malformed) ++open_[{std::string(envelope), reader.problem_msgid()}];
    bench_.client_sends(id_, std::move(body), envelope);
}

/// What it lets the broker send it, read from what it really sends.
void BenchClient::count_grants(const MessageView& message, std::string_view envelope) {
    if (message.type == MessageType::request && envelope.empty() && message.options.stream)
        granted_[message.msgid] += *message.options.stream;
    if (message.type != MessageType::notification || message.method != "rpc.credit") return;
    const auto params = unpack(message.params);
    if (params.size() != 2 || !params[0].is_number_unsigned() || !params[1].is_number_unsigned()) return;
    const auto granted = granted_.find(params[0].get<std::uint32_t>());
    if (granted == granted_.end()) return;
    const auto most = std::numeric_limits<std::uint64_t>::max();
    granted->second += std::min(params[1].get<std::uint64_t>(), most - granted->second);
}

void BenchClient::reads(bool reading) {
    reading_ = reading;
    if (reading) bench_.deliver_all(bench_.core().to_clients(), *this);
}

void BenchClient::closes() {
    connected_ = false;
    open_.clear();
    bench_.client_closes(id_);
}

std::size_t BenchClient::waits_for() const {
    std::size_t count = 0;
    for (const auto& [question, times] : open_) count += times;
    return count;
}

void BenchClient::check_received(const Received& message) {
    if (message.type == MessageType::request) violated("was sent a request");
    if (message.type == MessageType::notification) return;
    const auto found = open_.find({message.envelope, message.msgid});
    if (found == open_.end()) violated("was answered what it did not ask, or once more");
    if (message.type == MessageType::stream_item) {
        if (granted_[*message.msgid]-- == 0) violated("was sent more stream items than it granted");
        return;
    }
    if (--found->second > 0) return;
    open_.erase(found);
    if (message.envelope.empty() && message.msgid) granted_.erase(*message.msgid);
}

// ---- workers

json Offer::params(std::string_view name) const {
    auto listed = json::array();
    for (const auto& [service, names] : services) {
        auto methods = json::array();
        for (const auto& method : names)
            methods.push_back({{"name", method}, {"idempotent", idempotent}, {"stream", stream}});
        listed.push_back({{"name", service}, {"methods", methods}});
    }
    return json::array({{{"protocol", 1},
                         {"name", name},
                         {"batch", batch},
                         {"heartbeat", heartbeat},
                         {"capacity", capacity},
                         {"services", listed}}});
}

json BenchWorker::registers(const Offer& offer) {
    const auto capacity_before = std::exchange(capacity_, offer.capacity);
    takes_batches_ = offer.batch;
    const auto answer = tries_to_register(offer.params(name_));
    if (answer.error.is_null()) return answer.result;
    capacity_ = capacity_before;
    violated("was refused: " + answer.error.dump());
}

Received BenchWorker::tries_to_register(const json& params) {
    const auto msgid = ++last_own_msgid_;
    std::string body;
    append_request(body, msgid, "rpc.register", pack(params));
    sends(std::move(body));
    for (auto message = inbox_.begin(); message != inbox_.end(); ++message) {
        if (message->type != MessageType::response || message->msgid != msgid) continue;
        auto answer = std::move(*message);
        inbox_.erase(message);
        return answer;
    }
    violated("has no answer to rpc.register");
}

void BenchWorker::answers(const Received& call, const json& result) { answers(call.msgid.value(), result); }

void BenchWorker::answers(std::uint32_t msgid, const json& result) {
    std::string body;
    append_result(body, msgid, pack(result));
    sends(std::move(body));
}

void BenchWorker::fails(const Received& call, const json& error) {
    std::string body;
    Packer(body).array(4).unsigned_integer(1).fixed_u32(call.msgid.value()).raw(pack(error)).nil();
    sends(std::move(body));
}

void BenchWorker::streams(std::uint32_t msgid, const json& item) {
    std::string body;
    append_stream_item(body, msgid, pack(item));
    sends(std::move(body));
}

void BenchWorker::returns(const std::vector<Received>& calls) {
    auto msgids = json::array();
    for (const auto& call : calls) msgids.push_back(call.msgid.value());
    tells("rpc.return", json::array({msgids}));
}

void BenchWorker::heartbeat() { tells("rpc.heartbeat", json::array({json::object()})); }

void BenchWorker::heartbeat(std::uint32_t capacity) {
    capacity_ = capacity;
    tells("rpc.heartbeat", json::array({{{"capacity", capacity}}}));
}

void BenchWorker::tells(std::string_view method, const json& params) {
    std::string body;
    append_notification(body, method, pack(params));
    sends(std::move(body));
}

/// What it answers or returns is no longer with it: read from what it really sends, so that no test can forget it.
void BenchWorker::sends(std::string body, std::string_view envelope) {
    BodyReader reader(body);
    MessageView message;
    while (reader.next(message) == BodyReader::Step::message) {
        if (message.type == MessageType::response) forget(message.msgid);
        if (message.type == MessageType::stream_item)
            if (const auto found = credit_.find(message.msgid); found != credit_.end() && found->second > 0)
                --found->second;
        if (message.method != "rpc.return") continue;
        const auto params = unpack(message.params);
        for (const auto& list : params)
            for (const auto& msgid : list)
                if (msgid.is_number_unsigned()) forget(msgid.get<std::uint32_t>());
    }
    bench_.worker_sends(id_, std::move(body), envelope);
}

void BenchWorker::reads(bool reading) {
    reading_ = reading;
    if (reading) bench_.deliver_all(bench_.core().to_workers(), *this);
}

void BenchWorker::closes() {
    connected_ = false;
    forget_all();
    bench_.worker_closes(id_);
}

void BenchWorker::forget(std::uint32_t msgid) {
    in_flight_.erase(msgid);
    credit_.erase(msgid);
}

void BenchWorker::forget_all() {
    in_flight_.clear();
    credit_.clear();
}

/// Under another id the broker knows nothing of the calls that it sent before.
void BenchWorker::registered_as(const std::string& id) {
    if (std::exchange(worker_id_, id) != id) forget_all();
}

std::uint64_t BenchWorker::credit(const Received& call) const {
    const auto found = credit_.find(call.msgid.value());
    return found == credit_.end() ? 0 : found->second;
}

void BenchWorker::grant(std::uint32_t msgid, std::uint64_t items) {
    auto& credit = credit_[msgid];
    credit += items;
    if (credit > broker::StreamCredit::window) violated("was granted more stream items than the window");
}

void BenchWorker::check_credit(const Received& message) {
    const auto msgid = message.params.at(0).get<std::uint32_t>();
    if (!credit_.contains(msgid)) violated("was granted stream items of a call that it does not have");
    const auto items = message.params.at(1).get<std::uint64_t>();
    if (items == 0) violated("was granted no stream items");
    grant(msgid, items);
}

void BenchWorker::check_received(const Received& message) {
    if (message.method == "rpc.register_again") forget_all();
    if (message.method == "rpc.credit") return check_credit(message);
    if (message.result.is_object() && message.result.contains("worker")) registered_as(message.result["worker"]);
    if (message.type != MessageType::request) return;
    if (in_flight_.size() >= capacity_ && !lies_) violated("was sent more than it has room for");
    if (!in_flight_.insert(*message.msgid).second) violated("was sent two calls under one msgid");
    if (message.options.contains("stream")) grant(*message.msgid, message.options["stream"].get<std::uint64_t>());
}

}  // namespace rpcbroker::test
