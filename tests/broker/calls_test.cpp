// Where calls go, how long they wait, and how they end. Of calls.cpp.
#include <catch2/catch.hpp>

#include <rpcbroker/pack.hpp>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

const std::vector<std::string> m{"m"};

BenchWorker& registered(BrokerBench& bench, std::string name, const Offer& offer = {}) {
    auto& worker = bench.worker(std::move(name));
    worker.registers(offer);
    return worker;
}

/// Sends `count` requests with msgids from `first` on.
void flood(BenchClient& client, std::uint32_t first, std::uint32_t count, std::string_view method = "S.m",
           const RequestOptions& options = {}) {
    for (std::uint32_t i = 0; i < count; ++i) client.request(first + i, method, json::array({client.name()}), options);
}

std::string code_of(const Received& answer) { return answer.error.is_null() ? "none" : answer.code(); }
std::string ran_of(const Received& answer) { return answer.error.value("ran", "unsaid"); }

// ---- dispatch

TEST_CASE("a call goes to its worker as it came, and the answer back to its client") {
    BrokerBench bench;
    auto& worker = registered(bench, "w", {.services = {{"EchoUtil", {"CountString"}}}});
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
    auto& busy = registered(bench, "busy", {.capacity = 10});
    auto& client = bench.client("c");
    flood(client, 1, 3);
    auto& idle = registered(bench, "idle", {.capacity = 10});
    flood(client, 10, 3);
    CHECK(idle.in_flight() == 3);
    flood(client, 20, 2);
    CHECK(idle.in_flight() == 4);
    CHECK(busy.in_flight() == 4);
}

TEST_CASE("calls one at a time go to all workers in even shares") {
    BrokerBench bench;
    std::vector<BenchWorker*> workers;
    for (int i = 0; i < 4; ++i) workers.push_back(&registered(bench, "w" + std::to_string(i), {.capacity = 16}));
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
    for (int i = 0; i < 4; ++i) workers.push_back(&registered(bench, "w" + std::to_string(i), {.capacity = 500}));
    flood(bench.client("c"), 0, 400);
    for (BenchWorker* worker : workers) CHECK(worker->in_flight() == 100);
}

TEST_CASE("a short call does not wait behind a worker that runs a long one") {
    BrokerBench bench;
    auto& slow = registered(bench, "slow", {.capacity = 1});
    auto& client = bench.client("c");
    client.request(1, "S.m");
    auto& quick = registered(bench, "quick", {.capacity = 1});
    for (std::uint32_t i = 0; i < 20; ++i) {
        client.request(100 + i, "S.m");
        quick.answers(quick.call(), i);
        CHECK(client.answer().result == i);
    }
    CHECK(slow.in_flight() == 1);
}

TEST_CASE("what finds no room waits, and goes as soon as there is some") {
    BrokerBench bench;
    auto& worker = registered(bench, "w", {.capacity = 2});
    auto& client = bench.client("c");
    flood(client, 0, 5);
    auto calls = worker.calls();
    REQUIRE(calls.size() == 2);
    worker.answers(calls[1], "done");
    CHECK(client.answer().msgid == 1);
    CHECK(worker.call().params == json::array({"c"}));
    CHECK(worker.in_flight() == 2);
}

TEST_CASE("each dispatch has a msgid of its own") {
    BrokerBench bench;
    auto& worker = registered(bench, "w", {.capacity = 1});
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
    auto& worker = registered(bench, "w", {.capacity = 1});
    auto& flooder = bench.client("flooder");
    auto& polite = bench.client("polite");
    flood(flooder, 0, 1000);
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
    registered(bench, "without", {.services = {{"S", m}}, .capacity = 0});
    auto& worker = registered(bench, "with", {.services = {{"S", {"m", "n", "o"}}}, .capacity = 1});
    auto& flooder = bench.client("flooder");
    auto& polite = bench.client("polite");
    const auto flooded = GENERATE("S.m", "S.n", "S.o");
    const auto wanted = GENERATE("S.m", "S.n", "S.o");
    flood(flooder, 0, 100, flooded);
    polite.request(1, wanted);
    for (int i = 0; i < 5 && polite.waits_for() > 0; ++i) worker.answers(worker.call(), nullptr);
    CHECK(polite.waits_for() == 0);
}

