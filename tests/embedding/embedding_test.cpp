#include <catch2/catch.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <rpcbroker/broker.hpp>
#include <rpcbroker/client.hpp>
#include <rpcbroker/context.hpp>
#include <rpcbroker/worker.hpp>

#include "tests/support/running.hpp"

using namespace rpcbroker;
using rpcbroker::test::Running;
using namespace std::chrono_literals;

namespace {

struct World {
    World(const std::string& frontend, const std::string& backend)
        : broker({.frontends = {frontend}, .backends = {backend}}),
          running_broker(broker),
          worker({.brokers = {broker.backends().front()}, .name = "inside", .threads = 2}),
          running_worker((add_methods(), worker)),
          client(broker.frontends().front()) {}

    void add_methods() {
        worker.service("Sums")
            .method("Add", [](int a, int b) { return a + b; }, {.params = {"a", "b"}, .idempotent = true})
            .method("Fail", [](const std::string& text) -> int { throw Error(Code::aborted, text); })
            .method("Wait", [this](Context& context) {
                ++waiting;
                if (!context.wait_for(60s)) ++cancelled;
            });
    }

    std::atomic<int> waiting = 0;
    std::atomic<int> cancelled = 0;
    Broker broker;
    Running<Broker> running_broker;
    Worker worker;
    Running<Worker> running_worker;
    Client client;
};

void call_all_ways(World& world) {
    Client& client = world.client;
    CHECK(client.call<int>("Sums.Add", 1, 2) == 3);

    const auto failed = client.try_call<int>("Sums.Fail", std::string{"no"});
    REQUIRE_FALSE(failed);
    CHECK(failed.error().code() == Code::aborted);
    CHECK(failed.error().by() == By::handler);

    const auto misfit = client.try_call<int>("Sums.Add", 1, "two");
    REQUIRE_FALSE(misfit);
    CHECK(misfit.error().message() == "parameter 2 (b): expected int, got str");

    std::vector<Future<int>> sums;
    for (int i = 0; i < 1000; ++i) sums.push_back(client.async_call<int>("Sums.Add", i, i));
    int wrong = 0;
    for (int i = 0; i < 1000; ++i) wrong += sums[static_cast<std::size_t>(i)].get() == 2 * i ? 0 : 1;
    CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("broker, worker and client work in one process over inproc") {
    World world{"inproc://embedding-front", "inproc://embedding-back"};
    call_all_ways(world);
}

TEST_CASE("broker, worker and client work in one process over tcp") {
    World world{"tcp://127.0.0.1:0", "tcp://127.0.0.1:0"};
    call_all_ways(world);
}

TEST_CASE("many threads share one client") {
    World world{"tcp://127.0.0.1:0", "tcp://127.0.0.1:0"};
    std::atomic<int> right = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t)
        threads.emplace_back([&world, &right, t] {
            for (int i = 0; i < 100; ++i) right += world.client.call<int>("Sums.Add", t, i) == t + i ? 1 : 0;
        });
    for (auto& thread : threads) thread.join();
    CHECK(right == 800);
}

TEST_CASE("a caller that cancels is heard by the handler") {
    World world{"tcp://127.0.0.1:0", "tcp://127.0.0.1:0"};
    auto waits = world.client.async_call("Sums.Wait");
    while (world.waiting == 0) std::this_thread::yield();
    waits.cancel();
    CHECK(waits.result().error().code() == Code::cancelled);
    while (world.cancelled == 0) std::this_thread::yield();
}

TEST_CASE("a broker says which endpoint it cannot have") {
    Broker first{{.frontends = {"tcp://127.0.0.1:0"}, .backends = {"tcp://127.0.0.1:0"}}};
    const auto taken = first.frontends().front();
    CHECK_THROWS_WITH((Broker{{.frontends = {taken}, .backends = {"tcp://127.0.0.1:0"}}}), Catch::Contains(taken));
    CHECK_THROWS_WITH((Broker{{.frontends = {"tcp://*:0"}, .backends = {"tcp://127.0.0.1:0"}}}),
                      Catch::Contains("--insecure"));
    CHECK_THROWS_WITH((Broker{{.frontends = {"tcp://127.0.0.1:99999"}, .backends = {"tcp://127.0.0.1:0"}}}),
                      Catch::Contains("99999"));
}
