#include "client/top_snapshot.hpp"

#include <utility>

#include <rpcbroker/convert.hpp>

#include "client/entry.hpp"

namespace rpcbroker {

namespace {

using Named = std::map<std::string, RawValue>;

Figure figure(const Entry& entry, const std::string& key) { return entry.find<std::uint64_t>(key); }

/// A service, and its methods' calls and errors, which every broker tells here.
void add_service(Snapshot& snapshot, const Entry& entry) {
    const auto name = entry.get<std::string>("name");
    snapshot.services.push_back({.name = name,
                                 .workers = figure(entry, "workers"),
                                 .queued = figure(entry, "queued"),
                                 .in_flight = figure(entry, "in_flight")});
    for (const auto& method : entry.entries("methods")) {
        auto& figures = snapshot.methods[name + "." + method.get<std::string>("name")];
        figures.calls = figure(method, "calls");
        figures.errors = figure(method, "errors");
    }
}

WorkerFigures read_worker(const Entry& entry) {
    return {.name = entry.get<std::string>("name"),
            .address = entry.get<std::string>("address"),
            .services = entry.get<std::vector<std::string>>("services"),
            .capacity = figure(entry, "capacity"),
            .in_flight = figure(entry, "in_flight"),
            .abandoned = figure(entry, "abandoned"),
            .oldest_us = figure(entry, "oldest_us"),
            .completed = figure(entry, "completed"),
            .errors = figure(entry, "errors"),
            .uptime_ms = figure(entry, "uptime"),
            .draining = entry.get<bool>("draining")};
}

ClientFigures read_client(const Entry& entry) {
    return {.name = entry.get<std::string>("name"),
            .calls = figure(entry, "calls"),
            .errors = figure(entry, "errors"),
            .in_flight = figure(entry, "in_flight")};
}

std::optional<LastError> read_last_error(const Entry& entry) {
    if (!entry.valid()) return std::nullopt;
    return LastError{entry.get<std::string>("code"), entry.get<std::string>("message"), figure(entry, "age_ms")};
}

void take(Figure& into, Figure from) {
    if (from) into = from;
}

void add_latencies(Snapshot& snapshot, const Entry& stats) {
    for (const auto& [name, packed] : stats.get<Named>("latency_us")) {
        const Entry entry{packed.packed};
        auto& method = snapshot.methods[name];
        method.p50_us = figure(entry, "p50");
        method.p99_us = figure(entry, "p99");
    }
}

void add_method(MethodFigures& method, const Entry& entry) {
    take(method.calls, figure(entry, "calls"));
    take(method.errors, figure(entry, "errors"));
    method.queued = figure(entry, "queued");
    method.in_flight = figure(entry, "in_flight");
    method.items = figure(entry, "items");
    method.last_error = read_last_error(entry.entry("last_error"));
    const auto recent = entry.entry("recent");
    if (!recent.valid()) return;
    // Quantiles of no calls say nothing.
    const bool any = recent.get<std::uint64_t>("count") > 0;
    method.p50_us = any ? figure(recent, "p50_us") : std::nullopt;
    method.p99_us = any ? figure(recent, "p99_us") : std::nullopt;
}

/// A broker that does not tell methods apart has a number there. One that does leaves out those that nobody called.
void add_methods(Snapshot& snapshot, const Entry& stats) {
    const auto methods = stats.find<Named>("methods");
    if (!methods) return;
    for (auto& [name, method] : snapshot.methods) method.queued = method.in_flight = method.items = 0;
    for (const auto& [name, packed] : *methods) add_method(snapshot.methods[name], Entry{packed.packed});
}

void add_stats(Snapshot& snapshot, const Entry& stats) {
    snapshot.broker_id = stats.get<std::string>("broker");
    snapshot.version = stats.get<std::string>("version");
    snapshot.uptime_ms = figure(stats, "uptime_ms");
    snapshot.accepted = figure(stats, "calls_accepted");
    snapshot.refused = figure(stats, "calls_refused");
    snapshot.queued = figure(stats, "calls_queued");
    snapshot.in_flight = figure(stats, "places_taken");
    snapshot.clients = figure(stats, "clients");
    add_latencies(snapshot, stats);
    add_methods(snapshot, stats);
    for (const auto& client : stats.entries("client_list"))
        snapshot.client_list.emplace(client.get<std::string>("id"), read_client(client));
}

}  // namespace

Result<Snapshot> read_snapshot(std::string_view services, std::string_view workers, std::string_view stats,
                               TimePoint taken) {
    const auto service_list = read_entries(services, "rpc.services");
    if (!service_list) return service_list.error();
    const auto worker_list = read_entries(workers, "rpc.workers");
    if (!worker_list) return worker_list.error();
    const Entry figures{stats};
    if (!figures.valid()) return not_understood("rpc.stats");
    Snapshot snapshot;
    snapshot.taken = taken;
    for (const auto& service : *service_list) add_service(snapshot, service);
    for (const auto& worker : *worker_list)
        snapshot.workers.emplace(worker.get<std::string>("id"), read_worker(worker));
    add_stats(snapshot, figures);
    return snapshot;
}

std::string_view service_of(std::string_view method) { return method.substr(0, method.rfind('.')); }

}  // namespace rpcbroker
