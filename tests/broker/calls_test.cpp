// Calls that find a worker, in time or not. Of calls.cpp, as are calls_waiting_test and calls_placed_test.
#include <catch2/catch.hpp>

#include <rpcbroker/pack.hpp>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

const std::vector<std::string> m{"m"};

// ---- dispatch

TEST_CASE("a call goes to its worker as it came, and the answer back to its client") {
    BrokerBench bench;
    auto& worker = bench.worker("w", {.services = {{"EchoUtil", {"CountString"}}}});
    auto& client = bench.client("c");
    client.request(7, "EchoUtil.CountString", {"this is test"});
    const auto call = worker.call();
    CHECK(call.method == "EchoUtil.CountString");
    CHECK(call.params == json::array({"this is test"}));
    CHECK(call.options.is_null());
    CHECK(client.heard_nothing());
    worker.answers(call, 3);
    const auto answer = client.answer();
    CHECK(answer.msgid == 7);
    CHECK(answer.error.is_null());
    CHECK(answer.result == 3);
    CHECK(answer.timing.is_null());
    CHECK(bench.core().idle());
}

TEST_CASE("the least loaded worker with room gets the call") {
    BrokerBench bench;
    auto& busy = bench.worker("busy", {.capacity = 10});
    auto& client = bench.client("c");
    client.requests(1, 3);
    auto& idle = bench.worker("idle", {.capacity = 10});
    client.requests(10, 3);
    CHECK(idle.in_flight() == 3);
    client.requests(20, 2);
    CHECK(idle.in_flight() == 4);
    CHECK(busy.in_flight() == 4);
}

TEST_CASE("calls one at a time go to all workers in even shares") {
    BrokerBench bench;
    std::vector<BenchWorker*> workers;
    for (int i = 0; i < 4; ++i) workers.push_back(&bench.worker("w" + std::to_string(i), {.capacity = 16}));
    auto& client = bench.client("c");
    std::map<BenchWorker*, int> share;
    for (std::uint32_t i = 0; i < 400; ++i) {
        client.request(i, "S.m");
        for (BenchWorker* worker : workers)
            for (const auto& call : worker->calls()) {
                ++share[worker];
                worker->answers(call, nullptr);
            }
    }
    for (BenchWorker* worker : workers) CHECK(share[worker] == 100);
}

TEST_CASE("many calls at once go to all workers in even shares") {
    BrokerBench bench;
    std::vector<BenchWorker*> workers;
    for (int i = 0; i < 4; ++i) workers.push_back(&bench.worker("w" + std::to_string(i), {.capacity = 500}));
    bench.client("c").requests(0, 400);
    for (BenchWorker* worker : workers) CHECK(worker->in_flight() == 100);
}

TEST_CASE("a short call does not wait behind a worker that runs a long one") {
    BrokerBench bench;
    auto& slow = bench.worker("slow", {.capacity = 1});
    auto& client = bench.client("c");
    client.request(1, "S.m");
    auto& quick = bench.worker("quick", {.capacity = 1});
    for (std::uint32_t i = 0; i < 20; ++i) {
        client.request(100 + i, "S.m");
        quick.answers(quick.call(), i);
        CHECK(client.answer().result == i);
    }
    CHECK(slow.in_flight() == 1);
}

TEST_CASE("what finds no room waits, and goes as soon as there is some") {
    BrokerBench bench;
    auto& worker = bench.worker("w", {.capacity = 2});
    auto& client = bench.client("c");
    client.requests(0, 5);
    auto calls = worker.calls();
    REQUIRE(calls.size() == 2);
    worker.answers(calls[1], "done");
    CHECK(client.answer().msgid == 1);
    CHECK(worker.call().params == json::array({"c"}));
    CHECK(worker.in_flight() == 2);
}

TEST_CASE("each dispatch has a msgid of its own") {
    BrokerBench bench;
    auto& worker = bench.worker("w", {.capacity = 1});
    auto& client = bench.client("c");
    std::set<std::uint32_t> seen;
    for (std::uint32_t i = 0; i < 500; ++i) {
        client.request(1, "S.m");
        const auto call = worker.call();
        REQUIRE(seen.insert(*call.msgid).second);
        worker.answers(call, nullptr);
        client.answer();
    }
}

