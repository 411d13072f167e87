// Sessions and time: who is there, since when, and who is given up. Of broker_core.cpp.
#include <catch2/catch.hpp>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

const json with_heartbeat{{"heartbeat", true}};

// ---- clients

TEST_CASE("a client that never says hello is served") {
    BrokerBench bench;
    CHECK(bench.client("c").asks("rpc.ping").result == "pong");
}

TEST_CASE("a heartbeat is answered with the broker's id, or with hello_again where there was no hello") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.heartbeat();
    CHECK(client.notified() == std::vector<std::string>{"rpc.hello_again"});
    client.hello();
    client.heartbeat();
    const auto beats = client.notifications();
    REQUIRE(beats.size() == 1);
    CHECK(beats[0].method == "rpc.heartbeat");
    CHECK(beats[0].params == json::array({"broker-1"}));
}

TEST_CASE("a client with calls in flight is lost after three silent heartbeats, and its calls with it") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers();
    auto& client = bench.client("c");
    client.hello(with_heartbeat);
    client.request(1, "S.m");
    client.request(2, "S.m");
    const auto running = worker.call();
    bench.passes(1499ms);
    CHECK(bench.core().calls_in_system() == 2);
    bench.passes(1ms);
    CHECK(bench.core().idle());
    CHECK(bench.count(Counter::clients_lost) == 1);
    CHECK(bench.count(Counter::calls_orphaned) == 2);
    CHECK(worker.notified() == std::vector<std::string>{"rpc.cancel"});
    worker.answers(running, 1);
    CHECK(worker.heard_nothing());
    CHECK(client.heard_nothing());
}

TEST_CASE("a client that was given up and speaks again is told to say hello again") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.hello(with_heartbeat);
    client.request(1, "Nowhere.m", no_params);
    bench.passes(900ms);
    client.request(2, "Nowhere.m", no_params);
    bench.stalls(0ms);
    bench.worker("w").registers({.services = {{"Nowhere", {"m"}}}, .capacity = 0});
    bench.passes(1500ms);
    CHECK(bench.count(Counter::clients_lost) == 1);
    client.heartbeat();
    CHECK(client.notified() == std::vector<std::string>{"rpc.hello_again"});
}

TEST_CASE("a client that beats is not lost, however long its calls take") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers();
    auto& client = bench.client("c");
    client.hello(with_heartbeat);
    client.keeps_beating();
    client.request(1, "S.m");
    bench.passes(20s);
    worker.answers(worker.call(), "ok");
    CHECK(client.answer().result == "ok");
}

TEST_CASE("silence is no loss where no heartbeats are expected") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers({.capacity = 10});
    auto& client = bench.client("c");

    SECTION("the client never asked for them") { client.request(1, "S.m"); }
    SECTION("it asked, and then said hello without") {
        client.hello(with_heartbeat);
        client.request(1, "S.m");
        client.hello();
    }
    SECTION("it has no calls in flight any more") {
        client.hello(with_heartbeat);
        client.request(1, "S.m");
        worker.answers(worker.call(), 1);
    }
    SECTION("it waits for nothing, its one-way calls being nobody's to wait for") {
        client.hello(with_heartbeat);
        client.notify("S.m");
    }
    bench.passes(20s);
    CHECK(bench.count(Counter::clients_lost) == 0);
    client.heartbeat();
    CHECK(bench.count(Counter::calls_orphaned) == 0);
}

TEST_CASE("silence counts from the last word, and from the first call on") {
    BrokerBench bench;
    bench.worker("w").registers({.capacity = 10});
    auto& client = bench.client("c");
    client.hello(with_heartbeat);
    bench.passes(10s);
    client.request(1, "S.m");
    bench.passes(1400ms);
    client.asks("rpc.ping");
    bench.passes(1499ms);
    CHECK(bench.count(Counter::clients_lost) == 0);
    bench.passes(1ms);
    CHECK(bench.count(Counter::clients_lost) == 1);
}

