// Rounds of rpc-bench, over real sockets.
#include <csignal>

#include <catch2/catch.hpp>

#include "client/rpc_bench_run.hpp"
#include "common/transport/context.hpp"
#include "tests/client/fake_broker.hpp"

using namespace rpcbroker;
using namespace rpcbroker::bench;
using namespace rpcbroker::test;
using namespace std::chrono_literals;

namespace {

CallKind kind_of(const std::string& method) { return {.label = method, .method = method, .params = "\x91\x03"}; }

void ignore(const Progress&) {}

struct Bench {
    transport::Context context;
    FakeBroker broker{context};
    StopSignal signal;
    Load load;
    RunOptions options{.brokers = {broker.endpoint()}, .call = {.timeout = 30s}, .connect_timeout = 30s};

    Bench() { load.call = kind_of("T.Echo"); }

    Result<RoundResult> run(const std::function<void(const Progress&)>& on_progress = ignore) {
        return run_round(plan(load).front(), options, signal, on_progress);
    }
};

}  // namespace

TEST_CASE("so many calls are measured as were asked for, whoever makes them") {
    struct Case {
        const char* shape;
        std::uint64_t clients;
        std::uint64_t connections;
        std::uint64_t window;
    };
    const auto [shape, clients, connections, window] =
        GENERATE(Case{"latency", 1, 1, 1}, Case{"pipelined", 2, 2, 7}, Case{"clients", 6, 6, 1},
                 Case{"clients", 6, 2, 1}, Case{"pipelined", 6, 2, 3});
    Bench bench;
    bench.load.shape = shape;
    bench.load.clients = clients;
    bench.load.connections = connections;
    bench.load.window = window;
    bench.options.calls = 500;
    const auto result = bench.run();
    REQUIRE(result);
    const auto all = result->all();
    CHECK(all.latency().count() == 500);
    CHECK(all.failed() == 0);
    CHECK(all.warm_up() == 0);
    CHECK(all.sent_bytes() == 1000);
    CHECK(all.received_bytes() == 500);
    CHECK_FALSE(result->stopped);
    CHECK(result->usage.back().name == "rpc-bench");
}

TEST_CASE("a round lasts as long as was asked for, after its warm-up") {
    Bench bench;
    bench.options.warm_up = 1s;
    bench.options.duration = 1s;
    const auto begin = Clock::now();
    const auto result = bench.run();
    CHECK(Clock::now() - begin >= 2s);
    REQUIRE(result);
    CHECK(result->measured() == 1s);
    CHECK(result->all().warm_up() > 0);
    CHECK(result->all().latency().count() > 0);
}

TEST_CASE("an open loop sends on, also when nobody answers, and says what it could not send") {
    Bench bench;
    bench.load.call = kind_of("T.Once");  // which is for the call that sees whether anybody is there
    bench.load.rate = 1000;
    bench.load.clients = 2;
    bench.load.max_in_flight = 4;
    bench.options.calls = 500;  // half a second: time for both clients to begin
    bench.options.call.timeout = 300ms;
    const auto result = bench.run();
    REQUIRE(result);
    const auto all = result->all();
    CHECK(all.latency().count() == 0);
    CHECK(all.failed() + all.not_sent() == 500);
    CHECK(all.not_sent() > 0);
    CHECK(all.failed() >= 4);
}

TEST_CASE("an open loop measures every call that was due") {
    Bench bench;
    bench.load.rate = 2000;
    bench.load.clients = 3;
    bench.options.calls = 200;
    const auto begin = Clock::now();
    const auto result = bench.run();
    CHECK(Clock::now() - begin >= 99ms);
    REQUIRE(result);
    CHECK(result->all().latency().count() + result->all().not_sent() == 200);
    CHECK(result->all().not_sent() == 0);
}

TEST_CASE("what handlers fail with is measured; what comes of nothing being there ends it at once") {
    Bench bench;
    bench.options.calls = 20;
    bench.load.call = kind_of("T.Fail");
    const auto failed = bench.run();
    REQUIRE(failed);
    CHECK(failed->all().failures().at(Code::aborted).count == 20);
    bench.load.call = kind_of("T.Refuse");
    const auto refused = bench.run();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == Code::invalid_argument);
}

TEST_CASE("without a broker there is nothing to measure") {
    Bench bench;
    bench.broker.fall_silent();
    bench.options.connect_timeout = 50ms;
    bench.options.duration = 1h;
    const auto result = bench.run();
    REQUIRE_FALSE(result);
}

TEST_CASE("a signal ends a round, with what was measured until then") {
    const auto* const shape = GENERATE("latency", "pipelined", "rate");
    Bench bench;
    if (std::string{shape} == "rate")
        bench.load.rate = 1000;
    else
        bench.load.shape = shape;
    bench.options.duration = 1h;
    bool silent = false;
    const auto result = bench.run([&](const Progress& progress) {
        if (!silent && progress.ended > 10) {
            bench.broker.fall_silent();  // so that calls are under way
            silent = true;
        } else if (silent) {
            bench.signal.raise(SIGINT);
        }
    });
    REQUIRE(result);
    CHECK(result->stopped);
    CHECK(result->all().unfinished() > 0);
    CHECK(result->all().latency().count() > 10);
    CHECK(result->measured() < 1h);
}

TEST_CASE("a signal ends a round that has not begun") {
    Bench bench;
    bench.broker.fall_silent();
    bench.options.connect_timeout = 1h;
    std::thread interrupter{[&bench] {
        bench.broker.wait_for("rpc.hello");
        bench.signal.raise(SIGTERM);
    }};
    const auto result = bench.run();
    interrupter.join();
    REQUIRE_FALSE(result);
    CHECK(result.error().code() == Code::cancelled);
}