TEST_CASE("a worker of several services serves the waiting calls of all of them, those for it alone included") {
    BrokerBench bench;
    registered(bench, "without", {.services = {{"S", m}, {"T", m}}, .capacity = 0});
    auto& worker = registered(bench, "w", {.services = {{"S", {"m", "n"}}, {"T", {"m", "n"}}}, .capacity = 1});
    const std::vector<std::string> methods{"S.m", "S.n", "T.m", "T.n"};
    auto& client = bench.client("c");
    for (const auto& method : methods) flood(client, 0, 50, method);
    flood(client, 0, 50, "S.m", {.worker = worker.worker_id()});
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
    auto& worker = registered(bench, "w");
    auto& client = bench.client("c");
    client.request(1, "S.m");
    const auto running = worker.call();
    client.request(2, "S.m", no_params, {.timeout_ms = 100});
    bench.passes(99ms);
    CHECK(client.heard_nothing());
    bench.passes(1ms);
    const auto answer = client.answer();
    CHECK(answer.msgid == 2);
    CHECK(code_of(answer) == "DEADLINE_EXCEEDED");
    CHECK(answer.error["by"] == "broker");
    CHECK(ran_of(answer) == "no");
    CHECK(answer.message() ==
          "the call's time ran out in the broker's queue: all workers of service S that may run it are busy");
    worker.answers(running, nullptr);
    CHECK(worker.calls().empty());
}

TEST_CASE("room that comes at the exact tick of the deadline comes too late") {
    BrokerBench bench;
    auto& worker = registered(bench, "w");
    auto& client = bench.client("c");
    client.request(1, "S.m");
    client.request(2, "S.m", no_params, {.timeout_ms = 100});
    const auto running = worker.call();
    bench.stalls(100ms);
    worker.answers(running, nullptr);
    CHECK(worker.calls().empty());
    const auto answers = client.answers();
    REQUIRE(answers.size() == 2);
    CHECK(code_of(answers[1]) == "DEADLINE_EXCEEDED");
    CHECK(ran_of(answers[1]) == "no");
}

TEST_CASE("a call whose time runs out at its worker is answered then, cancelled there, and keeps its place") {
    BrokerBench bench;
    auto& worker = registered(bench, "w");
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.timeout_ms = 100});
    const auto call = worker.call();
    client.request(2, "S.m");
    bench.passes(100ms);
    const auto answer = client.answer();
    CHECK(code_of(answer) == "DEADLINE_EXCEEDED");
    CHECK(ran_of(answer) == "maybe");
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
    auto& worker = registered(bench, "w");
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
    registered(bench, "w");
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
    auto& worker = registered(bench, "w");
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.timeout_ms = 0});
    const auto answer = client.answer();
    CHECK(code_of(answer) == "DEADLINE_EXCEEDED");
    CHECK(ran_of(answer) == "no");
    CHECK(worker.calls().empty());
    CHECK(bench.count(Counter::calls_refused) == 1);
}

TEST_CASE("what is left of a timeout in five-byte form is written where it stands") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.timeout_ms = 500, .trace = "t"});
    bench.passes(123ms);
    auto& worker = registered(bench, "w");
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
    auto& worker = registered(bench, "w");
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
    auto& worker = registered(bench, "w");
    CHECK(worker.call().options["timeout"] == 50);
    bench.passes(29ms);
    CHECK(client.heard_nothing());
    bench.passes(1ms);
    CHECK(code_of(client.answer()) == "DEADLINE_EXCEEDED");
}

// ---- services that are not there

