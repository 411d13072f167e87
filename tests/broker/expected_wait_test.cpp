// Calls whose turn would come too late are refused at once; nobody else is.
#include <catch2/catch.hpp>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

/// A worker that takes one call at a time, 10 ms each, and a client with more calls than it can do.
struct Flood : BrokerBench {
    explicit Flood(const Offer& offer = {}, std::size_t calls = 100)
        : worker(BrokerBench::worker("w", offer)), flood(BrokerBench::client("flood")) {
        flood.requests(1, static_cast<std::uint32_t>(calls));
    }
    void works(int calls) {
        for (int i = 0; i < calls; ++i) {
            passes(10ms);
            worker.answers(worker.call(), nullptr);
        }
        flood.answers();
    }
    /// Whether a call of the client's is refused, with `timeout` left.
    bool refuses(BenchClient& client, std::uint32_t timeout, RequestOptions options = {}, const char* method = "S.m") {
        options.timeout_ms = timeout;
        const auto before = count(Counter::calls_refused_by_wait);
        client.request(++msgid, method, no_params, options);
        return count(Counter::calls_refused_by_wait) > before;
    }
    BenchWorker& worker;
    BenchClient& flood;
    std::uint32_t msgid = 1000;
};

TEST_CASE("a call whose turn would come after its time is refused at once, and told when to try again") {
    Flood bench;
    bench.works(20);  // 79 wait
    REQUIRE(bench.refuses(bench.flood, 700));
    const auto answer = bench.flood.answer();
    CHECK(answer.code() == "RESOURCE_EXHAUSTED");
    CHECK(answer.message() ==
          "service S is busy: the call's turn would come in 889 ms, it takes 10 ms, and its time is over in 700 ms");
    CHECK(answer.error["by"] == "broker");
    CHECK(answer.ran() == "no");
    CHECK(answer.error["retry_after"] == 199);
    CHECK(bench.count(Counter::calls_refused) == 1);
    CHECK_FALSE(bench.refuses(bench.flood, 899));
}

TEST_CASE("what is too long by less than a millisecond is one") {
    Flood bench;
    bench.works(20);
    bench.passes(500us);
    bench.worker.answers(bench.worker.call(), nullptr);  // a measurement of other than 10 ms each is not over yet
    bench.flood.answers();
    REQUIRE(bench.refuses(bench.flood, 887));
    CHECK(bench.flood.answer().error["retry_after"] == 1);
}

TEST_CASE("a client that floods is refused, a polite one is not, and is served in time") {
    Flood bench;
    auto& polite = bench.client("polite");
    bench.works(20);
    CHECK(bench.refuses(bench.flood, 100));
    CHECK_FALSE(bench.refuses(polite, 100));
    bench.works(3);
    CHECK(polite.answer().error.is_null());
}

TEST_CASE("a client's own line counts as often as there are lines") {
    Flood bench;
    auto& second = bench.client("second");
    bench.works(20);
    for (int i = 0; i < 9; ++i) REQUIRE_FALSE(bench.refuses(second, 5000));
    CHECK_FALSE(bench.refuses(second, 235));  // ten times two lines, an eighth more, and itself
    CHECK(bench.refuses(second, 235));
    CHECK(bench.refuses(second, 257));
}

TEST_CASE("a service of which no rate is known refuses nobody") {
    Flood bench;
    bench.works(9);
    CHECK_FALSE(bench.refuses(bench.flood, 1));
    bench.works(10);
    CHECK(bench.refuses(bench.flood, 1));
    bench.passes(10s);
    CHECK_FALSE(bench.refuses(bench.flood, 1));
}

TEST_CASE("a call that starts at once, or first of all, is not refused") {
    Flood bench({}, 40);
    bench.works(39);  // one runs, none waits
    CHECK_FALSE(bench.refuses(bench.flood, 1));
    bench.passes(10ms);
    bench.worker.answers(bench.worker.call(), nullptr);
    bench.flood.received();
    CHECK_FALSE(bench.refuses(bench.flood, 1));
    bench.worker.call();
}

TEST_CASE("calls that wait elsewhere are not refused for what waits in the service's queue") {
    Flood bench;
    bench.works(20);
    CHECK_FALSE(bench.refuses(bench.flood, 1, {.key = "k"}));
    CHECK_FALSE(bench.refuses(bench.flood, 1, {.worker = bench.worker.worker_id()}));
    CHECK_FALSE(bench.refuses(bench.flood, 1, {}, "S.none"));
    bench.BrokerBench::worker("other", {.services = {{"S", {"m", "n"}}}, .capacity = 0});
    CHECK_FALSE(bench.refuses(bench.flood, 1, {}, "S.n"));
    CHECK(bench.refuses(bench.flood, 1));
}

TEST_CASE("calls that wait for a service to come back are not refused") {
    Flood bench;
    bench.works(20);
    bench.worker.closes();
    CHECK_FALSE(bench.refuses(bench.flood, 1));
}

TEST_CASE("one-way calls are refused, too") {
    Flood bench;
    bench.works(20);
    bench.flood.notify("S.m", no_params, {.timeout_ms = 100});
    CHECK(bench.count(Counter::calls_refused_by_wait) == 1);
    CHECK(bench.count(Counter::one_way_failed) == 1);
}

TEST_CASE("calls that a worker gave back are not taken for done") {
    Flood bench({.capacity = 20});
    bench.works(0);
    for (int round = 0; round < 3; ++round) {
        const auto calls = bench.worker.calls();
        bench.passes(100ms);
        bench.worker.answers(calls[0], nullptr);
        bench.worker.returns({calls.begin() + 1, calls.end()});
    }
    CHECK_FALSE(bench.refuses(bench.flood, 1));
}

TEST_CASE("calls given back that never waited are not taken off what was done") {
    BrokerBench bench;
    auto& worker = bench.worker("w", {.capacity = 200});
    auto& flood = bench.client("flood");
    flood.requests(1, 250);
    const auto first = worker.calls();  // 200, which never waited
    worker.heartbeat(1);
    worker.returns({first.begin() + 1, first.end()});
    worker.answers(first[0], nullptr);
    for (int i = 0; i < 20; ++i) {
        bench.passes(10ms);
        worker.answers(worker.call(), nullptr);
    }
    flood.answers();
    flood.request(1000, "S.m", no_params, {.timeout_ms = 5000});  // some 230 wait, 10 ms each
    CHECK(bench.count(Counter::calls_refused_by_wait) == 0);
    flood.request(1001, "S.m", no_params, {.timeout_ms = 500});
    CHECK(bench.count(Counter::calls_refused_by_wait) == 1);
}

}  // namespace
}  // namespace rpcbroker::test
