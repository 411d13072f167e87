// What a load left behind is given back once it is gone.
#include <catch2/catch.hpp>

#include "tests/broker/pair.hpp"
#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

BrokerLimits deep() {
    BrokerLimits limits;
    limits.max_queued = 100'000;
    return limits;
}

struct Loaded : BrokerBench {
    Loaded()
        : BrokerBench(deep()), worker(BrokerBench::worker("w", {.capacity = 0})), client(BrokerBench::client("c")) {}

    /// 20,000 calls wait and are answered.
    void load() {
        worker.heartbeat(0);
        client.requests(0, 20'000);
        worker.heartbeat(20'000);
        for (const auto& call : worker.calls()) worker.answers(call, 1);
        CHECK(client.answers().size() == 20'000);
        CHECK(core().calls_in_system() == 0);
        passes(1ms);  // a turn of the loop
    }

    BenchWorker& worker;
    BenchClient& client;
};

TEST_CASE("memory: a load that is gone for a second leaves little behind, and the next one finds room") {
    Loaded bench;
    for (int round = 0; round < 3; ++round) {
        bench.load();
        bench.passes(900ms);
        CHECK_FALSE(bench.core().take_trimmed());
        bench.passes(300ms);
        CHECK(bench.core().take_trimmed());
        CHECK_FALSE(bench.core().take_trimmed());
    }
}

TEST_CASE("memory: what a load of now and then needs is kept") {
    Loaded bench;
    for (int round = 0; round < 5; ++round) {
        bench.load();
        bench.passes(800ms);
    }
    bench.load();
    CHECK_FALSE(bench.core().take_trimmed());
}

TEST_CASE("memory: what large bodies took is given back a second after the last of them") {
    Pair bench;
    const std::string text(BrokerCore::large_body, 'x');
    for (int round = 0; round < 3; ++round) {
        bench.client.request(1, "S.m", json::array({text}));
        bench.worker.answers(bench.worker.call(), 1);
        bench.passes(800ms);
        CHECK_FALSE(bench.core().take_trimmed());
    }
    bench.passes(1300ms);
    CHECK(bench.core().take_trimmed());
    bench.passes(5s);
    CHECK_FALSE(bench.core().take_trimmed());
}

TEST_CASE("memory: a few calls more or less give nothing back") {
    BrokerBench bench;
    auto& worker = bench.worker("w", {.capacity = 5000});
    auto& client = bench.client("c");
    client.requests(0, 5000);
    for (const auto& call : worker.calls()) worker.answers(call, 1);
    bench.passes(5s);
    CHECK_FALSE(bench.core().take_trimmed());
}

}  // namespace
}  // namespace rpcbroker::test
