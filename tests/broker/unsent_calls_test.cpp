// Calls whose worker is lost before they were sent to it. Of backend.cpp.
#include <catch2/catch.hpp>

#include "tests/broker/pair.hpp"

namespace rpcbroker::test {
namespace {

TEST_CASE("calls that their lost worker had not been sent go to another one, in their order") {
    Pair bench({.capacity = 10, .batch = GENERATE(false, true)});
    bench.client.request(1, "S.m", {"sent"});
    const auto sent = bench.worker.call();
    bench.worker.reads(false);
    for (std::uint32_t i = 2; i < 5; ++i) bench.client.request(i, "S.m", {i});
    auto& other = bench.BrokerBench::worker("other", {.capacity = 2});
    bench.worker.closes();

    const auto lost = bench.client.answer();
    CHECK(lost.msgid == 1);
    CHECK(lost.ran() == "maybe");
    auto calls = other.calls();
    REQUIRE(calls.size() == 2);
    CHECK(calls[0].params == json::array({2}));
    CHECK(calls[1].params == json::array({3}));
    for (const auto& call : calls) other.answers(call, "done");
    CHECK(bench.client.answers().size() == 2);
    CHECK(other.call().params == json::array({4}));
    CHECK(bench.count(Counter::calls_unsent) == 3);
    CHECK(bench.count(Counter::calls_rerun) == 0);
    CHECK(bench.count(Counter::undeliverable_messages) == 0);
}

TEST_CASE("what was sent and runs again goes before what was not") {
    Pair bench({.capacity = 10, .idempotent = true});
    bench.client.request(1, "S.m", {"sent"});
    bench.worker.call();
    bench.worker.reads(false);
    bench.client.request(2, "S.m", {"not sent"});
    bench.worker.closes();
    auto& next = bench.BrokerBench::worker("next", {.capacity = 2, .idempotent = true});
    const auto calls = next.calls();
    REQUIRE(calls.size() == 2);
    CHECK(calls[0].params == json::array({"sent"}));
    CHECK(calls[1].params == json::array({"not sent"}));
}

TEST_CASE("calls that may start elsewhere keep their order, behind one that may not") {
    Pair bench;
    bench.worker.reads(false);
    bench.client.request(1, "S.m", {"pinned"}, {.worker = bench.worker.worker_id()});
    bench.client.request(2, "S.m", {"first"});
    bench.client.request(3, "S.m", {"second"});
    auto& other = bench.BrokerBench::worker("other", {.capacity = 2});
    bench.worker.closes();
    const auto calls = other.calls();
    REQUIRE(calls.size() == 2);
    CHECK(calls[0].params == json::array({"first"}));
    CHECK(calls[1].params == json::array({"second"}));
    CHECK(bench.client.answer().code() == "UNAVAILABLE");
}

TEST_CASE("where there is no other worker, a call that was not sent waits for one, and tells that it was not begun") {
    Pair bench;
    bench.worker.reads(false);
    bench.client.request(1, "S.m", no_params, {.timeout_ms = 100});
    bench.client.request(2, "S.m");
    bench.worker.closes();
    bench.passes(100ms);
    const auto late = bench.client.answer();
    CHECK(late.code() == "DEADLINE_EXCEEDED");
    CHECK(late.ran() == "no");
    auto& next = bench.BrokerBench::worker("next", Offer{});
    next.answers(next.call(), "done");
    CHECK(bench.client.answer().result == "done");
}

TEST_CASE("a large call that was not sent is taken back, whole") {
    Pair bench({.capacity = 10, .idempotent = GENERATE(false, true)});
    bench.worker.reads(false);
    const std::string large(100'000, 'x');
    bench.client.request(1, "S.m", {large}, {.timeout_ms = 1000});
    auto& other = bench.BrokerBench::worker("other", Offer{});
    bench.passes(100ms);
    bench.worker.closes();
    const auto call = other.call();
    CHECK(call.params == json::array({large}));
    CHECK(call.options["timeout"] == 900);
    other.answers(call, large);
    CHECK(bench.client.answer().result == large);
}

TEST_CASE("a stream that was not sent begins at another worker, with all that its reader granted") {
    Pair bench({.capacity = 10, .stream = true});
    bench.worker.reads(false);
    bench.client.request(1, "S.m", no_params, {.stream = 5});
    bench.client.credit(1, 2);
    auto& other = bench.BrokerBench::worker("other", {.stream = true});
    bench.worker.closes();
    const auto call = other.call();
    CHECK(other.credit(call) == 7);
    other.streams(call, "item");
    other.answers(call, nullptr);
    CHECK(bench.client.items().size() == 1);
    CHECK(bench.client.answer().error == nullptr);
}

TEST_CASE("what a lost worker was not sent, and nobody wants any more, is dropped") {
    Pair bench;
    bench.worker.reads(false);
    bench.client.request(1, "S.m");
    bench.client.cancel(1);
    CHECK(bench.client.answer().code() == "CANCELLED");
    auto& other = bench.BrokerBench::worker("other", Offer{});
    bench.worker.closes();
    CHECK(other.heard_nothing());
    CHECK(bench.core().calls_in_system() == 0);
    CHECK(bench.count(Counter::calls_unsent) == 0);
    CHECK(bench.count(Counter::undeliverable_messages) == 2);  // it, and the word that it was cancelled
}

TEST_CASE("one-way calls that were not sent go to another worker, though their client is gone") {
    Pair bench;
    bench.worker.reads(false);
    bench.client.notify("S.m", {"one-way"});
    bench.client.closes();
    auto& other = bench.BrokerBench::worker("other", Offer{});
    bench.worker.closes();
    CHECK(other.call().params == json::array({"one-way"}));
}

TEST_CASE("a call for that worker alone ends with it, and was not begun") {
    Pair bench;
    bench.worker.reads(false);
    bench.client.request(1, "S.m", no_params, {.worker = bench.worker.worker_id()});
    bench.BrokerBench::worker("other", Offer{});
    bench.worker.closes();
    const auto answer = bench.client.answer();
    CHECK(answer.code() == "UNAVAILABLE");
    CHECK(answer.ran() == "no");
}

}  // namespace
}  // namespace rpcbroker::test