TEST_CASE("heartbeats may be asked for while calls are in flight") {
    BrokerBench bench;
    bench.worker("w").registers();
    auto& client = bench.client("c");
    client.request(1, "S.m");
    bench.passes(10s);
    client.hello(with_heartbeat);
    bench.passes(1499ms);
    CHECK(bench.count(Counter::clients_lost) == 0);
    bench.passes(1ms);
    CHECK(bench.count(Counter::clients_lost) == 1);
}

TEST_CASE("a client that closes its connection takes its calls with it") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers();
    auto& client = bench.client("c");
    client.request(1, "S.m");
    client.request(2, "S.m");
    client.closes();
    CHECK(bench.core().idle());
    CHECK(bench.count(Counter::calls_orphaned) == 2);
    CHECK(worker.notified() == std::vector<std::string>{"rpc.cancel"});
    auto& next = bench.client("next");
    next.request(1, "S.m");
    worker.answers(worker.call(), "of the client that is gone");
    CHECK(next.heard_nothing());
    worker.answers(worker.call(), "mine");
    CHECK(next.answer().result == "mine");
}

TEST_CASE("a connection that closes and was never heard of is nobody's loss") {
    BrokerBench bench;
    bench.client("c").closes();
    bench.worker("w").closes();
    CHECK(bench.count(Counter::workers_lost) == 0);
}

TEST_CASE("a body is taken in shares, each from where the last one ended") {
    BrokerBench bench;
    bench.worker("w").registers();
    auto& client = bench.client("c");
    std::string requests;
    for (std::uint32_t msgid = 1; msgid <= 5; ++msgid) append_request(requests, msgid, "S.m", pack(no_params));
    const auto one = requests.size() / 5;
    Body body(requests);
    auto& core = bench.core();
    CHECK(core.on_frontend(client.id(), {}, body, bench.now(), {0, 2}) == 2 * one);
    CHECK(core.calls_in_system() == 2);
    CHECK(core.on_frontend(client.id(), {}, body, bench.now(), {2 * one, 2}) == 4 * one);
    CHECK(core.calls_in_system() == 4);
    CHECK(core.on_frontend(client.id(), {}, body, bench.now(), {4 * one, 2}) == 0);
    CHECK(core.calls_in_system() == 5);

    Body exact(requests);
    CHECK(core.on_frontend(client.id(), {}, exact, bench.now(), {0, 5}) == 0);
    Body broken(requests + "\xc1");
    CHECK(core.on_frontend(client.id(), {}, broken, bench.now(), {0, 5}) == 5 * one);
    CHECK(core.on_frontend(client.id(), {}, broken, bench.now(), {5 * one, 5}) == 0);
    CHECK(bench.count(Counter::malformed_bodies) == 1);
}

TEST_CASE("what is left of a body is no body of its own, however large its message is") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers();
    auto& client = bench.client("c");
    std::string requests;
    append_request(requests, 1, "S.m", pack(no_params));
    const auto first = requests.size();
    std::string large;
    Packer{large}.array(1).string(std::string(BrokerCore::large_body * 2, 'x'));
    append_request(requests, 2, "S.m", large);
    Body body(requests);
    CHECK(bench.core().on_frontend(client.id(), {}, body, bench.now(), {0, 1}) == first);
    CHECK(bench.core().on_frontend(client.id(), {}, body, bench.now(), {first, 1}) == 0);
    CHECK(body.size() == requests.size());
    CHECK(bench.core().calls_in_system() == 2);
}

TEST_CASE("a later connection in the same place ends the earlier one, should its end have been missed") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers();
    auto& client = bench.client("c");
    client.request(1, "S.m");
    std::string request;
    append_request(request, 1, "rpc.ping", pack(no_params));
    Body body(request);
    bench.core().on_frontend({client.id().slot, client.id().generation + 1}, {}, body, bench.now());
    CHECK(bench.core().idle());
    CHECK(bench.count(Counter::calls_orphaned) == 1);

    std::string registration;
    append_request(registration, 1, "rpc.register", pack(Offer{}.params("next")));
    Body again(registration);
    bench.core().on_backend({worker.id().slot, worker.id().generation + 1}, {}, again, bench.now());
    CHECK(bench.count(Counter::workers_lost) == 1);
}

