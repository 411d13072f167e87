// What a broker says of itself, read for rpc-top.
#include <catch2/catch.hpp>

#include "top_samples.hpp"

using namespace rpcbroker;

TEST_CASE("a snapshot has the broker, its services, methods, workers and clients") {
    const auto snapshot = busy_snapshot();
    CHECK(snapshot.broker_id == "a");
    CHECK(snapshot.version == "1.2");
    CHECK(snapshot.uptime_ms == 10000U);
    CHECK(snapshot.accepted == 1000U);
    CHECK(snapshot.refused == 1U);
    CHECK(snapshot.queued == 7U);
    CHECK(snapshot.in_flight == 3U);
    CHECK(snapshot.clients == 2U);
    REQUIRE(snapshot.services.size() == 2);
    CHECK(snapshot.services[1].name == "Disk");
    CHECK(snapshot.services[1].workers == 2U);
    CHECK(snapshot.services[1].queued == 7U);
    CHECK(snapshot.services[1].in_flight == 1U);
    const auto& worker = snapshot.workers.at("a-1");
    CHECK(worker.name == "w1");
    CHECK(worker.services.size() == 2);
    CHECK(worker.capacity == 8U);
    CHECK(worker.abandoned == 1U);
    CHECK(worker.oldest_us == 95'000'000U);
    CHECK(worker.uptime_ms == 61000U);
    CHECK(worker.draining);
    CHECK(snapshot.client_list.at("c1").name == "shop");
    CHECK(snapshot.client_list.at("c1").in_flight == 3U);
}

TEST_CASE("a method has recent quantiles and its last error") {
    const auto snapshot = busy_snapshot();
    const auto& count = snapshot.methods.at("Echo.Count");
    CHECK(count.items == 40U);
    CHECK(count.p50_us == 80U);
    CHECK(count.p99_us == 1500U);
    REQUIRE(count.last_error);
    CHECK(count.last_error->code == "INTERNAL");
    CHECK(count.last_error->message == "bad");
    CHECK(count.last_error->age_ms == 4000U);
    const auto& read = snapshot.methods.at("Disk.Read");
    CHECK(read.calls == 50U);
    CHECK(read.in_flight == 0U);
    CHECK(read.items == 0U);
    CHECK_FALSE(read.p50_us);
    CHECK_FALSE(read.last_error);
}

TEST_CASE("quantiles of no recent calls are not shown") {
    CHECK_FALSE(busy_snapshot().methods.at("Echo.Fail").p50_us);
    const auto snapshot = snapshot_of(R"({"latency_us": {"S.M": {"p50": 5, "p99": 9}},
                                          "methods": {"S.M": {"recent": {"count": 0, "p50_us": 0, "p99_us": 0}}}})");
    CHECK_FALSE(snapshot.methods.at("S.M").p99_us);
}

TEST_CASE("an older broker tells less, and quantiles since its start") {
    const auto snapshot = snapshot_of(R"({"methods": 8, "latency_us": {"S.M": {"count": 3, "p50": 5, "p99": 9}}})");
    CHECK(snapshot.broker_id.empty());
    CHECK_FALSE(snapshot.uptime_ms);
    CHECK(snapshot.client_list.empty());
    CHECK(snapshot.methods.at("S.M").p50_us == 5U);
    CHECK(snapshot.methods.at("S.M").p99_us == 9U);
    CHECK_FALSE(snapshot.methods.at("S.M").calls);
}

TEST_CASE("what is of another type is missing") {
    const auto snapshot = read_json(R"([{"name": 7, "workers": "two", "methods": {}}])", R"([{"services": "all"}])",
                                    R"({"methods": {"S.M": 3}, "clients": -1})")
                              .value();
    CHECK(snapshot.services[0].name.empty());
    CHECK_FALSE(snapshot.services[0].workers);
    CHECK_FALSE(snapshot.clients);
    CHECK_FALSE(snapshot.methods.at("S.M").calls);
    CHECK(snapshot.workers.at("").services.empty());
}

TEST_CASE("what is no answer of a broker is INTERNAL") {
    CHECK(read_json("{}", "[]", "{}").error().message() == "the answer to rpc.services is not what a broker says");
    CHECK(read_json("[1]", "[]", "{}").error().code() == Code::internal);
    CHECK(read_json("[]", "[1]", "{}").error().message() == "the answer to rpc.workers is not what a broker says");
    CHECK(read_json("[]", "[]", "[]").error().message() == "the answer to rpc.stats is not what a broker says");
}

TEST_CASE("the last dot parts a method from its service") { CHECK(service_of("a.b.C") == "a.b"); }