// ---- fairness

TEST_CASE("a client that floods delays only itself") {
    BrokerBench bench;
    auto& worker = bench.worker("w", {.capacity = 1});
    auto& flooder = bench.client("flooder");
    auto& polite = bench.client("polite");
    flooder.requests(0, 1000);
    polite.request(1, "S.m");
    worker.answers(worker.call(), nullptr);
    worker.answers(worker.call(), nullptr);
    const auto turns = flooder.answers().size();
    CHECK(turns == 2);
    worker.answers(worker.call(), "at last");
    CHECK(polite.answer().result == "at last");
}

TEST_CASE("a flood of calls that only some workers can run does not keep another client's calls waiting") {
    BrokerBench bench;
    bench.worker("without", {.services = {{"S", m}}, .capacity = 0});
    auto& worker = bench.worker("with", {.services = {{"S", {"m", "n", "o"}}}, .capacity = 1});
    auto& flooder = bench.client("flooder");
    auto& polite = bench.client("polite");
    const auto flooded = GENERATE("S.m", "S.n", "S.o");
    const auto wanted = GENERATE("S.m", "S.n", "S.o");
    flooder.requests(0, 100, flooded);
    polite.request(1, wanted);
    for (int i = 0; i < 5 && polite.waits_for() > 0; ++i) worker.answers(worker.call(), nullptr);
    CHECK(polite.waits_for() == 0);
}

TEST_CASE("a worker of several services serves the waiting calls of all of them, those for it alone included") {
    BrokerBench bench;
    bench.worker("without", {.services = {{"S", m}, {"T", m}}, .capacity = 0});
    auto& worker = bench.worker("w", {.services = {{"S", {"m", "n"}}, {"T", {"m", "n"}}}, .capacity = 1});
    const std::vector<std::string> methods{"S.m", "S.n", "T.m", "T.n"};
    auto& client = bench.client("c");
    for (const auto& method : methods) client.requests(0, 50, method);
    client.requests(0, 50, "S.m", {.worker = worker.worker_id()});
    std::map<std::string, int> served;
    for (int i = 0; i < 100; ++i) {
        const auto call = worker.call();
        ++served[call.method + (call.options.is_null() ? "" : " pinned")];
        worker.answers(call, nullptr);
    }
    for (const auto& method : methods) CHECK(served[method] >= 10);
    CHECK(served["S.m pinned"] >= 10);
}

// ---- deadlines

TEST_CASE("a call whose time runs out in the queue is answered at its deadline, and never dispatched") {
    BrokerBench bench;
    auto& worker = bench.worker("w", Offer{});
    auto& client = bench.client("c");
    client.request(1, "S.m");
    const auto running = worker.call();
    client.request(2, "S.m", no_params, {.timeout_ms = 100});
    bench.passes(99ms);
    CHECK(client.heard_nothing());
    bench.passes(1ms);
    const auto answer = client.answer();
    CHECK(answer.msgid == 2);
    CHECK(answer.code() == "DEADLINE_EXCEEDED");
    CHECK(answer.error["by"] == "broker");
    CHECK(answer.ran() == "no");
    CHECK(answer.message() ==
          "the call's time ran out in the broker's queue: all workers of service S that may run it are busy");
    worker.answers(running, nullptr);
    CHECK(worker.calls().empty());
}

TEST_CASE("room that comes at the exact tick of the deadline comes too late") {
    BrokerBench bench;
    auto& worker = bench.worker("w", Offer{});
    auto& client = bench.client("c");
    client.request(1, "S.m");
    client.request(2, "S.m", no_params, {.timeout_ms = 100});
    const auto running = worker.call();
    bench.stalls(100ms);
    worker.answers(running, nullptr);
    CHECK(worker.calls().empty());
    const auto answers = client.answers();
    REQUIRE(answers.size() == 2);
    CHECK(answers[1].code() == "DEADLINE_EXCEEDED");
    CHECK(answers[1].ran() == "no");
}

