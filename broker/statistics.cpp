// What the broker knows of itself: figures of methods and clients, and calls that took long.
#include <algorithm>
#include <array>
#include <utility>

#include <rpcbroker/pack.hpp>

#include "broker/broker_core.hpp"
#include "broker/rpc_messages.hpp"

namespace rpcbroker::broker {

namespace {

constexpr std::size_t max_kept_message = 200;
constexpr std::size_t max_listed_clients = 100;
/// Of the buckets that latencies are told in: microseconds.
constexpr std::array<std::uint64_t, 14> latency_bounds{
    100, 250, 500, 1'000, 2'500, 5'000, 10'000, 25'000, 50'000, 100'000, 250'000, 1'000'000, 5'000'000, 30'000'000};

/// The longest part from the start of `text` that is UTF-8.
std::string_view utf8_of(std::string_view text) noexcept {
    while (!is_utf8(text)) text.remove_suffix(1);
    return text;
}

/// The W3C traceparent that the request came with, as far as the broker still has it.
std::string_view trace_of(const Call& call) noexcept {
    Unpacker in(call.tail());
    in.skip_value();  // the method
    in.skip_value();  // its parameters
    for (auto left = in.take_map().value_or(0); left > 0; --left) {
        const auto key = in.take_string();
        if (key == "trace") return in.take_string().value_or(std::string_view());
        in.skip_value();
    }
    return {};
}

bool is_shown(const Method& method) noexcept { return method.calls > 0 || method.queued > 0 || method.in_flight > 0; }

void pack_numbers(Packer& out, std::span<const std::uint64_t> numbers) {
    out.array(numbers.size());
    for (const auto number : numbers) out.unsigned_integer(number);
}

void pack_latency(Packer& out, const LatencyHistogram& latency) {
    out.map(8).string("count").unsigned_integer(latency.count());
    out.string("p50").unsigned_integer(latency.quantile(0.5));
    out.string("p90").unsigned_integer(latency.quantile(0.9));
    out.string("p99").unsigned_integer(latency.quantile(0.99));
    out.string("p999").unsigned_integer(latency.quantile(0.999));
    out.string("max").unsigned_integer(latency.max());
    out.string("sum").unsigned_integer(latency.sum()).string("buckets");
    pack_numbers(out, latency.counts_up_to(latency_bounds));
}

void pack_last_error(Packer& out, const MethodError* error, TimePoint now) {
    if (!error) {
        out.nil();
        return;
    }
    out.map(3).string("code").string(name_of(error->code));
    out.string("message").string(utf8_of(error->message));
    out.string("age_ms").unsigned_integer(microseconds(now - error->at) / 1000);
}

void pack_figures(Packer& out, Method& method, TimePoint now) {
    out.map(7).string("calls").unsigned_integer(method.calls).string("errors").unsigned_integer(method.errors);
    out.string("queued").unsigned_integer(method.queued).string("in_flight").unsigned_integer(method.in_flight);
    out.string("items").unsigned_integer(method.items);
    const auto recent = method.latency.recent(now);
    out.string("recent").map(3).string("count").unsigned_integer(recent.count());
    out.string("p50_us").unsigned_integer(recent.quantile(0.5));
    out.string("p99_us").unsigned_integer(recent.quantile(0.99));
    out.string("last_error");
    pack_last_error(out, method.last_error.get(), now);
}

void pack_client(Packer& out, const Client& client) {
    out.map(5).string("id").string(peer_name(client.peer)).string("name").string(client.name);
    out.string("calls").unsigned_integer(client.calls_ended).string("errors").unsigned_integer(client.errors);
    out.string("in_flight").unsigned_integer(client.awaited);
}

}  // namespace

/// A call ends for its caller; `worker` is where it was, if anywhere, and `error` is null where all went well.
void BrokerCore::record(const Call& call, const Worker* worker, const Error* error) {
    const auto took = now_ - call.accepted;
    if (limits_.slow_call > Duration::zero() && took > limits_.slow_call) note_slow(call, worker, error);
    if (call.client) {
        ++call.client->calls_ended;
        if (error) ++call.client->errors;
    }
    if (!call.method) return;
    Method& method = *call.method;
    ++method.calls;
    method.latency.record(microseconds(took), now_);
    if (error) note_error(method, *error);
}

void BrokerCore::note_error(Method& method, const Error& error) {
    ++method.errors;
    if (!method.last_error) method.last_error = std::make_unique<MethodError>();
    method.last_error->code = error.code();
    method.last_error->message.assign(error.message(), 0, max_kept_message);
    method.last_error->at = now_;
}

void BrokerCore::note_slow(const Call& call, const Worker* worker, const Error* error) {
    const bool was_sent = call.dispatched != TimePoint{};
    const auto left_queue = was_sent ? call.dispatched : now_;
    std::vector<std::pair<std::string, std::string>> fields;
    const auto field = [&](const char* name, std::string value) {
        if (!value.empty()) fields.emplace_back(name, std::move(value));
    };
    field("method", call.method ? call.method->full_name : std::string(called_method(call)));
    field("client", call.client ? peer_name(call.client->peer) : "gone");
    field("client_name", call.client ? call.client->name : "");
    field("worker", worker ? worker->id : "");
    field("queued_us", std::to_string(microseconds(left_queue - call.accepted)));
    field("worker_us", std::to_string(microseconds(now_ - left_queue)));
    field("outcome", error ? std::string(name_of(error->code())) : "ok");
    field("trace", std::string(trace_of(call)));
    notice(Notice::Level::info, "slow call", std::move(fields));
}

std::vector<std::pair<std::string_view, std::uint64_t>> BrokerCore::gauges() {
    const auto connected = std::ranges::count_if(clients_, [](const auto& client) { return client != nullptr; });
    return {{"calls_queued", waiting_},
            {"calls_queued_bytes", queued_bytes_},
            {"calls_in_system", unanswered_},
            {"places_taken", calls_.size() - waiting_},
            {"streams_withheld", withheld_},
            {"clients", static_cast<std::uint64_t>(connected)},
            {"workers", workers_by_serial_.size()},
            {"services", directory_.service_count()},
            {"methods_known", directory_.method_count()},
            {"unsent_bytes", to_clients_.waiting_bytes() + to_workers_.waiting_bytes()}};
}

std::optional<Error> BrokerCore::rpc_stats(Client&, const MessageView& message, std::string& out) {
    if (auto error = expect_nothing(message)) return error;
    const auto figures = gauges();
    Packer packer(out);
    packer.map(counter_names.size() + figures.size() + 8);
    packer.string("broker").string(broker_id_).string("version").string(RPCBROKER_VERSION);
    packer.string("uptime_ms").unsigned_integer(microseconds(now_ - started_) / 1000);
    for (std::size_t i = 0; i < counter_names.size(); ++i)
        packer.string(counter_names[i]).unsigned_integer(counters_[static_cast<Counter>(i)]);
    for (const auto& [name, value] : figures) packer.string(name).unsigned_integer(value);
    pack_failures(packer);
    pack_methods(packer);
    pack_clients(packer);
    return std::nullopt;
}

void BrokerCore::pack_failures(Packer& out) const {
    const auto kinds = std::ranges::count_if(failures_by_code_, [](auto count) { return count > 0; });
    out.string("failures").map(static_cast<std::size_t>(kinds));
    for (std::size_t code = 0; code < failures_by_code_.size(); ++code)
        if (failures_by_code_[code] > 0)
            out.string(name_of(static_cast<Code>(code))).unsigned_integer(failures_by_code_[code]);
}

void BrokerCore::pack_methods(Packer& out) {
    std::vector<Method*> methods;
    directory_.for_each([&](const Service& service) {
        for (const auto& [name, method] : service.methods)
            if (is_shown(*method)) methods.push_back(method.get());
    });
    std::ranges::sort(methods, {}, &Method::full_name);
    out.string("methods").map(methods.size());
    for (Method* method : methods) {
        out.string(method->full_name);
        pack_figures(out, *method, now_);
    }
    std::erase_if(methods, [](const Method* method) { return method->calls == 0; });
    out.string("latency_bounds_us");
    pack_numbers(out, latency_bounds);
    out.string("latency_us").map(methods.size());
    for (const Method* method : methods) {
        out.string(method->full_name);
        pack_latency(out, method->latency.all());
    }
}

/// The busiest ones: those with most calls in flight, and of equals those with most calls.
void BrokerCore::pack_clients(Packer& out) const {
    std::vector<const Client*> clients;
    for (const auto& client : clients_)
        if (client) clients.push_back(client.get());
    const auto shown = std::min(clients.size(), max_listed_clients);
    const auto end = clients.begin() + static_cast<std::ptrdiff_t>(shown);
    std::partial_sort(clients.begin(), end, clients.end(), [](const Client* a, const Client* b) {
        return std::pair(a->awaited, a->calls_ended) > std::pair(b->awaited, b->calls_ended);
    });
    out.string("client_list").array(shown);
    for (auto it = clients.begin(); it != end; ++it) pack_client(out, **it);
}

}  // namespace rpcbroker::broker