TEST_CASE("a call to a service that nobody has registered waits for it for the grace") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.request(1, "S.m", {"early"});
    bench.passes(999ms);
    CHECK(client.heard_nothing());

    SECTION("and is run when it comes") {
        auto& worker = registered(bench, "w");
        CHECK(worker.call().params == json::array({"early"}));
    }
    SECTION("and gets NOT_FOUND when it does not") {
        bench.passes(1ms);
        const auto answer = client.answer();
        CHECK(code_of(answer) == "NOT_FOUND");
        CHECK(ran_of(answer) == "no");
        CHECK(answer.message() == "nobody registered service S (rpc.services lists those that are there)");
    }
    SECTION("and keeps its own deadline once it is registered, the grace being over") {
        registered(bench, "w", {.capacity = 0});
        bench.passes(20s);
        CHECK(client.heard_nothing());
    }
}

TEST_CASE("a deadline within the grace comes first") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.timeout_ms = 300});
    bench.passes(300ms);
    const auto answer = client.answer();
    CHECK(code_of(answer) == "DEADLINE_EXCEEDED");
    CHECK(answer.message() == "the call's time ran out in the broker's queue: nobody registered service S");
}

TEST_CASE("a service that nobody registered is forgotten with its last call") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.request(1, "Nowhere.m");
    CHECK(client.asks("rpc.services").result.size() == 1);
    bench.passes(1s);
    CHECK(client.asks("rpc.services").result.empty());
    client.request(1, "Nowhere.m");
    client.closes();
    auto& other = bench.client("d");
    CHECK(other.asks("rpc.services").result.empty());
}

TEST_CASE("calls to a service whose last worker went are kept for the restart grace, from its going on") {
    BrokerBench bench;
    auto& worker = registered(bench, "w");
    auto& client = bench.client("c");
    worker.closes();
    bench.passes(2s);
    client.request(1, "S.m", {"kept"});
    bench.passes(2999ms);
    CHECK(client.heard_nothing());

    SECTION("and run when a worker comes back") {
        CHECK(registered(bench, "again").call().params == json::array({"kept"}));
    }
    SECTION("and get UNAVAILABLE when none does") {
        bench.passes(1ms);
        const auto answer = client.answer();
        CHECK(code_of(answer) == "UNAVAILABLE");
        CHECK(ran_of(answer) == "no");
        CHECK(answer.message() == "service S had workers and has none");
        client.request(2, "S.m");
        CHECK(code_of(client.answer()) == "UNAVAILABLE");
    }
}

TEST_CASE("a deadline within the restart grace comes first") {
    BrokerBench bench;
    registered(bench, "w").closes();
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.timeout_ms = 200});
    bench.passes(200ms);
    const auto answer = client.answer();
    CHECK(code_of(answer) == "DEADLINE_EXCEEDED");
    CHECK(answer.message() == "the call's time ran out in the broker's queue: service S has no worker just now");
}

TEST_CASE("a worker with capacity 0 counts as present") {
    BrokerBench bench;
    auto& worker = registered(bench, "w", {.capacity = 0});
    auto& client = bench.client("c");
    client.request(1, "S.m");
    bench.passes(20s);
    CHECK(client.heard_nothing());
    worker.heartbeat(1);
    CHECK(worker.calls().size() == 1);
}

TEST_CASE("workers that restart one after the other fail no call") {
    BrokerBench bench;
    auto& client = bench.client("c");
    std::uint32_t msgid = 0;
    for (int round = 0; round < 4; ++round) {
        auto& worker = registered(bench, "w", {.capacity = 2});
        for (int i = 0; i < 5; ++i) client.request(++msgid, "S.m");
        worker.leaves();
        CHECK(worker.notified() == std::vector<std::string>{"rpc.left"});
        for (const auto& call : worker.calls()) worker.answers(call, "ok");
        worker.closes();
        bench.passes(1s);
    }
    auto& last = registered(bench, "last", {.capacity = 100});
    for (const auto& call : last.calls()) last.answers(call, "ok");
    const auto answers = client.answers();
    CHECK(answers.size() == msgid);
    for (const auto& answer : answers) CHECK(answer.error.is_null());
}

// ---- methods that are not there

