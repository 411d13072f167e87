// Calls that only one worker may run, by key or by id, and calls that there is no room for.
#include <catch2/catch.hpp>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

const std::vector<std::string> m{"m"};

// ---- keys

TEST_CASE("calls with the same key go to the same worker, those with others elsewhere, too") {
    BrokerBench bench;
    for (int i = 0; i < 4; ++i) bench.worker("w" + std::to_string(i), {.capacity = 1000});
    auto& client = bench.client("c");
    std::map<std::string, std::set<std::string>> where;
    for (std::uint32_t i = 0; i < 400; ++i) {
        const auto key = "key-" + std::to_string(i % 40);
        client.request(i, "S.m", {key}, {.key = key});
    }
    int used = 0;
    for (BenchWorker* worker : bench.workers()) {
        const auto calls = worker->calls();
        used += !calls.empty();
        for (const auto& call : calls) where[call.params[0]].insert(worker->name());
    }
    CHECK(used == 4);
    CHECK(where.size() == 40);
    for (const auto& [key, workers] : where) CHECK(workers.size() == 1);
}

/// Of two workers the one that a key goes to, and the other one.
std::pair<BenchWorker*, BenchWorker*> chosen_first(BrokerBench& bench, std::string_view key) {
    auto& client = bench.client("chooser");
    client.request(1, "S.m", no_params, {.key = key});
    auto workers = bench.workers();
    if (workers[0]->in_flight() == 0) std::swap(workers[0], workers[1]);
    workers[0]->answers(workers[0]->call(), nullptr);
    client.closes();
    return {workers[0], workers[1]};
}

TEST_CASE("a keyed call waits for its worker's room, and blocks nobody else") {
    BrokerBench bench;
    bench.worker("a", Offer{});
    bench.worker("b", Offer{});
    const auto [chosen, other] = chosen_first(bench, "k");
    auto& client = bench.client("c");
    client.request(1, "S.m", {"first"}, {.key = "k"});
    client.request(2, "S.m", {"second"}, {.key = "k"});
    client.request(3, "S.m", {"free"});
    CHECK(other->call().params == json::array({"free"}));
    CHECK(client.asks("rpc.services").result[0]["queued"] == 1);
    const auto first = chosen->call();
    CHECK(first.params == json::array({"first"}));
    chosen->answers(first, nullptr);
    CHECK(chosen->call().params == json::array({"second"}));
    CHECK(client.asks("rpc.services").result[0]["queued"] == 0);
}

TEST_CASE("waiting calls move with their key when its worker goes") {
    BrokerBench bench;
    bench.worker("a", Offer{});
    bench.worker("b", Offer{});
    const auto [chosen, other] = chosen_first(bench, "k");
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.key = "k"});
    client.request(2, "S.m", {"waits"}, {.key = "k"});
    const auto running = chosen->call();

    SECTION("by leaving") { chosen->leaves(); }
    SECTION("by being lost") { chosen->closes(); }
    SECTION("by registering something else") { chosen->registers({.services = {{"T", m}}}); }
    CHECK(other->call().params == json::array({"waits"}));
}

TEST_CASE("waiting calls move with their key when another worker comes") {
    BrokerBench bench;
    auto& first = bench.worker("first", {.capacity = 0});
    auto& client = bench.client("c");
    constexpr std::uint32_t keys = 200;
    for (std::uint32_t i = 0; i < keys; ++i) {
        const auto key = std::to_string(i);
        client.request(i, "S.m", no_params, {.key = key});
    }
    auto& second = bench.worker("second", {.capacity = keys});
    CHECK(second.in_flight() == Approx(keys / 2.0).epsilon(0.2));
    first.heartbeat(keys);
    CHECK(first.in_flight() + second.in_flight() == keys);
}

TEST_CASE("of many waiting calls with keys, a worker that comes or goes moves its share and no other") {
    BrokerBench bench;
    std::vector<BenchWorker*> workers;
    for (int i = 0; i < 4; ++i) workers.push_back(&bench.worker("w" + std::to_string(i), {.capacity = 0}));
    auto& client = bench.client("c");
    constexpr std::uint32_t calls = 2000;
    for (std::uint32_t i = 0; i < calls; ++i) {
        const auto key = "key-" + std::to_string(i);
        client.request(i, "S.m", {i}, {.timeout_ms = 60'000, .key = key});
    }
    auto& joined = bench.worker("joined", {.capacity = calls});
    CHECK(joined.in_flight() == Approx(calls / 5).epsilon(0.2));
    workers[0]->closes();
    std::size_t all = 0;
    for (BenchWorker* worker : bench.workers()) {
        worker->heartbeat(calls);
        CHECK(worker->in_flight() == Approx(calls / 4).epsilon(0.2));
        all += worker->in_flight();
    }
    CHECK(all == calls);
}

TEST_CASE("a keyed call waits for its service like others, and then goes by its key") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.key = "k"});
    auto& worker = bench.worker("w", Offer{});
    CHECK(worker.calls().size() == 1);
}