TEST_CASE("a call whose time runs out at its worker is answered then, cancelled there, and keeps its place") {
    BrokerBench bench;
    auto& worker = bench.worker("w", Offer{});
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.timeout_ms = 100});
    const auto call = worker.call();
    client.request(2, "S.m");
    bench.passes(100ms);
    const auto answer = client.answer();
    CHECK(answer.code() == "DEADLINE_EXCEEDED");
    CHECK(answer.ran() == "maybe");
    CHECK(answer.message() == "the call's time ran out at worker " + worker.worker_id());
    const auto cancel = worker.notifications();
    REQUIRE(cancel.size() == 1);
    CHECK(cancel[0].method == "rpc.cancel");
    CHECK(cancel[0].params == json::array({*call.msgid}));
    CHECK(worker.calls().empty());
    worker.answers(call, "too late");
    CHECK(client.heard_nothing());
    CHECK(bench.count(Counter::late_responses) == 0);
    CHECK(worker.calls().size() == 1);
}

TEST_CASE("an answer that comes at the tick of the deadline still counts") {
    BrokerBench bench;
    auto& worker = bench.worker("w", Offer{});
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.timeout_ms = 100});
    bench.stalls(100ms);
    worker.answers(worker.call(), 5);
    bench.turn();
    CHECK(client.answer().result == 5);
}

TEST_CASE("a call that names no timeout has the broker's, and none has more than its maximum") {
    BrokerLimits limits;
    limits.default_timeout = 3s;
    limits.max_timeout = 10s;
    BrokerBench bench(limits);
    bench.worker("w", Offer{});
    auto& client = bench.client("c");
    client.request(1, "S.m");
    client.request(2, "S.m", no_params, {.timeout_ms = 0xffff'ffff});
    bench.passes(2999ms);
    CHECK(client.heard_nothing());
    bench.passes(1ms);
    CHECK(client.answer().msgid == 1);
    bench.passes(6999ms);
    CHECK(client.heard_nothing());
    bench.passes(1ms);
    CHECK(client.answer().msgid == 2);
}

TEST_CASE("a call without any time left is refused") {
    BrokerBench bench;
    auto& worker = bench.worker("w", Offer{});
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.timeout_ms = 0});
    const auto answer = client.answer();
    CHECK(answer.code() == "DEADLINE_EXCEEDED");
    CHECK(answer.ran() == "no");
    CHECK(worker.calls().empty());
    CHECK(bench.count(Counter::calls_refused) == 1);
}

TEST_CASE("what is left of a timeout in five-byte form is written where it stands") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.timeout_ms = 500, .trace = "t"});
    bench.passes(123ms);
    auto& worker = bench.worker("w", Offer{});
    const auto call = worker.call();
    CHECK(call.options == json::parse(R"({"timeout": 377, "trace": "t"})"));
}