TEST_CASE("a method that nobody registered is UNIMPLEMENTED at once, while its service is there") {
    BrokerBench bench;
    registered(bench, "w");
    auto& client = bench.client("c");
    client.request(1, "S.other");
    const auto answer = client.answer();
    CHECK(code_of(answer) == "UNIMPLEMENTED");
    CHECK(ran_of(answer) == "no");
    CHECK(answer.message() == "service S has no method other (rpc.services lists what it has)");
}

TEST_CASE("a call that waited for its service learns that the method is not there") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.request(1, "S.other");
    registered(bench, "w");
    CHECK(code_of(client.answer()) == "UNIMPLEMENTED");
}

TEST_CASE("a call goes only to workers that registered its method") {
    BrokerBench bench;
    auto& old = registered(bench, "old", {.services = {{"S", m}}, .capacity = 10});
    auto& young = registered(bench, "young", {.services = {{"S", {"m", "n"}}}, .capacity = 2});
    auto& client = bench.client("c");
    flood(client, 0, 5, "S.n");
    CHECK(young.in_flight() == 2);
    CHECK(old.in_flight() == 0);
    flood(client, 10, 5, "S.m");
    CHECK(old.in_flight() == 5);
    // What waits for the young one goes there, and nothing else is held up by it.
    for (const auto& call : young.calls()) young.answers(call, nullptr);
    for (const auto& call : young.calls()) CHECK(call.method == "S.n");
    auto& third = registered(bench, "third", {.services = {{"S", {"m", "n"}}}, .capacity = 2});
    REQUIRE(third.in_flight() == 1);
    CHECK(third.call().method == "S.n");
}

TEST_CASE("a method whose last worker went is kept for the restart grace, while its service is there") {
    BrokerBench bench;
    registered(bench, "old", {.services = {{"S", m}}});
    auto& young = registered(bench, "young", {.services = {{"S", {"m", "n"}}}});
    young.closes();
    auto& client = bench.client("c");
    client.request(1, "S.n");

    SECTION("and run when it comes back") {
        bench.passes(4s);
        CHECK(registered(bench, "again", {.services = {{"S", {"m", "n"}}}}).call().method == "S.n");
    }
    SECTION("and is UNIMPLEMENTED after that") {
        bench.passes(5s);
        CHECK(code_of(client.answer()) == "UNIMPLEMENTED");
        client.request(2, "S.n");
        CHECK(code_of(client.answer()) == "UNIMPLEMENTED");
    }
    SECTION("or as long as its time allows") {
        client.request(2, "S.n", no_params, {.timeout_ms = 100});
        bench.passes(100ms);
        CHECK(client.answer().message() ==
              "the call's time ran out in the broker's queue: no worker has method S.n just now");
    }
}

TEST_CASE("calls wait in the right place whatever happens to the workers meanwhile") {
    BrokerBench bench;
    auto& blocked = registered(bench, "blocked", {.services = {{"S", {"m", "n"}}}, .capacity = 0});
    auto& client = bench.client("c");
    flood(client, 0, 2, "S.m");
    flood(client, 10, 2, "S.n");
    auto& only_n = registered(bench, "only n", {.services = {{"S", {"n"}}}, .capacity = 1});
    CHECK(only_n.call().method == "S.n");
    auto& only_m = registered(bench, "only m", {.services = {{"S", {"m"}}}, .capacity = 1});
    CHECK(only_m.call().method == "S.m");
    blocked.closes();
    only_n.closes();
    auto& both = registered(bench, "both", {.services = {{"S", {"m", "n"}}}, .capacity = 10});
    CHECK(both.calls().size() == 2);
    CHECK(code_of(client.answer()) == "UNAVAILABLE");
}

// ---- loss

TEST_CASE("a call whose worker is lost gets UNAVAILABLE, as it may have run") {
    BrokerBench bench;
    auto& worker = registered(bench, "w");
    registered(bench, "other");
    auto& client = bench.client("c");
    client.request(1, "S.m");
    worker.closes();
    const auto answer = client.answer();
    CHECK(code_of(answer) == "UNAVAILABLE");
    CHECK(ran_of(answer) == "maybe");
    CHECK(answer.message() == "worker " + worker.worker_id() + " was lost with the call: its connection closed");
}