TEST_CASE("keyed calls find their method's workers when those change") {
    BrokerBench bench;
    bench.worker("old", {.services = {{"S", m}}, .capacity = 0});
    auto& client = bench.client("c");
    for (std::uint32_t i = 0; i < 20; ++i) {
        const auto key = std::to_string(i);
        client.request(i, "S.m", no_params, {.key = key});
    }
    auto& young = bench.worker("young", {.services = {{"S", {"m", "n"}}}, .capacity = 20});
    const auto moved = young.in_flight();
    CHECK(moved > 0);
    CHECK(moved < 20);
    bench.workers()[0]->closes();
    CHECK(young.in_flight() == 20);
}

// ---- a worker by its id

TEST_CASE("a call for one worker goes there and nowhere else") {
    BrokerBench bench;
    auto& a = bench.worker("a", Offer{});
    auto& b = bench.worker("b", Offer{});
    auto& client = bench.client("c");
    client.requests(0, 2, "S.m", {.worker = b.worker_id()});
    CHECK(b.calls().size() == 1);
    CHECK(a.calls().empty());

    SECTION("as soon as it has room") {
        b.heartbeat(2);
        CHECK(b.calls().size() == 1);
    }
    SECTION("and ends when it leaves") {
        b.leaves();
        const auto answer = client.answer();
        CHECK(answer.msgid == 1);
        CHECK(answer.code() == "UNAVAILABLE");
        CHECK(answer.ran() == "no");
        CHECK(answer.message() == "the worker that the call asked for is gone");
    }
    SECTION("and is not run again elsewhere when it is lost") {
        client.request(5, "S.m", no_params, {.idempotent = true, .worker = a.worker_id()});
        CHECK(a.calls().size() == 1);
        a.closes();
        const auto answer = client.answer();
        CHECK(answer.code() == "UNAVAILABLE");
        CHECK(answer.ran() == "maybe");
        CHECK(bench.count(Counter::calls_rerun) == 0);
    }
    CHECK(a.calls().empty());
}

TEST_CASE("a call for one worker that has a key, too, goes to that worker, and stays with it when others come") {
    BrokerBench bench;
    auto& a = bench.worker("a", Offer{});
    auto& client = bench.client("c");
    for (std::uint32_t i = 0; i < 20; ++i) {
        const auto key = std::to_string(i);
        client.request(i, "S.m", no_params, {.key = key, .worker = a.worker_id()});
    }
    auto& b = bench.worker("b", {.capacity = 20});
    a.heartbeat(20);
    CHECK(a.calls().size() == 20);
    CHECK(b.calls().empty());
}

TEST_CASE(
    "a worker that registers again with more services and more room draws nothing before its queues are settled") {
    BrokerBench bench;
    auto& worker = bench.worker("w", Offer{});
    auto& client = bench.client("c");
    client.request(1, "S.m");
    client.request(2, "S.m", no_params, {.worker = worker.worker_id()});
    client.request(3, "S.m", no_params, {.key = "k"});
    client.request(4, "T.m");
    worker.registers({.services = {{"S", {"m"}}, {"T", {"m"}}}, .capacity = 10});
    CHECK(worker.calls().size() == 4);
}

TEST_CASE("a worker that is not there is NOT_FOUND") {
    BrokerBench bench;
    auto& worker = bench.worker("w", Offer{});
    auto& leaving = bench.worker("leaving", Offer{});
    leaving.leaves();
    auto& client = bench.client("c");
    std::uint32_t msgid = 0;
    const auto almost = worker.worker_id() + "0";
    for (const std::string_view id :
         {std::string_view("w"), std::string_view("-"), std::string_view(almost), std::string_view("brok-99"),
          std::string_view(leaving.worker_id()), std::string_view("1"), std::string_view("xxxx-1")}) {
        client.request(++msgid, "S.m", no_params, {.worker = id});
        const auto answer = client.answer();
        CHECK(answer.code() == "NOT_FOUND");
        CHECK(answer.message() == "worker " + std::string(id) + " is not there (rpc.workers lists those that are)");
    }
    CHECK(worker.calls().empty());
}

