// The only source that includes prometheus-cpp.
#include "gateway/metrics.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <rpcbroker/convert.hpp>

#include "client/entry.hpp"

namespace rpcbroker {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

/// Families in the order of their first metric.
class Families {
public:
    /// What is added from now on is of that broker; "": of none.
    void of_broker(std::string endpoint) { broker_ = std::move(endpoint); }
    void counter(const std::string& name, std::string_view help, Labels labels, std::uint64_t value) {
        add(name, help, MetricType::Counter, std::move(labels)).counter.value = static_cast<double>(value);
    }
    void gauge(const std::string& name, std::string_view help, Labels labels, double value) {
        add(name, help, MetricType::Gauge, std::move(labels)).gauge.value = value;
    }
    void histogram(const std::string& name, std::string_view help, Labels labels,
                   prometheus::ClientMetric::Histogram value) {
        add(name, help, MetricType::Histogram, std::move(labels)).histogram = std::move(value);
    }
    [[nodiscard]] std::string text() const { return prometheus::TextSerializer{}.Serialize(families_); }

private:
    ClientMetric& add(const std::string& name, std::string_view help, MetricType type, Labels labels) {
        auto found = std::ranges::find(families_, name, &MetricFamily::name);
        if (found == families_.end()) found = families_.insert(found, MetricFamily{name, std::string{help}, type, {}});
        auto& metric = found->metric.emplace_back();
        if (!broker_.empty()) labels.insert(labels.begin(), {"broker", broker_});
        metric.label = std::move(labels);
        return metric;
    }