TEST_CASE("calls that never left the broker go to other workers") {
    BrokerBench bench;
    auto& worker = registered(bench, "w");
    auto& client = bench.client("c");
    flood(client, 1, 3);
    worker.closes();
    CHECK(client.answer().msgid == 1);
    auto& other = registered(bench, "other", {.capacity = 5});
    CHECK(other.calls().size() == 2);
}

TEST_CASE("an idempotent call runs once more, first of all, and no more than once") {
    BrokerBench bench;
    auto& client = bench.client("c");
    const bool by_caller = GENERATE(true, false);
    auto& first = registered(bench, "first", {.idempotent = !by_caller});
    RequestOptions options;
    if (by_caller) options.idempotent = true;
    client.request(1, "S.m", {"again"}, options);
    client.request(2, "S.m", {"later"}, options);
    first.closes();
    CHECK(client.heard_nothing());
    auto& second = registered(bench, "second", {.idempotent = !by_caller});
    CHECK(second.call().params == json::array({"again"}));
    CHECK(bench.count(Counter::calls_rerun) == 1);
    second.closes();
    const auto answer = client.answer();
    CHECK(answer.msgid == 1);
    CHECK(code_of(answer) == "UNAVAILABLE");
    CHECK(ran_of(answer) == "maybe");
}

TEST_CASE("the caller's word on whether a call is idempotent counts for more than the registration's") {
    BrokerBench bench;
    auto& worker = registered(bench, "w", {.idempotent = true});
    registered(bench, "other", {.idempotent = true});
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.idempotent = false});
    worker.closes();
    CHECK(code_of(client.answer()) == "UNAVAILABLE");
}

TEST_CASE("a call that waited for its service is idempotent if the registration says so") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.request(1, "S.m");
    auto& worker = registered(bench, "w", {.idempotent = true});
    CHECK(worker.calls().size() == 1);
    worker.closes();
    CHECK(registered(bench, "other", {.idempotent = true}).calls().size() == 1);
    CHECK(client.heard_nothing());
}

TEST_CASE("an idempotent call that was lost says so, whatever ends it after that") {
    BrokerBench bench;
    auto& worker = registered(bench, "w", {.idempotent = true});
    auto& client = bench.client("c");
    client.request(1, "S.m");

    SECTION("no worker for it comes back") {
        worker.closes();
        bench.passes(5s);
    }
    SECTION("its time runs out") {
        client.request(2, "S.m", no_params, {.timeout_ms = 100});
        client.cancel(1);
        client.answer();
        worker.answers(worker.call(), nullptr);
        worker.closes();
        bench.passes(100ms);
    }
    SECTION("its method does not come back") {
        worker.closes();
        registered(bench, "other", {.services = {{"S", {"other"}}}});
        bench.passes(5s);
    }
    SECTION("the broker shuts down") {
        worker.closes();
        bench.end_all();
    }
    CHECK(ran_of(client.answer()) == "maybe");
}

TEST_CASE("a stream is not run again") {
    BrokerBench bench;
    auto& worker = registered(bench, "w", {.idempotent = true});
    registered(bench, "other", {.idempotent = true});
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.stream = 10});
    worker.closes();
    CHECK(code_of(client.answer()) == "UNAVAILABLE");
}

// ---- keys

TEST_CASE("calls with the same key go to the same worker, those with others elsewhere, too") {
    BrokerBench bench;
    for (int i = 0; i < 4; ++i) registered(bench, "w" + std::to_string(i), {.capacity = 1000});
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
    registered(bench, "a");
    registered(bench, "b");
    const auto [chosen, other] = chosen_first(bench, "k");
    auto& client = bench.client("c");
    client.request(1, "S.m", {"first"}, {.key = "k"});
    client.request(2, "S.m", {"second"}, {.key = "k"});
    client.request(3, "S.m", {"free"});
    CHECK(other->call().params == json::array({"free"}));
    const auto first = chosen->call();
    CHECK(first.params == json::array({"first"}));
    chosen->answers(first, nullptr);
    CHECK(chosen->call().params == json::array({"second"}));
}