TEST_CASE("a worker that has not the method is no place for the call, and says so") {
    BrokerBench bench;
    auto& worker = bench.worker("w", Offer{});
    bench.worker("other", {.services = {{"S", {"n"}}, {"T", m}}});
    auto& client = bench.client("c");
    std::uint32_t msgid = 0;
    for (const auto* method : {"S.n", "T.m", "S.none", "Nowhere.m"}) {
        client.request(++msgid, method, no_params, {.worker = worker.worker_id()});
        const auto answer = client.answer();
        CHECK(answer.code() == "UNIMPLEMENTED");
        CHECK(answer.message() == "worker " + worker.worker_id() + " has no method " + method);
    }
    CHECK(client.asks("rpc.services").result.size() == 2);
}

// ---- limits

TEST_CASE("a service has a limit of waiting calls") {
    BrokerLimits limits;
    limits.max_queued = 3;
    BrokerBench bench(limits);
    auto& worker = bench.worker("w", {.services = {{"S", m}, {"T", m}}});
    auto& client = bench.client("c");
    client.requests(0, 5);
    const auto answer = client.answer();
    CHECK(answer.msgid == 4);
    CHECK(answer.code() == "RESOURCE_EXHAUSTED");
    CHECK(answer.ran() == "no");
    CHECK(answer.message() == "service S: 3 calls wait already (--max-queued)");
    CHECK(bench.count(Counter::calls_refused) == 1);
    client.request(10, "T.m");
    CHECK(client.heard_nothing());
    worker.answers(worker.call(), nullptr);
    client.answer();
    client.requests(20, 1);
    client.requests(30, 1);
    CHECK(client.waits_for() >= 4);
}

TEST_CASE("calls that find room at once are not refused because others wait") {
    BrokerLimits limits;
    limits.max_queued = 1;
    BrokerBench bench(limits);
    auto& busy = bench.worker("busy", Offer{});
    auto& client = bench.client("c");
    client.requests(0, 2, "S.m", {.worker = busy.worker_id()});
    auto& idle = bench.worker("idle", {.services = {{"S", {"m", "n"}}}, .capacity = 5});
    client.request(10, "S.m");
    client.request(11, "S.n");
    client.request(12, "S.m", no_params, {.worker = idle.worker_id()});
    CHECK(idle.calls().size() == 3);
    client.request(13, "S.m", no_params, {.worker = busy.worker_id()});
    client.request(14, "S.other");
    CHECK(client.answers().size() == 2);
}

TEST_CASE("waiting calls have a limit of bytes, and free them when they go") {
    BrokerLimits limits;
    limits.max_queued_bytes = 10'000;
    BrokerBench bench(limits);
    auto& worker = bench.worker("w", Offer{});
    auto& client = bench.client("c");
    const auto large = json::array({std::string(4'000, 'x')});
    for (std::uint32_t i = 0; i < 4; ++i) client.request(i, "S.m", large);
    const auto answer = client.answer();
    CHECK(answer.msgid == 3);
    CHECK(answer.code() == "RESOURCE_EXHAUSTED");
    CHECK(answer.message() ==
          "waiting calls hold " + std::to_string(bench.core().queued_bytes()) + " bytes already (--max-queued-bytes)");
    CHECK(bench.core().queued_bytes() > 8'000);
    worker.answers(worker.call(), nullptr);
    client.cancel(2);
    CHECK(bench.core().queued_bytes() == 0);
    CHECK(worker.calls().size() == 1);
}

TEST_CASE("the room of a full broker is not touched by calls that workers take at once") {
    BrokerLimits limits;
    limits.max_queued_bytes = 100;
    BrokerBench bench(limits);
    auto& worker = bench.worker("w", {.capacity = 2});
    auto& client = bench.client("c");
    client.request(1, "S.m", {std::string(1'000, 'x')});
    client.request(2, "S.m", {std::string(1'000, 'x')}, {.key = "k"});
    CHECK(worker.calls().size() == 2);
    client.request(3, "S.m", {std::string(1'000, 'x')}, {.key = "k"});
    CHECK(client.answer().code() == "RESOURCE_EXHAUSTED");
}

TEST_CASE("a limit of no waiting calls leaves nothing behind") {
    BrokerLimits limits;
    limits.max_queued = 0;
    BrokerBench bench(limits);
    auto& client = bench.client("c");
    client.request(1, "Nowhere.m");
    CHECK(client.answer().code() == "RESOURCE_EXHAUSTED");
    CHECK(client.asks("rpc.services").result.empty());
}

TEST_CASE("calls wait for so many unknown services, and no more") {
    BrokerLimits limits;
    limits.max_services = 2;
    BrokerBench bench(limits);
    auto& client = bench.client("c");
    client.request(1, "A.m");
    client.request(2, "B.m");
    client.request(3, "C.m");
    const auto answer = client.answer();
    CHECK(answer.msgid == 3);
    CHECK(answer.message() == "calls wait for 2 services that nobody registered already");
}

}  // namespace
}  // namespace rpcbroker::test
