// Calls whose service, method or worker is not there, or not any more.
#include <catch2/catch.hpp>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

const std::vector<std::string> m{"m"};

// ---- services that are not there

TEST_CASE("a call to a service that nobody has registered waits for it for the grace") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.request(1, "S.m", {"early"});
    bench.passes(999ms);
    CHECK(client.heard_nothing());

    SECTION("and is run when it comes") {
        auto& worker = bench.worker("w", Offer{});
        CHECK(worker.call().params == json::array({"early"}));
    }
    SECTION("and gets NOT_FOUND when it does not") {
        bench.passes(1ms);
        const auto answer = client.answer();
        CHECK(answer.code() == "NOT_FOUND");
        CHECK(answer.ran() == "no");
        CHECK(answer.message() == "nobody registered service S (rpc.services lists those that are there)");
    }
    SECTION("and keeps its own deadline once it is registered, the grace being over") {
        bench.worker("w", {.capacity = 0});
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
    CHECK(answer.code() == "DEADLINE_EXCEEDED");
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
    auto& worker = bench.worker("w", Offer{});
    auto& client = bench.client("c");
    worker.closes();
    bench.passes(2s);
    client.request(1, "S.m", {"kept"});
    bench.passes(2999ms);
    CHECK(client.heard_nothing());

    SECTION("and run when a worker comes back") {
        CHECK(bench.worker("again", Offer{}).call().params == json::array({"kept"}));
    }
    SECTION("and get UNAVAILABLE when none does") {
        bench.passes(1ms);
        const auto answer = client.answer();
        CHECK(answer.code() == "UNAVAILABLE");
        CHECK(answer.ran() == "no");
        CHECK(answer.message() == "service S had workers and has none");
        client.request(2, "S.m");
        CHECK(client.answer().code() == "UNAVAILABLE");
    }
}

TEST_CASE("the restart grace is for calls that waited before the last worker went, too") {
    BrokerBench bench;
    auto& worker = bench.worker("w", {.capacity = 0});
    auto& client = bench.client("c");
    client.request(1, "S.m");
    bench.passes(3s);
    worker.closes();
    bench.passes(4999ms);
    CHECK(client.heard_nothing());
    bench.passes(1ms);
    CHECK(client.answer().code() == "UNAVAILABLE");
}

TEST_CASE("a deadline within the restart grace comes first") {
    BrokerBench bench;
    bench.worker("w", Offer{}).closes();
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.timeout_ms = 200});
    bench.passes(200ms);
    const auto answer = client.answer();
    CHECK(answer.code() == "DEADLINE_EXCEEDED");
    CHECK(answer.message() == "the call's time ran out in the broker's queue: service S has no worker just now");
}

TEST_CASE("a worker with capacity 0 counts as present") {
    BrokerBench bench;
    auto& worker = bench.worker("w", {.capacity = 0});
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
        auto& worker = bench.worker("w", {.capacity = 2});
        for (int i = 0; i < 5; ++i) client.request(++msgid, "S.m");
        worker.leaves();
        CHECK(worker.notified() == std::vector<std::string>{"rpc.left"});
        for (const auto& call : worker.calls()) worker.answers(call, "ok");
        worker.closes();
        bench.passes(1s);
    }
    auto& last = bench.worker("last", {.capacity = 100});
    for (const auto& call : last.calls()) last.answers(call, "ok");
    const auto answers = client.answers();
    CHECK(answers.size() == msgid);
    for (const auto& answer : answers) CHECK(answer.error.is_null());
}

// ---- methods that are not there

TEST_CASE("a method that nobody registered is UNIMPLEMENTED at once, while its service is there") {
    BrokerBench bench;
    bench.worker("w", Offer{});
    auto& client = bench.client("c");
    client.request(1, "S.other");
    const auto answer = client.answer();
    CHECK(answer.code() == "UNIMPLEMENTED");
    CHECK(answer.ran() == "no");
    CHECK(answer.message() == "service S has no method other (rpc.services lists what it has)");
}

TEST_CASE("a call that waited for its service learns that the method is not there") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.request(1, "S.other");
    bench.worker("w", Offer{});
    CHECK(client.answer().code() == "UNIMPLEMENTED");
}

TEST_CASE("a call goes only to workers that registered its method") {
    BrokerBench bench;
    auto& old = bench.worker("old", {.services = {{"S", m}}, .capacity = 10});
    auto& young = bench.worker("young", {.services = {{"S", {"m", "n"}}}, .capacity = 2});
    auto& client = bench.client("c");
    client.requests(0, 5, "S.n");
    CHECK(young.in_flight() == 2);
    CHECK(old.in_flight() == 0);
    client.requests(10, 5, "S.m");
    CHECK(old.in_flight() == 5);
    // What waits for the young one goes there, and nothing else is held up by it.
    for (const auto& call : young.calls()) young.answers(call, nullptr);
    for (const auto& call : young.calls()) CHECK(call.method == "S.n");
    auto& third = bench.worker("third", {.services = {{"S", {"m", "n"}}}, .capacity = 2});
    REQUIRE(third.in_flight() == 1);
    CHECK(third.call().method == "S.n");
}