// ---- workers

TEST_CASE("a worker that asked for heartbeats is lost after three silent ones") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers({.heartbeat = true});
    auto& client = bench.client("c");
    client.request(1, "S.m");
    bench.passes(1499ms);
    CHECK(client.heard_nothing());
    bench.passes(1ms);
    const auto answer = client.answer();
    CHECK(answer.code() == "UNAVAILABLE");
    CHECK(answer.error["ran"] == "maybe");
    CHECK(answer.message() == "worker " + worker.worker_id() + " was lost with the call: silent for three heartbeats");
    CHECK(bench.count(Counter::workers_lost) == 1);
}

TEST_CASE("a worker that was given up is not sent what waits for it") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers({.heartbeat = true});
    worker.reads(false);
    auto& client = bench.client("c");
    client.request(1, "S.m");
    bench.passes(1500ms);
    CHECK(client.heard_nothing());
    CHECK(bench.core().calls_in_system() == 1);  // it waits for another worker
    worker.reads(true);
    CHECK(worker.heard_nothing());
    CHECK(bench.count(Counter::undeliverable_messages) == 2);  // heartbeats
    worker.heartbeat();
    CHECK(worker.notified() == std::vector<std::string>{"rpc.register_again"});
}

TEST_CASE("anything that a worker sends is a sign of life") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers({.heartbeat = true});
    for (int i = 0; i < 10; ++i) {
        bench.passes(1400ms);
        if (i % 2 == 0)
            worker.tells("rpc.return", json::array({json::array()}));
        else
            worker.answers(12345, nullptr);
    }
    CHECK(bench.count(Counter::workers_lost) == 0);
    bench.passes(1500ms);
    CHECK(bench.count(Counter::workers_lost) == 1);
}

TEST_CASE("a worker whose handler runs for an hour is not lost while it beats") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers({.heartbeat = true});
    worker.keeps_beating();
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.timeout_ms = 2 * 3'600'000});
    bench.passes(1h);
    worker.answers(worker.call(), "at last");
    CHECK(client.answer().result == "at last");
}

TEST_CASE("a worker that asked for heartbeats gets one every period, the others none") {
    BrokerBench bench;
    auto& beating = bench.worker("beating");
    beating.registers({.heartbeat = true});
    beating.keeps_beating();
    auto& quiet = bench.worker("quiet");
    quiet.registers();
    bench.passes(5s);
    const auto beats = beating.notifications();
    CHECK(beats.size() == 10);
    for (const auto& beat : beats) {
        CHECK(beat.method == "rpc.heartbeat");
        CHECK(beat.params == json::array({json::object()}));
    }
    CHECK(quiet.heard_nothing());
    CHECK(bench.count(Counter::workers_lost) == 0);
    beating.registers({.heartbeat = false});
    beating.keeps_beating(false);
    bench.passes(5s);
    CHECK(beating.heard_nothing());
    CHECK(bench.count(Counter::workers_lost) == 0);
}

TEST_CASE("a worker that was given up and speaks again is told to register again, and its answers do not count") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers({.heartbeat = true});
    auto& client = bench.client("c");
    client.request(1, "S.m");
    bench.passes(1500ms);
    CHECK(client.answer().code() == "UNAVAILABLE");
    worker.notifications();
    worker.answers(worker.call(), "late");
    CHECK(worker.notified() == std::vector<std::string>{"rpc.register_again"});
    CHECK(client.heard_nothing());
    CHECK(bench.count(Counter::late_responses) == 1);
    const auto before = worker.worker_id();
    worker.registers({.heartbeat = true});
    CHECK(worker.worker_id() != before);
    client.request(2, "S.m");
    worker.answers(worker.call(), "fresh");
    CHECK(client.answer().result == "fresh");
}

