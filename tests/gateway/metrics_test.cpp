#include "gateway/metrics.hpp"

#include <catch2/catch.hpp>

#include "client/json_msgpack.hpp"

namespace rpcbroker {
namespace {

bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST_CASE("figures of the broker become metrics") {
    BrokerFigures broker{.endpoint = "b", .up = true};
    broker.stats = json_to_msgpack(
        R"({"broker":"b1","version":"0.1.0","uptime_ms":1500,"calls_accepted":7,"calls_queued":2,"failures":{"NOT_FOUND":3},)"
        R"("methods":{"S.\"M":{"calls":4,"errors":1,"queued":0,"in_flight":1,"items":0}},)"
        R"("latency_us":{"S.M":{"count":4,"p50":250,"p90":1,"p99":2000,"p999":3,"max":4}}})");
    broker.workers =
        json_to_msgpack(R"([{"id":"w1","name":"n","capacity":8,"in_flight":1,"completed":5,"draining":true}])");
    broker.services = json_to_msgpack(R"([{"name":"S","workers":1,"queued":2,"in_flight":3}])");
    const auto text = metrics_text({broker}, Figures{});
    CHECK(has_line(text, "# TYPE rpcbroker_calls_accepted_total counter"));
    CHECK(has_line(text, R"(rpcbroker_calls_accepted_total{broker="b"} 7)"));
    CHECK(has_line(text, "# TYPE rpcbroker_calls_queued gauge"));
    CHECK(has_line(text, R"(rpcbroker_calls_queued{broker="b"} 2)"));
    CHECK(has_line(text, R"(rpcbroker_failures_total{broker="b",code="NOT_FOUND"} 3)"));
    CHECK(has_line(text, R"(rpcbroker_method_calls_total{broker="b",method="S.\"M"} 4)"));
    CHECK(text.find(R"(rpcbroker_method_latency_seconds{broker="b",method="S.M",at="p50"} 0.00025)") !=
          std::string::npos);
    CHECK(has_line(text, R"(rpcbroker_worker_draining{broker="b",worker="w1",name="n"} 1)"));
    CHECK(has_line(text, R"(rpcbroker_service_queued{broker="b",service="S"} 2)"));
    CHECK(has_line(text, R"(rpc_gateway_broker_up{broker="b"} 1)"));
}

TEST_CASE("latencies that a broker tells in buckets are a histogram") {
    BrokerFigures broker{.endpoint = "b", .up = true};
    broker.stats = json_to_msgpack(R"({"latency_bounds_us":[1000,250000],"latency_us":{)"
                                   R"("S.M":{"count":4,"sum":1500000,"buckets":[1,3]},)"
                                   R"("S.Old":{"count":4,"p50":250},"S.Odd":{"count":1,"buckets":[1]}}})");
    const auto text = metrics_text({broker}, Figures{});
    CHECK(has_line(text, "# TYPE rpcbroker_method_call_seconds histogram"));
    CHECK(has_line(text, R"(rpcbroker_method_call_seconds_bucket{broker="b",method="S.M",le="0.001"} 1)"));
    CHECK(has_line(text, R"(rpcbroker_method_call_seconds_bucket{broker="b",method="S.M",le="0.25"} 3)"));
    CHECK(has_line(text, R"(rpcbroker_method_call_seconds_bucket{broker="b",method="S.M",le="+Inf"} 4)"));
    CHECK(has_line(text, R"(rpcbroker_method_call_seconds_sum{broker="b",method="S.M"} 1.5)"));
    CHECK(has_line(text, R"(rpcbroker_method_call_seconds_count{broker="b",method="S.M"} 4)"));
    CHECK(text.find(R"(rpcbroker_method_call_seconds_count{broker="b",method="S.O)") == std::string::npos);
}

TEST_CASE("each broker has its own series, families come once") {
    const BrokerFigures one{
        .endpoint = "tcp://a:1", .up = true, .stats = json_to_msgpack(R"({"broker":"x","clients":1})")};
    const BrokerFigures two{
        .endpoint = "tcp://b:1", .up = true, .stats = json_to_msgpack(R"({"broker":"y","clients":2})")};
    const auto text = metrics_text({one, two, {.endpoint = "tcp://c:1"}}, Figures{});
    CHECK(has_line(text, R"(rpcbroker_clients{broker="tcp://a:1"} 1)"));
    CHECK(has_line(text, R"(rpcbroker_clients{broker="tcp://b:1"} 2)"));
    CHECK(has_line(text, R"(rpcbroker_info{broker="tcp://b:1",id="y",version=""} 1)"));
    CHECK(has_line(text, R"(rpc_gateway_broker_up{broker="tcp://b:1"} 1)"));
    CHECK(has_line(text, R"(rpc_gateway_broker_up{broker="tcp://c:1"} 0)"));
    CHECK(text.find("# TYPE rpcbroker_clients") == text.rfind("# TYPE rpcbroker_clients"));
}

TEST_CASE("without a broker, or with one that answers nonsense, the gateway's own remain") {
    CHECK(has_line(metrics_text({{.endpoint = "b"}}, {}), R"(rpc_gateway_broker_up{broker="b"} 0)"));
    const BrokerFigures nonsense{.endpoint = "b", .up = true, .stats = "\xc1", .workers = "\x01", .services = ""};
    CHECK(has_line(metrics_text({nonsense}, {}), "rpc_gateway_connections 0"));
}

TEST_CASE("a histogram counts calls by how long they took") {
    Figures figures;
    figures.add("S.M", std::chrono::milliseconds{2}, true);
    figures.add("S.M", std::chrono::minutes{2}, false);
    figures.cut.slow = 2;
    figures.held = 12;
    const auto text = metrics_text({}, figures);
    CHECK(has_line(text, R"(rpc_gateway_call_seconds_count{method="S.M"} 2)"));
    CHECK(text.find(R"(rpc_gateway_call_seconds_bucket{method="S.M",le="0.001)") != std::string::npos);
    CHECK(has_line(text, R"(rpc_gateway_call_seconds_bucket{method="S.M",le="5"} 1)"));
    CHECK(has_line(text, R"(rpc_gateway_call_seconds_bucket{method="S.M",le="+Inf"} 2)"));
    CHECK(has_line(text, R"(rpc_gateway_call_errors_total{method="S.M"} 1)"));
    CHECK(has_line(text, R"(rpc_gateway_connections_cut_total{reason="slow"} 2)"));
    CHECK(has_line(text, "rpc_gateway_held_bytes 12"));
}

TEST_CASE("methods beyond the first thousand are one") {
    Figures figures;
    for (int i = 0; i < 2000; ++i) figures.add("S.M" + std::to_string(i), std::chrono::seconds{1}, true);
    CHECK(figures.methods.size() == Figures::most_methods + 1);
}

}  // namespace
}  // namespace rpcbroker