TEST_CASE("a method whose last worker went is kept for the restart grace, while its service is there") {
    BrokerBench bench;
    bench.worker("old", {.services = {{"S", m}}});
    auto& young = bench.worker("young", {.services = {{"S", {"m", "n"}}}});
    young.closes();
    auto& client = bench.client("c");
    client.request(1, "S.n");

    SECTION("and run when it comes back") {
        bench.passes(4s);
        CHECK(bench.worker("again", {.services = {{"S", {"m", "n"}}}}).call().method == "S.n");
    }
    SECTION("and is UNIMPLEMENTED after that") {
        bench.passes(5s);
        CHECK(client.answer().code() == "UNIMPLEMENTED");
        client.request(2, "S.n");
        CHECK(client.answer().code() == "UNIMPLEMENTED");
    }
    SECTION("or as long as its time allows") {
        client.request(2, "S.n", no_params, {.timeout_ms = 100});
        bench.passes(100ms);
        CHECK(client.answer().message() ==
              "the call's time ran out in the broker's queue: no worker has method S.n just now");
    }
}

TEST_CASE("that grace is for calls that waited before the method's last worker went, too") {
    BrokerBench bench;
    bench.worker("old", {.services = {{"S", m}}});
    auto& young = bench.worker("young", {.services = {{"S", {"m", "n"}}}, .capacity = 0});
    auto& client = bench.client("c");
    client.request(1, "S.n");
    bench.passes(3s);
    young.closes();
    bench.passes(4999ms);
    CHECK(client.heard_nothing());
    bench.passes(1ms);
    CHECK(client.answer().code() == "UNIMPLEMENTED");
}

TEST_CASE("calls wait in the right place whatever happens to the workers meanwhile") {
    BrokerBench bench;
    auto& blocked = bench.worker("blocked", {.services = {{"S", {"m", "n"}}}, .capacity = 0});
    auto& client = bench.client("c");
    client.requests(0, 2, "S.m");
    client.requests(10, 2, "S.n");
    auto& only_n = bench.worker("only n", {.services = {{"S", {"n"}}}, .capacity = 1});
    CHECK(only_n.call().method == "S.n");
    auto& only_m = bench.worker("only m", {.services = {{"S", {"m"}}}, .capacity = 1});
    CHECK(only_m.call().method == "S.m");
    blocked.closes();
    only_n.closes();
    auto& both = bench.worker("both", {.services = {{"S", {"m", "n"}}}, .capacity = 10});
    CHECK(both.calls().size() == 2);
    CHECK(client.answer().code() == "UNAVAILABLE");
}

// ---- loss

TEST_CASE("a call whose worker is lost gets UNAVAILABLE, as it may have run") {
    BrokerBench bench;
    auto& worker = bench.worker("w", Offer{});
    bench.worker("other", Offer{});
    auto& client = bench.client("c");
    client.request(1, "S.m");
    worker.closes();
    const auto answer = client.answer();
    CHECK(answer.code() == "UNAVAILABLE");
    CHECK(answer.ran() == "maybe");
    CHECK(answer.message() == "worker " + worker.worker_id() + " was lost with the call: its connection closed");
}

TEST_CASE("calls that never left the broker go to other workers") {
    BrokerBench bench;
    auto& worker = bench.worker("w", Offer{});
    auto& client = bench.client("c");
    client.requests(1, 3);
    worker.closes();
    CHECK(client.answer().msgid == 1);
    auto& other = bench.worker("other", {.capacity = 5});
    CHECK(other.calls().size() == 2);
}

TEST_CASE("an idempotent call runs once more, first of all, and no more than once") {
    BrokerBench bench;
    auto& client = bench.client("c");
    const bool by_caller = GENERATE(true, false);
    auto& first = bench.worker("first", {.idempotent = !by_caller});
    RequestOptions options;
    if (by_caller) options.idempotent = true;
    client.request(1, "S.m", {"again"}, options);
    client.request(2, "S.m", {"later"}, options);
    first.closes();
    CHECK(client.heard_nothing());
    auto& second = bench.worker("second", {.idempotent = !by_caller});
    CHECK(second.call().params == json::array({"again"}));
    CHECK(bench.count(Counter::calls_rerun) == 1);
    second.closes();
    const auto answer = client.answer();
    CHECK(answer.msgid == 1);
    CHECK(answer.code() == "UNAVAILABLE");
    CHECK(answer.ran() == "maybe");
}

TEST_CASE("the caller's word on whether a call is idempotent counts for more than the registration's") {
    BrokerBench bench;
    auto& worker = bench.worker("w", {.idempotent = true});
    bench.worker("other", {.idempotent = true});
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.idempotent = false});
    worker.closes();
    CHECK(client.answer().code() == "UNAVAILABLE");
}

TEST_CASE("a call that waited for its service is idempotent if the registration says so") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.request(1, "S.m");
    auto& worker = bench.worker("w", {.idempotent = true});
    CHECK(worker.calls().size() == 1);
    worker.closes();
    CHECK(bench.worker("other", {.idempotent = true}).calls().size() == 1);
    CHECK(client.heard_nothing());
}

TEST_CASE("an idempotent call that was lost says so, whatever ends it after that") {
    BrokerBench bench;
    auto& worker = bench.worker("w", {.idempotent = true});
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
        bench.worker("other", {.services = {{"S", {"other"}}}});
        bench.passes(5s);
    }
    SECTION("the broker shuts down") {
        worker.closes();
        bench.end_all();
    }
    CHECK(client.answer().ran() == "maybe");
}

TEST_CASE("a stream is not run again") {
    BrokerBench bench;
    auto& worker = bench.worker("w", {.idempotent = true});
    bench.worker("other", {.idempotent = true});
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.stream = 10});
    worker.closes();
    CHECK(client.answer().code() == "UNAVAILABLE");
}

}  // namespace
}  // namespace rpcbroker::test