    std::vector<MetricFamily> families_;
    std::string broker_;
};

constexpr double per_second = 1e-6;  ///< of microseconds

ClientMetric::Histogram histogram_of(const CallTimes& times) {
    ClientMetric::Histogram histogram;
    for (std::size_t i = 0; i < CallTimes::bounds.size(); ++i) {
        histogram.sample_count += times.buckets[i];
        histogram.bucket.push_back({histogram.sample_count, CallTimes::bounds[i]});
    }
    histogram.sample_count += times.buckets.back();
    histogram.sample_sum = times.sum;
    return histogram;
}

/// `latency`: of one method, in rpc.stats. Nothing where the broker tells no buckets, as an older one.
std::optional<ClientMetric::Histogram> histogram_of(const Entry& latency, const std::vector<std::uint64_t>& bounds) {
    const auto buckets = latency.find<std::vector<std::uint64_t>>("buckets");
    if (!buckets || buckets->empty() || buckets->size() != bounds.size()) return std::nullopt;
    ClientMetric::Histogram histogram;
    for (std::size_t i = 0; i < bounds.size(); ++i)
        histogram.bucket.push_back({(*buckets)[i], static_cast<double>(bounds[i]) / 1e6});
    histogram.sample_count = latency.get<std::uint64_t>("count");
    histogram.sample_sum = latency.get<double>("sum") * per_second;
    return histogram;
}

constexpr std::array<std::string_view, 10> broker_gauges{
    "calls_queued", "calls_queued_bytes", "calls_in_system", "places_taken", "streams_withheld", "clients",
    "workers",      "services",           "methods_known",   "unsent_bytes"};

using Values = std::map<std::string, RawValue>;

template <class T>
std::optional<T> value_of(const RawValue& value) {
    auto read = unpack_value<T>(value.packed, "value");
    return read ? std::optional<T>{std::move(*read)} : std::nullopt;
}

/// All whole numbers of rpc.stats: a counter, unless it is known to be a gauge.
void add_numbers(Families& families, const Values& stats) {
    for (const auto& [name, value] : stats) {
        const auto number = value_of<std::uint64_t>(value);
        if (!number || name == "uptime_ms") continue;
        if (std::ranges::find(broker_gauges, name) != broker_gauges.end())
            families.gauge("rpcbroker_" + name, "The broker's " + name + " now (rpc.stats).", {},
                           static_cast<double>(*number));
        else
            families.counter("rpcbroker_" + name + "_total", "The broker's " + name + " (rpc.stats).", {}, *number);
    }
}

void add_methods(Families& families, const Entry& stats) {
    for (const auto& [method, packed] : stats.get<Values>("methods")) {
        const Entry entry{packed.packed};
        const Labels labels{{"method", method}};
        families.counter("rpcbroker_method_calls_total", "Calls that ended, by method.", labels,
                         entry.get<std::uint64_t>("calls"));
        families.counter("rpcbroker_method_errors_total", "Calls that failed, by method.", labels,
                         entry.get<std::uint64_t>("errors"));
        families.counter("rpcbroker_method_items_total", "Stream items, by method.", labels,
                         entry.get<std::uint64_t>("items"));
        families.gauge("rpcbroker_method_queued", "Calls that wait, by method.", labels, entry.get<double>("queued"));
        families.gauge("rpcbroker_method_in_flight", "Calls at workers, by method.", labels,
                       entry.get<double>("in_flight"));
    }
}

void add_latencies(Families& families, const Entry& stats) {
    const auto bounds = stats.get<std::vector<std::uint64_t>>("latency_bounds_us");
    for (const auto& [method, packed] : stats.get<Values>("latency_us")) {
        const Entry entry{packed.packed};
        if (auto histogram = histogram_of(entry, bounds))
            families.histogram("rpcbroker_method_call_seconds", "How long calls took, as the broker saw them.",
                               {{"method", method}}, std::move(*histogram));
        for (const auto* const at : {"p50", "p90", "p99", "p999", "max"})
            families.gauge("rpcbroker_method_latency_seconds",
                           "How long calls took, as the broker saw them: its quantiles.",
                           {{"method", method}, {"at", at}}, entry.get<double>(at) * per_second);
    }
}

void add_stats(Families& families, std::string_view packed) {
    const Entry stats{packed};
    const auto values = unpack_value<Values>(packed, "stats");
    if (!values) return;
    families.gauge("rpcbroker_info", "Which broker it is.",
                   {{"id", stats.get<std::string>("broker")}, {"version", stats.get<std::string>("version")}}, 1);
    families.gauge("rpcbroker_uptime_seconds", "Since when the broker runs.", {},
                   stats.get<double>("uptime_ms") / 1000);
    add_numbers(families, *values);
    for (const auto& [code, count] : stats.get<std::map<std::string, std::uint64_t>>("failures"))
        families.counter("rpcbroker_failures_total", "Calls that failed, by code.", {{"code", code}}, count);
    add_methods(families, stats);
    add_latencies(families, stats);
}

void add_workers(Families& families, std::string_view packed) {
    const auto workers = read_entries(packed, "rpc.workers");
    if (!workers) return;
    for (const auto& worker : *workers) {
        const Labels labels{{"worker", worker.get<std::string>("id")}, {"name", worker.get<std::string>("name")}};
        families.gauge("rpcbroker_worker_in_flight", "Calls at a worker.", labels, worker.get<double>("in_flight"));
        families.gauge("rpcbroker_worker_capacity", "Calls that a worker takes at once.", labels,
                       worker.get<double>("capacity"));
        families.gauge("rpcbroker_worker_draining", "1: it is sent no more calls.", labels,
                       worker.get<bool>("draining") ? 1 : 0);
        families.counter("rpcbroker_worker_completed_total", "Calls that a worker answered.", labels,
                         worker.get<std::uint64_t>("completed"));
        families.counter("rpcbroker_worker_errors_total", "Calls that a worker answered with an error.", labels,
                         worker.get<std::uint64_t>("errors"));
    }
}

void add_services(Families& families, std::string_view packed) {
    const auto services = read_entries(packed, "rpc.services");
    if (!services) return;
    for (const auto& service : *services) {
        const Labels labels{{"service", service.get<std::string>("name")}};
        families.gauge("rpcbroker_service_workers", "Workers of a service.", labels, service.get<double>("workers"));
        families.gauge("rpcbroker_service_queued", "Calls that wait for a service.", labels,
                       service.get<double>("queued"));
        families.gauge("rpcbroker_service_in_flight", "Calls at workers of a service.", labels,
                       service.get<double>("in_flight"));
    }
}

void add_gateway(Families& families, const Figures& gateway) {
    families.gauge("rpc_gateway_connections", "Clients connected to the gateway.", {},
                   static_cast<double>(gateway.connections));
    families.gauge("rpc_gateway_calls_under_way", "Calls of the gateway that are not answered yet.", {},
                   static_cast<double>(gateway.calls));
    families.counter("rpc_gateway_connections_total", "Connections that were taken.", {}, gateway.connections_taken);
    families.counter("rpc_gateway_connections_refused_total", "Connections that were one too many.", {},
                     gateway.connections_refused);
    for (const auto& [reason, count] : {std::pair{"slow", gateway.cut.slow},
                                        {"stalled", gateway.cut.stalled},
                                        {"unsent", gateway.cut.unsent},
                                        {"memory", gateway.cut.memory}})
        families.counter("rpc_gateway_connections_cut_total", "Clients that broke a limit.", {{"reason", reason}},
                         count);
    families.gauge("rpc_gateway_held_bytes", "Of unfinished messages, and of answers that clients have not taken.", {},
                   static_cast<double>(gateway.held));
    for (const auto& [reason, count] :
         {std::pair{"plain", gateway.tls.plain}, {"broken", gateway.tls.broken}, {"slow", gateway.tls.slow}})
        families.counter("rpc_gateway_tls_failures_total", "Clients that did not get through TLS, or broke it.",
                         {{"reason", reason}}, count);
    for (const auto& [method, times] : gateway.methods) {
        families.histogram("rpc_gateway_call_seconds", "How long calls took, as the gateway saw them.",
                           {{"method", method}}, histogram_of(times));
        families.counter("rpc_gateway_call_errors_total", "Calls that failed.", {{"method", method}}, times.failed);
    }
}

void add_broker(Families& families, const BrokerFigures& broker) {
    families.of_broker(broker.endpoint);
    families.gauge("rpc_gateway_broker_up", "1: the broker answered just now.", {}, broker.up ? 1 : 0);
    if (broker.stats) add_stats(families, *broker.stats);
    if (broker.services) add_services(families, *broker.services);
    if (broker.workers) add_workers(families, *broker.workers);
}

}  // namespace

std::string metrics_text(const std::vector<BrokerFigures>& brokers, const Figures& gateway) {
    Families families;
    add_gateway(families, gateway);
    for (const auto& broker : brokers) add_broker(families, broker);
    return families.text();
}

}  // namespace rpcbroker
