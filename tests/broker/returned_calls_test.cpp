// Calls that workers give back: rpc.return. Of backend.cpp.
#include <catch2/catch.hpp>

#include "tests/broker/pair.hpp"

namespace rpcbroker::test {
namespace {

TEST_CASE("calls that are given back go to other workers, in their order") {
    Pair bench({.capacity = 3});
    for (std::uint32_t i = 0; i < 3; ++i) bench.client.request(i, "S.m", {i});
    auto calls = bench.worker.calls();
    auto& other = bench.BrokerBench::worker("other", {.capacity = 1});
    bench.worker.heartbeat(1);
    bench.worker.returns({calls[1], calls[2]});
    const auto given = other.call();
    bench.worker.answers(calls[0], nullptr);
    CHECK(bench.worker.in_flight() == 1);
    CHECK(other.in_flight() == 1);
    CHECK(given.params != bench.worker.call().params);
    CHECK(bench.count(Counter::calls_returned) == 2);
    CHECK(bench.count(Counter::calls_dispatched) == 5);
}

TEST_CASE("calls that are given back go to others even if the one that returns them has room") {
    Pair bench({.capacity = 2});
    bench.client.request(1, "S.m");
    const auto call = bench.worker.call();
    auto& other = bench.BrokerBench::worker("other", {.capacity = 5});
    for (std::uint32_t i = 10; i < 13; ++i) bench.client.request(i, "S.m");
    bench.worker.returns({call});
    CHECK(other.in_flight() >= 3);
    CHECK(bench.worker.in_flight() <= 1);
    bool given = false;
    for (const auto& taken : other.calls()) given = given || taken.params == call.params;
    CHECK(given);
}

TEST_CASE("a worker that is alone gets back what it gives back, when it has room") {
    Pair bench({.capacity = 2});
    bench.client.request(1, "S.m");
    bench.worker.heartbeat(0);
    bench.worker.returns({bench.worker.call()});
    CHECK(bench.worker.calls().empty());
    bench.worker.heartbeat(1);
    CHECK(bench.worker.calls().size() == 1);
}

TEST_CASE("a call that is given back is before those that came later") {
    Pair bench({.capacity = 1});
    bench.client.request(1, "S.m", {"first"});
    bench.client.request(2, "S.m", {"second"});
    const auto call = bench.worker.call();
    bench.worker.heartbeat(0);
    bench.worker.returns({call});
    bench.worker.heartbeat(1);
    CHECK(bench.worker.call().params == json::array({"first"}));
}

TEST_CASE("a call that was given back may be lost and run again like any other") {
    Pair bench({.capacity = 1, .idempotent = true});
    bench.client.request(1, "S.m");
    bench.worker.returns({bench.worker.call()});
    bench.worker.closes();
    CHECK(bench.client.heard_nothing());
    CHECK(bench.BrokerBench::worker("other", Offer{}).calls().size() == 1);
}

TEST_CASE("a call that is given back at its deadline is not dispatched again") {
    Pair bench({.capacity = 1});
    bench.client.request(1, "S.m", no_params, {.timeout_ms = 100});
    const auto call = bench.worker.call();
    bench.stalls(100ms);
    bench.worker.returns({call});
    CHECK(bench.worker.calls().empty());
    const auto answer = bench.client.answer();
    CHECK(answer.code() == "DEADLINE_EXCEEDED");
    CHECK(answer.error["ran"] == "no");
}

TEST_CASE("a keyed call that is given back waits for its worker") {
    Pair bench({.capacity = 1});
    bench.client.request(1, "S.m", no_params, {.key = "k"});
    const auto call = bench.worker.call();
    bench.worker.heartbeat(0);
    bench.worker.returns({call});
    CHECK(bench.client.heard_nothing());
    bench.worker.heartbeat(1);
    CHECK(bench.worker.calls().size() == 1);
}

TEST_CASE("what is listed twice, or was never sent there, is counted and changes nothing") {
    Pair bench({.capacity = 1});
    bench.client.request(1, "S.m");
    const auto call = bench.worker.call();
    bench.worker.heartbeat(0);
    bench.worker.tells("rpc.return", json::array({json::array({*call.msgid, *call.msgid, 77, 0x1'0000'0001})}));
    CHECK(bench.count(Counter::calls_returned) == 1);
    CHECK(bench.count(Counter::late_responses) == 3);
    CHECK(bench.core().calls_in_system() == 1);
}

TEST_CASE("a large call that was moved out cannot be given to another worker, and says so") {
    Pair bench;
    auto& other = bench.BrokerBench::worker("other", {.capacity = 0});
    bench.client.request(1, "S.m", {std::string(100'000, 'x')});
    const auto call = bench.worker.call();
    other.heartbeat(1);
    bench.worker.returns({call});
    const auto answer = bench.client.answer();
    CHECK(answer.code() == "UNAVAILABLE");
    CHECK(answer.error["ran"] == "no");
    CHECK(answer.message() ==
          "worker " + bench.worker.worker_id() + " gave the call back, and its large body is not kept");
    CHECK(other.calls().empty());
}

TEST_CASE("a large call that is idempotent is kept, and given to another worker") {
    Pair bench({.idempotent = true});
    bench.client.request(1, "S.m", {std::string(100'000, 'x')});
    const auto call = bench.worker.call();
    auto& other = bench.BrokerBench::worker("other", {.idempotent = true});
    bench.worker.returns({call});
    CHECK(other.call().params == call.params);
}

}  // namespace
}  // namespace rpcbroker::test