TEST_CASE("waiting calls move with their key when its worker goes") {
    BrokerBench bench;
    registered(bench, "a");
    registered(bench, "b");
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
    auto& first = registered(bench, "first", {.capacity = 0});
    auto& client = bench.client("c");
    constexpr std::uint32_t keys = 200;
    for (std::uint32_t i = 0; i < keys; ++i) {
        const auto key = std::to_string(i);
        client.request(i, "S.m", no_params, {.key = key});
    }
    auto& second = registered(bench, "second", {.capacity = keys});
    CHECK(second.in_flight() == Approx(keys / 2.0).epsilon(0.2));
    first.heartbeat(keys);
    CHECK(first.in_flight() + second.in_flight() == keys);
}

TEST_CASE("a keyed call waits for its service like others, and then goes by its key") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.key = "k"});
    auto& worker = registered(bench, "w");
    CHECK(worker.calls().size() == 1);
}

TEST_CASE("keyed calls find their method's workers when those change") {
    BrokerBench bench;
    registered(bench, "old", {.services = {{"S", m}}, .capacity = 0});
    auto& client = bench.client("c");
    for (std::uint32_t i = 0; i < 20; ++i) {
        const auto key = std::to_string(i);
        client.request(i, "S.m", no_params, {.key = key});
    }
    auto& young = registered(bench, "young", {.services = {{"S", {"m", "n"}}}, .capacity = 20});
    const auto moved = young.in_flight();
    CHECK(moved > 0);
    CHECK(moved < 20);
    bench.workers()[0]->closes();
    CHECK(young.in_flight() == 20);
}

// ---- a worker by its id

TEST_CASE("a call for one worker goes there and nowhere else") {
    BrokerBench bench;
    auto& a = registered(bench, "a");
    auto& b = registered(bench, "b");
    auto& client = bench.client("c");
    flood(client, 0, 2, "S.m", {.worker = b.worker_id()});
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
        CHECK(code_of(answer) == "UNAVAILABLE");
        CHECK(ran_of(answer) == "no");
        CHECK(answer.message() == "the worker that the call asked for is gone");
    }
    SECTION("and is not run again elsewhere when it is lost") {
        client.request(5, "S.m", no_params, {.idempotent = true, .worker = a.worker_id()});
        CHECK(a.calls().size() == 1);
        a.closes();
        const auto answer = client.answer();
        CHECK(code_of(answer) == "UNAVAILABLE");
        CHECK(ran_of(answer) == "maybe");
        CHECK(bench.count(Counter::calls_rerun) == 0);
    }
    CHECK(a.calls().empty());
}

TEST_CASE("a worker that is not there is NOT_FOUND") {
    BrokerBench bench;
    auto& worker = registered(bench, "w");
    auto& leaving = registered(bench, "leaving");
    leaving.leaves();
    auto& client = bench.client("c");
    std::uint32_t msgid = 0;
    const auto almost = worker.worker_id() + "0";
    for (const std::string_view id :
         {std::string_view("w"), std::string_view("-"), std::string_view(almost), std::string_view("brok-99"),
          std::string_view(leaving.worker_id()), std::string_view("1"), std::string_view("xxxx-1")}) {
        client.request(++msgid, "S.m", no_params, {.worker = id});
        const auto answer = client.answer();
        CHECK(code_of(answer) == "NOT_FOUND");
        CHECK(answer.message() == "worker " + std::string(id) + " is not there (rpc.workers lists those that are)");
    }
    CHECK(worker.calls().empty());
}

TEST_CASE("a worker that has not the method is no place for the call, and says so") {
    BrokerBench bench;
    auto& worker = registered(bench, "w");
    registered(bench, "other", {.services = {{"S", {"n"}}, {"T", m}}});
    auto& client = bench.client("c");
    std::uint32_t msgid = 0;
    for (const auto* method : {"S.n", "T.m", "S.none", "Nowhere.m"}) {
        client.request(++msgid, method, no_params, {.worker = worker.worker_id()});
        const auto answer = client.answer();
        CHECK(code_of(answer) == "UNIMPLEMENTED");
        CHECK(answer.message() == "worker " + worker.worker_id() + " has no method " + method);
    }
    CHECK(client.asks("rpc.services").result.size() == 2);
}

