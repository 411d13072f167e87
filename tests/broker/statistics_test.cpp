// Figures of methods and clients in rpc.stats, and the log of slow calls. Of statistics.cpp.
#include <catch2/catch.hpp>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

/// One worker, one client.
struct Pair : BrokerBench {
    explicit Pair(const Offer& offer = {.capacity = 10}, BrokerLimits limits = {})
        : BrokerBench(limits), worker(BrokerBench::worker("w", offer)), client(BrokerBench::client("c")) {}

    json stats() { return client.asks("rpc.stats").result; }
    json figures(const char* method = "S.m") { return stats()["methods"][method]; }
    BenchWorker& worker;
    BenchClient& client;
};

// ---- methods

TEST_CASE("statistics say which broker tells them, and since when it runs") {
    Pair bench;
    bench.passes(1500ms);
    const auto stats = bench.stats();
    CHECK(stats["broker"] == "broker-1");
    CHECK(stats["version"].is_string());
    CHECK(stats["uptime_ms"] == 1500);
}

TEST_CASE("the figures of a method follow its calls") {
    Pair bench({.capacity = 1});
    CHECK_FALSE(bench.stats()["methods"].contains("S.m"));
    bench.client.requests(1, 2);
    auto figures = bench.figures();
    CHECK(figures == json{{"calls", 0},
                          {"errors", 0},
                          {"queued", 1},
                          {"in_flight", 1},
                          {"items", 0},
                          {"recent", {{"count", 0}, {"p50_us", 0}, {"p99_us", 0}}},
                          {"last_error", nullptr}});
    CHECK(bench.stats()["latency_us"].empty());
    bench.passes(3ms);
    bench.worker.answers(bench.worker.call(), 1);
    figures = bench.figures();
    CHECK(figures["calls"] == 1);
    CHECK(figures["queued"] == 0);
    CHECK(figures["in_flight"] == 1);
    CHECK(figures["recent"] == json{{"count", 1}, {"p50_us", 3000}, {"p99_us", 3000}});
    bench.passes(20s);
    CHECK(bench.figures()["recent"]["count"] == 0);
    CHECK(bench.stats()["latency_us"]["S.m"] == json{{"count", 1},
                                                     {"p50", 3000},
                                                     {"p90", 3000},
                                                     {"p99", 3000},
                                                     {"p999", 3000},
                                                     {"max", 3000},
                                                     {"sum", 3000},
                                                     {"buckets", {0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1}}});
    CHECK(bench.stats()["latency_bounds_us"] == json{100, 250, 500, 1000, 2500, 5000, 10'000, 25'000, 50'000, 100'000,
                                                     250'000, 1'000'000, 5'000'000, 30'000'000});
}

TEST_CASE("a place that a cancelled call takes counts as in flight, a call that is given back does not") {
    Pair bench;
    bench.client.requests(1, 3);
    const auto calls = bench.worker.calls();
    bench.client.cancel(1);
    CHECK(bench.figures()["in_flight"] == 3);
    bench.worker.heartbeat(0);
    bench.worker.returns({calls[1]});
    auto figures = bench.figures();
    CHECK(figures["in_flight"] == 2);
    CHECK(figures["queued"] == 1);
    bench.worker.closes();
    figures = bench.figures();
    CHECK(figures["in_flight"] == 0);
    CHECK(figures["queued"] == 1);
    CHECK(figures["errors"] == 2);
}

TEST_CASE("stream items are counted by method") {
    Pair bench({.stream = true});
    bench.client.request(1, "S.m", no_params, {.stream = 5});
    const auto call = bench.worker.call();
    for (int i = 0; i < 3; ++i) bench.worker.streams(call, i);
    CHECK(bench.figures()["items"] == 3);
}

TEST_CASE("the last error of a method is told, whoever made it") {
    Pair bench;
    bench.client.requests(1, 2);
    const auto calls = bench.worker.calls();
    bench.worker.fails(calls[0], {{"code", "ABORTED"}, {"message", "so what"}});
    bench.passes(250ms);
    CHECK(bench.figures()["last_error"] == json{{"code", "ABORTED"}, {"message", "so what"}, {"age_ms", 250}});
    bench.client.cancel(2);
    CHECK(bench.figures()["last_error"]["code"] == "CANCELLED");
    bench.client.notify("S.m");
    bench.worker.fails(bench.worker.call(), "nonsense");
    CHECK(bench.figures()["last_error"]["code"] == "INTERNAL");
    CHECK(bench.figures()["errors"] == 3);
}

TEST_CASE("of a long error message, 200 bytes are kept, no character cut in half, no byte that is no UTF-8") {
    Pair bench;
    const auto kept = [&](const std::string& message) {
        bench.client.request(1, "S.m");
        const auto call = bench.worker.call();
        std::string body;
        Packer(body).array(4).unsigned_integer(1).fixed_u32(*call.msgid);
        append_error_object(body, {Code::aborted, message});
        Packer(body).nil();
        bench.worker.sends(body);
        bench.client.received();
        return bench.figures()["last_error"]["message"].get<std::string>();
    };
    CHECK(kept(std::string(300, 'x')) == std::string(200, 'x'));
    CHECK(kept(std::string(199, 'x') + "ä and more") == std::string(199, 'x'));
    CHECK(kept(std::string(198, 'x') + "ä and more") == std::string(198, 'x') + "ä");
    CHECK(kept("").empty());
}

// ---- clients

TEST_CASE("clients are listed, the busiest first, with their names") {
    Pair bench;
    bench.client.hello({{"name", "me"}});
    auto& busy = bench.BrokerBench::client("busy");
    busy.requests(1, 2);
    bench.client.requests(1, 2);
    auto& idle = bench.BrokerBench::client("idle");
    idle.request(1, "S.none");
    const auto calls = bench.worker.calls();
    bench.worker.answers(calls[2], 1);
    bench.worker.answers(calls[3], 1);
    idle.request(2, "S.m", no_params, {.timeout_ms = 0});
    bench.client.notify("S.m");
    CHECK(bench.stats()["client_list"] ==
          json::array({{{"id", "c1.1"}, {"name", ""}, {"calls", 0}, {"errors", 0}, {"in_flight", 2}},
                       {{"id", "c0.1"}, {"name", "me"}, {"calls", 2}, {"errors", 0}, {"in_flight", 0}},
                       {{"id", "c2.1"}, {"name", ""}, {"calls", 2}, {"errors", 2}, {"in_flight", 0}}}));
}

TEST_CASE("no more than a hundred clients are listed") {
    Pair bench({.capacity = 200});
    for (int i = 0; i < 120; ++i) bench.BrokerBench::client("c" + std::to_string(i)).request(1, "S.m");
    const auto listed = bench.stats()["client_list"];
    REQUIRE(listed.size() == 100);
    for (const auto& client : listed) REQUIRE(client["in_flight"] == 1);
}

// ---- slow calls

struct Slow : Pair {
    explicit Slow(std::chrono::milliseconds limit, const Offer& offer = {.capacity = 1})
        : Pair(offer, [&] {
              BrokerLimits limits;
              limits.slow_call = limit;
              return limits;
          }()) {
        notices();
    }
    /// The only notice since the last time, as a map.
    json told() {
        const auto notices = core().take_notices();
        REQUIRE(notices.size() == 1);
        CHECK(notices[0].text == "slow call");
        CHECK(notices[0].level == broker::Notice::Level::info);
        json fields = json::object();
        for (const auto& [name, value] : notices[0].fields) fields[name] = value;
        return fields;
    }
};

TEST_CASE("a call that takes longer than it should is told of, with its times and its trace") {
    Slow bench(50ms);
    bench.client.hello({{"name", "me"}});
    bench.client.request(1, "S.m");
    bench.client.request(2, "S.m", {"text"}, {.timeout_ms = 1000, .trace = "00-ab-cd-01", .key = "k"});
    bench.passes(20ms);
    bench.worker.answers(bench.worker.call(), 1);
    CHECK(bench.notices().empty());
    bench.passes(30ms);
    const auto call = bench.worker.call();
    bench.passes(1us);
    bench.worker.answers(call, 2);
    CHECK(bench.told() == json{{"method", "S.m"},
                               {"client", "c0.1"},
                               {"client_name", "me"},
                               {"worker", "brok-1"},
                               {"queued_us", "20000"},
                               {"worker_us", "30001"},
                               {"outcome", "ok"},
                               {"trace", "00-ab-cd-01"}});
}

TEST_CASE("slow calls that fail are told of with the error's code, wherever they were") {
    Slow bench(50ms);
    bench.client.request(1, "S.m", no_params, {.timeout_ms = 60});
    bench.client.request(2, "Nobody.there", no_params, {.timeout_ms = 100});
    bench.passes(60ms);
    CHECK(bench.told() == json{{"method", "S.m"},
                               {"client", "c0.1"},
                               {"worker", "brok-1"},
                               {"queued_us", "0"},
                               {"worker_us", "60000"},
                               {"outcome", "DEADLINE_EXCEEDED"}});
    bench.passes(40ms);
    CHECK(bench.told() == json{{"method", "Nobody.there"},
                               {"client", "c0.1"},
                               {"queued_us", "100000"},
                               {"worker_us", "0"},
                               {"outcome", "DEADLINE_EXCEEDED"}});
}

TEST_CASE("a slow one-way call of a client that went is told of") {
    Slow bench(50ms);
    bench.client.notify("S.m", no_params, {.trace = "t"});
    bench.client.closes();
    bench.passes(60ms);
    bench.worker.fails(bench.worker.call(), {{"code", "ABORTED"}, {"message", "no"}});
    const auto told = bench.told();
    CHECK(told["client"] == "gone");
    CHECK(told["outcome"] == "ABORTED");
    CHECK(told["trace"] == "t");
}

TEST_CASE("the trace of a request whose large body was moved to the worker is not known any more") {
    Slow bench(50ms);
    bench.client.request(1, "S.m", {std::string(100'000, 'x')}, {.trace = "t"});
    bench.passes(60ms);
    bench.worker.answers(bench.worker.call(), 1);
    CHECK_FALSE(bench.told().contains("trace"));
}

TEST_CASE("without a limit, no call is slow") {
    Slow bench(0ms);
    bench.client.request(1, "S.m");
    bench.passes(10s);
    bench.worker.answers(bench.worker.call(), 1);
    CHECK(bench.notices().empty());
}

}  // namespace
}  // namespace rpcbroker::test
