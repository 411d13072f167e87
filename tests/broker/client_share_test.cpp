// What one client may have in the broker, by number and by bytes.
#include <catch2/catch.hpp>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

BrokerLimits share_of(std::size_t calls, std::size_t bytes = std::size_t{1} << 30) {
    BrokerLimits limits;
    limits.max_client_calls = calls;
    limits.max_client_bytes = bytes;
    return limits;
}

json text_of(std::size_t bytes) { return json::array({std::string(bytes, 'x')}); }

TEST_CASE("client share: a client that has all calls that it may is refused more, and another one is not") {
    BrokerBench bench(share_of(3));
    auto& worker = bench.worker("w", Offer{});
    auto& greedy = bench.client("greedy");
    greedy.requests(0, 4);  // one runs, two wait
    const auto answer = greedy.answer();
    CHECK(answer.msgid == 3U);
    CHECK(answer.code() == "RESOURCE_EXHAUSTED");
    CHECK(answer.ran() == "no");
    CHECK(answer.message() == "this client has 3 calls in flight already (--max-client-calls)");
    auto& modest = bench.client("modest");
    modest.requests(0, 1);
    CHECK(modest.heard_nothing());
    worker.answers(worker.call(), nullptr);
    CHECK(greedy.answer().msgid == 0U);
    greedy.requests(4, 1);
    CHECK(greedy.heard_nothing());
}

TEST_CASE("client share: one-way calls count, and a cancelled call does not any more") {
    BrokerBench bench(share_of(2));
    bench.worker("w", {.capacity = 0});
    auto& client = bench.client("c");
    client.notify("S.m");
    client.requests(1, 2);
    CHECK(client.answer().msgid == 2U);
    client.notify("S.m");
    CHECK(bench.count(Counter::one_way_failed) == 1);
    client.cancel(1);
    CHECK(client.answer().code() == "CANCELLED");
    client.requests(3, 1);
    CHECK(client.heard_nothing());
}

TEST_CASE("client share: the bytes of calls in flight are bounded, wherever the calls are") {
    BrokerBench bench(share_of(100, 1000));
    auto& worker = bench.worker("w", Offer{});
    auto& client = bench.client("c");
    client.request(0, "S.m", text_of(600));  // it runs
    client.request(1, "S.m", text_of(600));
    const auto answer = client.answer();
    CHECK(answer.msgid == 1U);
    CHECK(answer.code() == "RESOURCE_EXHAUSTED");
    CHECK(answer.message().ends_with("bytes already (--max-client-bytes)"));
    client.request(2, "S.m", text_of(100));
    worker.answers(worker.call(), nullptr);
    CHECK(client.answer().msgid == 0U);
    client.request(3, "S.m", text_of(600));
    CHECK(client.heard_nothing());
}

TEST_CASE("client share: nothing is left of a large call when it ended") {
    BrokerBench bench(share_of(100, 300'000));
    auto& worker = bench.worker("w", Offer{});
    auto& client = bench.client("c");
    for (std::uint32_t i = 0; i < 5; ++i) {
        client.request(i, "S.m", text_of(200'000));
        worker.answers(worker.call(), nullptr);
        CHECK(client.answer().result.is_null());
        CHECK(client.heard_nothing());
    }
    CHECK(bench.count(Counter::calls_answered) == 5);
}

}  // namespace
}  // namespace rpcbroker::test