TEST_CASE("a worker that left is no loss when it goes; one that left with calls is") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers();
    auto& client = bench.client("c");
    client.request(1, "S.m");
    worker.leaves();

    SECTION("done") {
        worker.answers(worker.call(), 1);
        worker.closes();
        CHECK(bench.count(Counter::workers_left) == 1);
        CHECK(bench.count(Counter::workers_lost) == 0);
        CHECK(bench.notices().back() == "worker left");
    }
    SECTION("not done") {
        worker.closes();
        CHECK(bench.count(Counter::workers_lost) == 1);
        CHECK(client.answer().code() == "UNAVAILABLE");
        CHECK(bench.notices().back() == "worker lost");
    }
}

TEST_CASE("abandoned calls go with their worker, and nobody hears of them again") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers();
    auto& client = bench.client("c");
    client.request(1, "S.m");
    client.cancel(1);
    client.answer();
    worker.closes();
    CHECK(client.heard_nothing());
    CHECK(client.asks("rpc.stats").result["places_taken"] == 0);
}

// ---- stalls

TEST_CASE("time in which the broker did not run is nobody's silence") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers({.heartbeat = true});
    auto& client = bench.client("c");
    bench.worker("other").registers({.services = {{"T", {"m"}}}});
    client.hello(with_heartbeat);
    client.request(1, "T.m", no_params, {.timeout_ms = 1'000'000});
    bench.passes(400ms);
    bench.stalls(10min);
    bench.turn();
    CHECK(bench.count(Counter::workers_lost) == 0);
    CHECK(bench.count(Counter::clients_lost) == 0);
    bench.passes(500ms);
    CHECK(bench.count(Counter::workers_lost) == 0);
    CHECK(bench.count(Counter::clients_lost) == 0);
    bench.passes(1s);
    CHECK(bench.count(Counter::workers_lost) == 1);
    CHECK(bench.count(Counter::clients_lost) == 1);
}

TEST_CASE("an hour of short stalls loses nobody who beats in between") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers({.heartbeat = true});
    for (int i = 0; i < 100; ++i) {
        bench.stalls(36s);
        bench.turn();
        bench.passes(900ms);
        worker.heartbeat();
    }
    CHECK(bench.count(Counter::workers_lost) == 0);
}

TEST_CASE("nobody is given up before all that came was handed in") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers({.heartbeat = true});
    auto& client = bench.client("c");
    bench.worker("other").registers({.services = {{"T", {"m"}}}});
    client.hello(with_heartbeat);
    client.request(1, "T.m");
    const auto until = bench.now() + 3s;
    while (bench.now() < until) {
        bench.stalls(std::max<Duration>(*bench.core().next_deadline() - bench.now(), 1ms));
        bench.turn(false);
    }
    CHECK(bench.count(Counter::workers_lost) == 0);
    CHECK(bench.count(Counter::clients_lost) == 0);

    SECTION("what was in the sockets came") {
        worker.heartbeat();
        client.heartbeat();
        bench.turn();
        CHECK(bench.count(Counter::workers_lost) == 0);
        CHECK(bench.count(Counter::clients_lost) == 0);
    }
    SECTION("nothing was") {
        bench.passes(2ms);
        CHECK(bench.count(Counter::workers_lost) == 1);
        CHECK(bench.count(Counter::clients_lost) == 1);
    }
}

TEST_CASE("deadlines hold whatever was handed in") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.timeout_ms = 10});
    bench.stalls(10ms);
    bench.turn(false);
    CHECK(client.answer().code() == "DEADLINE_EXCEEDED");
}

