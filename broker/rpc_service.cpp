// The service `rpc`: what clients ask the broker itself.
#include <algorithm>
#include <array>
#include <utility>

#include <rpcbroker/pack.hpp>

#include "broker/broker_core.hpp"
#include "broker/rpc_messages.hpp"

namespace rpcbroker::broker {

namespace {

constexpr std::size_t max_listed_calls = 1000;

Result<std::string_view> one_string(const MessageView& message, std::string_view name) {
    Unpacker in(message.params);
    const auto count = in.take_array();
    const auto text = in.take_string();
    if (count == 1U && text) return *text;
    return invalid_argument(std::string(message.method) + ": expected one parameter (" + std::string(name) +
                            "), a str");
}

void pack_method(Packer& out, const Method& method) {
    const MethodRegistration& shown = method.shown;
    out.map(8).string("name").string(shown.name);
    out.string("params").array(shown.params.size());
    for (const auto& param : shown.params) out.string(param);
    out.string("result").string(shown.result).string("doc").string(shown.doc);
    out.string("idempotent").boolean(shown.idempotent).string("stream").boolean(shown.stream);
    out.string("calls").unsigned_integer(method.calls).string("errors").unsigned_integer(method.errors);
}

/// In the order of their names, so that two listings can be compared.
std::vector<const Method*> methods_of(const Service& service) {
    std::vector<const Method*> methods;
    for (const auto& [name, method] : service.methods)
        if (!method->groups.empty()) methods.push_back(method.get());
    std::ranges::sort(methods, {}, &Method::full_name);
    return methods;
}

void pack_service(Packer& out, const Service& service) {
    out.map(5).string("name").string(service.name).string("workers").unsigned_integer(service.workers);
    out.string("queued").unsigned_integer(service.queued).string("in_flight").unsigned_integer(service.in_flight);
    const auto methods = methods_of(service);
    out.string("methods").array(methods.size());
    for (const Method* method : methods) pack_method(out, *method);
}

/// What a worker is at, and how long its oldest call has been there: what shows that a handler is stuck.
void pack_calls_of(Packer& out, const Worker& worker, TimePoint now) {
    std::uint64_t abandoned = 0;
    TimePoint oldest = now;
    for (const Call* call = worker.running; call; call = call->next) {
        if (call->state == Call::State::abandoned) ++abandoned;
        oldest = call->dispatched;  // the newest comes first
    }
    out.string("in_flight").unsigned_integer(worker.in_flight).string("abandoned").unsigned_integer(abandoned);
    out.string("oldest_us").unsigned_integer(microseconds(now - oldest));
}

std::string_view name_of(Call::State state) noexcept {
    if (state == Call::State::waiting) return "queued";
    return state == Call::State::running ? "running" : "abandoned";
}

}  // namespace

void BrokerCore::on_rpc_request(Client& client, std::string_view envelope, const MessageView& message) {
    static constexpr std::array<std::pair<std::string_view, RpcHandler>, 8> handlers{{
        {"hello", &BrokerCore::rpc_hello},
        {"ping", &BrokerCore::rpc_ping},
        {"services", &BrokerCore::rpc_services},
        {"describe", &BrokerCore::rpc_describe},
        {"workers", &BrokerCore::rpc_workers},
        {"calls", &BrokerCore::rpc_calls},
        {"stats", &BrokerCore::rpc_stats},
        {"drain", &BrokerCore::rpc_drain},
    }};
    counters_.add(Counter::rpc_calls);
    const auto found = std::ranges::find(handlers, message.method.substr(4), &decltype(handlers)::value_type::first);
    if (found == handlers.end())
        return reply_error(
            client.peer, envelope, message.msgid,
            {Code::unimplemented, "the broker has no method " + std::string(message.method), By::broker, Ran::no});
    std::string result;
    if (message.bad_option)
        return reply_error(client.peer, envelope, message.msgid, invalid_argument(message.bad_option));
    auto error = check_right_to_ask(client, found->first);
    if (!error) error = (this->*found->second)(client, message, result);
    if (error) return reply_error(client.peer, envelope, message.msgid, *error);
    append_result(to_clients_.add(client.peer, envelope), message.msgid, result);
    // Its answer is the last that comes alone. A peer that sends an envelope gets no batches and no notifications.
    if (found->second == &BrokerCore::rpc_hello && envelope.empty()) greet(client, message);
}

std::optional<Error> BrokerCore::rpc_hello(Client&, const MessageView& message, std::string& out) {
    const auto hello = read_hello(message.params);
    if (!hello) return hello.error();
    Packer packer(out);
    packer.map(5).string("protocol").unsigned_integer(1).string("broker").string(broker_id_);
    packer.string("version").string(RPCBROKER_VERSION).string("max_message").unsigned_integer(limits_.max_message);
    packer.string("heartbeat").unsigned_integer(to_milliseconds(limits_.heartbeat));
    return std::nullopt;
}

void BrokerCore::greet(Client& client, const MessageView& message) {
    const auto hello = read_hello(message.params);
    client.hello = true;
    client.name = hello->name;
    client.heartbeat = hello->heartbeat;
    to_clients_.set_batching(client.peer, hello->batch);
    watch(client);
    if (draining_) append_notification(to_clients_.add(client.peer), "rpc.goaway", no_parameters);
}

std::optional<Error> BrokerCore::rpc_ping(Client&, const MessageView& message, std::string& out) {
    if (auto error = expect_nothing(message)) return error;
    Packer(out).string("pong");
    return std::nullopt;
}

std::optional<Error> BrokerCore::rpc_services(Client&, const MessageView& message, std::string& out) {
    if (auto error = expect_nothing(message)) return error;
    std::vector<const Service*> shown;
    directory_.for_each([&](const Service& service) {
        if (service.workers > 0 || service.queued > 0 || service.in_flight > 0) shown.push_back(&service);
    });
    std::ranges::sort(shown, {}, &Service::name);
    Packer packer(out);
    packer.array(shown.size());
    for (const Service* service : shown) pack_service(packer, *service);
    return std::nullopt;
}

std::optional<Error> BrokerCore::rpc_describe(Client&, const MessageView& message, std::string& out) {
    const auto name = one_string(message, "method");
    if (!name) return name.error();
    const auto dot = name->rfind('.');
    Service* service = dot == std::string_view::npos ? nullptr : directory_.service(name->substr(0, dot));
    if (!service || !service->known)
        return Error{Code::not_found, "nobody registered a service for \"" + std::string(*name) + "\"", By::broker,
                     Ran::no};
    const Method* method = Directory::method(*service, name->substr(dot + 1));
    if (!method)
        return Error{Code::unimplemented,
                     "service " + service->name + " has no method " + std::string(name->substr(dot + 1)), By::broker,
                     Ran::no};
    Packer packer(out);
    pack_method(packer, *method);
    return std::nullopt;
}

std::optional<Error> BrokerCore::rpc_workers(Client&, const MessageView& message, std::string& out) {
    if (auto error = expect_nothing(message)) return error;
    std::vector<const Worker*> workers;
    for (const auto& [serial, worker] : workers_by_serial_) workers.push_back(worker);
    std::ranges::sort(workers, {}, &Worker::serial);
    Packer packer(out);
    packer.array(workers.size());
    for (const Worker* worker : workers) {
        packer.map(12).string("id").string(worker->id).string("name").string(worker->name);
        packer.string("address").string(worker->address).string("services").array(worker->memberships.size());
        for (const auto& membership : worker->memberships) packer.string(membership->service->name);
        packer.string("capacity").unsigned_integer(worker->capacity);
        pack_calls_of(packer, *worker, now_);
        packer.string("completed").unsigned_integer(worker->completed);
        packer.string("errors").unsigned_integer(worker->errors);
        packer.string("uptime").unsigned_integer(microseconds(now_ - worker->registered) / 1000);
        packer.string("draining").boolean(worker->draining);
    }
    return std::nullopt;
}

std::optional<Error> BrokerCore::rpc_calls(Client&, const MessageView& message, std::string& out) {
    if (auto error = expect_nothing(message)) return error;
    std::vector<const Call*> calls;
    calls_.for_each([&](const Call& call) { calls.push_back(&call); });
    const auto shown = std::min(calls.size(), max_listed_calls);
    const auto end = calls.begin() + static_cast<std::ptrdiff_t>(shown);
    std::partial_sort(calls.begin(), end, calls.end(),
                      [](const Call* a, const Call* b) { return a->accepted < b->accepted; });
    Packer packer(out);
    packer.array(shown);
    for (auto it = calls.begin(); it != end; ++it) {
        const Call& call = **it;
        const auto id = (std::uint64_t{call.generation} << CallTable::index_bits) | call.index;
        packer.map(6).string("id").unsigned_integer(id).string("method");
        packer.string(call.method ? std::string_view(call.method->full_name) : called_method(call));
        packer.string("client").string(call.client ? peer_name(call.client->peer) : std::string("gone"));
        packer.string("worker");
        if (call.worker)
            packer.string(call.worker->id);
        else
            packer.nil();
        packer.string("age_us").unsigned_integer(microseconds(now_ - call.accepted));
        packer.string("state").string(name_of(call.state));
    }
    return std::nullopt;
}

std::optional<Error> BrokerCore::rpc_drain(Client&, const MessageView& message, std::string& out) {
    const auto id = one_string(message, "worker id");
    if (!id) return id.error();
    const auto found =
        std::ranges::find_if(workers_by_serial_, [&](const auto& entry) { return entry.second->id == *id; });
    if (found == workers_by_serial_.end())
        return Error{Code::not_found, "worker " + std::string(*id) + " is not there (rpc.workers lists those that are)",
                     By::broker, Ran::no};
    Worker& worker = *found->second;
    if (!std::exchange(worker.draining, true)) stop_drawing(worker);
    notify_worker(worker.peer, "rpc.drain", no_parameters);
    Packer(out).nil();
    return std::nullopt;
}

}  // namespace rpcbroker::broker