// ---- limits

TEST_CASE("a service has a limit of waiting calls") {
    BrokerLimits limits;
    limits.max_queued = 3;
    BrokerBench bench(limits);
    auto& worker = registered(bench, "w", {.services = {{"S", m}, {"T", m}}});
    auto& client = bench.client("c");
    flood(client, 0, 5);
    const auto answer = client.answer();
    CHECK(answer.msgid == 4);
    CHECK(code_of(answer) == "RESOURCE_EXHAUSTED");
    CHECK(ran_of(answer) == "no");
    CHECK(answer.message() == "service S: 3 calls wait already (--max-queued)");
    CHECK(bench.count(Counter::calls_refused) == 1);
    client.request(10, "T.m");
    CHECK(client.heard_nothing());
    worker.answers(worker.call(), nullptr);
    client.answer();
    flood(client, 20, 1);
    flood(client, 30, 1);
    CHECK(client.waits_for() >= 4);
}

TEST_CASE("calls that find room at once are not refused because others wait") {
    BrokerLimits limits;
    limits.max_queued = 1;
    BrokerBench bench(limits);
    auto& busy = registered(bench, "busy");
    auto& client = bench.client("c");
    flood(client, 0, 2, "S.m", {.worker = busy.worker_id()});
    auto& idle = registered(bench, "idle", {.services = {{"S", {"m", "n"}}}, .capacity = 5});
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
    auto& worker = registered(bench, "w");
    auto& client = bench.client("c");
    const auto large = json::array({std::string(4'000, 'x')});
    for (std::uint32_t i = 0; i < 4; ++i) client.request(i, "S.m", large);
    const auto answer = client.answer();
    CHECK(answer.msgid == 3);
    CHECK(code_of(answer) == "RESOURCE_EXHAUSTED");
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
    auto& worker = registered(bench, "w", {.capacity = 2});
    auto& client = bench.client("c");
    client.request(1, "S.m", {std::string(1'000, 'x')});
    client.request(2, "S.m", {std::string(1'000, 'x')}, {.key = "k"});
    CHECK(worker.calls().size() == 2);
    client.request(3, "S.m", {std::string(1'000, 'x')}, {.key = "k"});
    CHECK(code_of(client.answer()) == "RESOURCE_EXHAUSTED");
}

TEST_CASE("a limit of no waiting calls leaves nothing behind") {
    BrokerLimits limits;
    limits.max_queued = 0;
    BrokerBench bench(limits);
    auto& client = bench.client("c");
    client.request(1, "Nowhere.m");
    CHECK(code_of(client.answer()) == "RESOURCE_EXHAUSTED");
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

// ---- large bodies

TEST_CASE("a large body goes through whole, there and back") {
    BrokerBench bench;
    auto& worker = registered(bench, "w", {.capacity = 10});
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
    auto& worker = registered(bench, "w", {.idempotent = true});
    const auto call = worker.call();
    CHECK(call.params == json::array({large}));
    CHECK(call.options["timeout"] == 600);
    worker.answers(call, 1);
    CHECK(client.answer().msgid == 1);
}

TEST_CASE("a large body of an idempotent call can be run again, whole") {
    BrokerBench bench;
    auto& worker = registered(bench, "w", {.idempotent = true});
    auto& client = bench.client("c");
    const std::string large(200'000, 'x');
    client.request(1, "S.m", {large});
    worker.closes();
    CHECK(registered(bench, "other").call().params == json::array({large}));
}

TEST_CASE("a large body whose msgid is in another form is copied, one that is not alone as well") {
    BrokerBench bench;
    auto& worker = registered(bench, "w", {.capacity = 10});
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
    auto& worker = registered(bench, "w");
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