TEST_CASE("the broker asks for no time when there is nothing to wait for") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers();
    auto& client = bench.client("c");
    client.hello(with_heartbeat);
    CHECK_FALSE(bench.core().next_deadline());
    client.request(1, "S.m");
    CHECK(bench.core().next_deadline());
    worker.answers(worker.call(), 1);
    bench.passes(500ms);
    CHECK_FALSE(bench.core().next_deadline());
}

TEST_CASE("a clock that seems to go back is taken as standing still") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.timeout_ms = 100});
    bench.passes(50ms);
    bench.stalls(-40ms);
    bench.turn();
    bench.stalls(90ms);
    bench.turn();
    CHECK(client.answer().code() == "DEADLINE_EXCEEDED");
}

// ---- the end

TEST_CASE("a broker that drains tells those who said hello, takes nothing new, and lets what is there end") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers();
    auto& client = bench.client("c");
    client.hello();
    auto& stranger = bench.client("stranger");
    client.request(1, "S.m");
    stranger.request(1, "S.m");
    bench.begin_drain();
    bench.begin_drain();
    CHECK(bench.core().draining());
    CHECK(client.notified() == std::vector<std::string>{"rpc.goaway"});
    CHECK(stranger.heard_nothing());

    client.request(2, "S.m");
    const auto refused = client.answer();
    CHECK(refused.code() == "UNAVAILABLE");
    CHECK(refused.error["ran"] == "no");
    CHECK(refused.message() == "the broker is shutting down; try another one, or again later");
    CHECK(client.asks("rpc.ping").result == "pong");
    const auto registration = bench.worker("new").tries_to_register(Offer{}.params("new"));
    CHECK(registration.code() == "UNAVAILABLE");

    CHECK_FALSE(bench.core().idle());
    worker.answers(worker.call(), "first");
    worker.answers(worker.call(), "second");
    CHECK(client.answer().result == "first");
    CHECK(stranger.answer().result == "second");
    CHECK(bench.core().idle());
}

TEST_CASE("a client that says hello while the broker drains is told at once") {
    BrokerBench bench;
    bench.begin_drain();
    auto& client = bench.client("c");
    client.hello();
    CHECK(client.notified() == std::vector<std::string>{"rpc.goaway"});
}

TEST_CASE("in the end every call is answered") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    worker.registers();
    auto& client = bench.client("c");
    client.request(1, "S.m");
    client.request(2, "S.m");
    client.request(3, "Nowhere.m");
    client.request(4, "S.m", no_params, {.worker = worker.worker_id()});
    client.notify("S.m");
    client.request(5, "S.m");
    client.cancel(5);
    client.answer();
    bench.begin_drain();
    bench.end_all();
    CHECK(bench.core().idle());
    CHECK(client.waits_for() == 0);
    for (const auto& answer : client.answers()) {
        CHECK(answer.code() == "UNAVAILABLE");
        CHECK(answer.message() == "the broker is shutting down; try another one, or again later");
        CHECK(answer.error["ran"] == (answer.msgid == 1 ? "maybe" : "no"));
    }
    CHECK(worker.notified() == std::vector<std::string>{"rpc.cancel"});
    CHECK(bench.count(Counter::one_way_failed) == 1);
}

// ---- notices

TEST_CASE("notices are bounded, and say how many were left out") {
    BrokerBench bench;
    auto& client = bench.client("c");
    for (int i = 0; i < 100; ++i) client.sends("\xc1");
    auto notices = bench.core().take_notices();
    REQUIRE(notices.size() == 65);
    CHECK(notices.back().text == "notices left out");
    CHECK(notices.back().fields[0].second == "36");
    CHECK(bench.core().take_notices().empty());
}

TEST_CASE("a broker has an id, which its workers' ids start with") {
    BrokerBench bench({}, "abcdef");
    auto& worker = bench.worker("w");
    worker.registers();
    CHECK(bench.core().id() == "abcdef");
    CHECK(worker.worker_id() == "abcd-1");
}

}  // namespace
}  // namespace rpcbroker::test
