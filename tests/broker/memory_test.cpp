// What a load left behind is given back once it is gone.
#include <catch2/catch.hpp>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

BrokerLimits deep() {
    BrokerLimits limits;
    limits.max_queued = 100'000;
    return limits;
}

/// 20,000 calls wait and are answered.
void load(BrokerBench& bench, BenchClient& client, BenchWorker& worker) {
    worker.heartbeat(0);
    client.requests(0, 20'000);
    worker.heartbeat(20'000);
    for (const auto& call : worker.calls()) worker.answers(call, 1);
    CHECK(client.answers().size() == 20'000);
    CHECK(bench.core().calls_in_system() == 0);
    bench.passes(1ms);  // a turn of the loop
}

TEST_CASE("memory: a load that is gone for a second leaves little behind, and the next one finds room") {
    BrokerBench bench(deep());
    auto& worker = bench.worker("w", {.capacity = 0});
    auto& client = bench.client("c");
    for (int round = 0; round < 3; ++round) {
        load(bench, client, worker);
        bench.passes(900ms);
        CHECK_FALSE(bench.core().take_trimmed());
        bench.passes(300ms);
        CHECK(bench.core().take_trimmed());
        CHECK_FALSE(bench.core().take_trimmed());
    }
}

TEST_CASE("memory: what a load of now and then needs is kept") {
    BrokerBench bench(deep());
    auto& worker = bench.worker("w", {.capacity = 0});
    auto& client = bench.client("c");
    for (int round = 0; round < 5; ++round) {
        load(bench, client, worker);
        bench.passes(800ms);
    }
    load(bench, client, worker);
    CHECK_FALSE(bench.core().take_trimmed());
}

TEST_CASE("memory: a few calls more or less give nothing back") {
    BrokerBench bench(deep());
    auto& worker = bench.worker("w", {.capacity = 5000});
    auto& client = bench.client("c");
    client.requests(0, 5000);
    for (const auto& call : worker.calls()) worker.answers(call, 1);
    bench.passes(5s);
    CHECK_FALSE(bench.core().take_trimmed());
}

}  // namespace
}  // namespace rpcbroker::test