TEST_CASE("a timeout over the maximum goes on as the maximum, and part of a millisecond counts as one") {
    BrokerLimits limits;
    limits.max_timeout = 10s;
    BrokerBench bench(limits);
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.timeout_ms = 70'000});
    bench.stalls(10us);
    auto& worker = bench.worker("w", Offer{});
    CHECK(worker.call().options["timeout"] == 10'000);
}

TEST_CASE("a timeout in another form passes as it is, and the broker's clock rules all the same") {
    BrokerBench bench;
    auto& client = bench.client("c");
    std::string body;
    Packer(body)
        .array(5)
        .unsigned_integer(0)
        .fixed_u32(1)
        .string("S.m")
        .array(0)
        .map(1)
        .string("timeout")
        .unsigned_integer(50);
    client.sends(body);
    bench.passes(20ms);
    auto& worker = bench.worker("w", Offer{});
    CHECK(worker.call().options["timeout"] == 50);
    bench.passes(29ms);
    CHECK(client.heard_nothing());
    bench.passes(1ms);
    CHECK(client.answer().code() == "DEADLINE_EXCEEDED");
}

// ---- large bodies

TEST_CASE("a large body goes through whole, there and back") {
    BrokerBench bench;
    auto& worker = bench.worker("w", {.capacity = 10});
    auto& client = bench.client("c");
    const std::string large(200'000, 'x');
    const bool idempotent = GENERATE(true, false);
    client.request(1, "S.m", {large}, {.timeout_ms = 1000, .idempotent = idempotent});
    const auto call = worker.call();
    CHECK(call.params == json::array({large}));
    CHECK(call.options["timeout"] == 1000);
    worker.answers(call, large + "y");
    CHECK(client.answer().result == large + "y");
}

TEST_CASE("a large body that waited has its timeout rewritten, too") {
    BrokerBench bench;
    auto& client = bench.client("c");
    const std::string large(200'000, 'x');
    const bool idempotent = GENERATE(true, false);
    client.request(1, "S.m", {large}, {.timeout_ms = 1000, .idempotent = idempotent});
    CHECK(bench.core().queued_bytes() > large.size());
    bench.passes(400ms);
    auto& worker = bench.worker("w", {.idempotent = true});
    const auto call = worker.call();
    CHECK(call.params == json::array({large}));
    CHECK(call.options["timeout"] == 600);
    worker.answers(call, 1);
    CHECK(client.answer().msgid == 1);
}

TEST_CASE("a worker's word that a call did not run is not passed on of one that was lost before") {
    BrokerBench bench;
    auto& worker = bench.worker("w", {.idempotent = true});
    auto& client = bench.client("c");
    client.request(1, "S.m");
    worker.call();
    worker.closes();
    auto& other = bench.worker("other", {.idempotent = true});
    other.fails(other.call(), {{"code", "INVALID_ARGUMENT"}, {"message", "x"}, {"by", "worker"}, {"ran", "no"}});
    CHECK(client.answer().ran() == "maybe");
    client.request(2, "S.m");
    other.fails(other.call(), {{"code", "INVALID_ARGUMENT"}, {"message", "x"}, {"by", "worker"}, {"ran", "no"}});
    CHECK(client.answer().ran() == "no");
}

TEST_CASE("a large body of an idempotent call can be run again, whole") {
    BrokerBench bench;
    auto& worker = bench.worker("w", {.idempotent = true});
    auto& client = bench.client("c");
    const std::string large(200'000, 'x');
    client.request(1, "S.m", {large});
    worker.closes();
    CHECK(bench.worker("other", Offer{}).call().params == json::array({large}));
}

TEST_CASE("a large body whose msgid is in another form is copied, one that is not alone as well") {
    BrokerBench bench;
    auto& worker = bench.worker("w", {.capacity = 10});
    auto& client = bench.client("c");
    const std::string large(200'000, 'x');
    std::string body;
    Packer(body).array(4).unsigned_integer(0).unsigned_integer(5).string("S.m").array(1).string(large);
    client.sends(body);
    worker.answers(worker.call(), large);
    CHECK(client.answer().msgid == 5);

    std::string two = body;
    append_request(two, 6, "S.m", pack(json::array({large})));
    client.sends(two);
    const auto calls = worker.calls();
    REQUIRE(calls.size() == 2);
    CHECK(calls[1].params == json::array({large}));
    std::string answers;
    append_result(answers, *calls[0].msgid, pack(large));
    append_result(answers, *calls[1].msgid, pack(large));
    worker.sends(answers);
    CHECK(client.answers().size() == 2);
}

TEST_CASE("a large one-way call arrives as a request") {
    BrokerBench bench;
    auto& worker = bench.worker("w", Offer{});
    auto& client = bench.client("c");
    const std::string large(200'000, 'x');
    client.notify("S.m", {large});
    const auto call = worker.call();
    CHECK(call.params == json::array({large}));
    worker.answers(call, large);
    CHECK(client.heard_nothing());
}

}  // namespace
}  // namespace rpcbroker::test
