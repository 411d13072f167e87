#include "worker/worker_core.hpp"

#include <catch2/catch.hpp>

#include "tests/worker/session_harness.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;

namespace {

Texts registering(int number, int capacity = 256) {
    return {"request " + std::to_string(number) +
            R"( rpc.register [{"protocol": 1, "name": "worker-name", "batch": true, "heartbeat": true, "capacity": )" +
            std::to_string(capacity) + R"(, "services": []}])"};
}

}  // namespace

// ---- registering

TEST_CASE("a connected worker registers") {
    SessionHarness harness;
    CHECK(harness.sent().empty());
    harness.session.on_connected(harness.now);
    CHECK(harness.sent() == registering(1));
    CHECK_FALSE(harness.session.registered());
    harness.answer("w7");
    CHECK(harness.session.registered());
    CHECK(harness.events() == Texts{"registered w7"});
    CHECK(harness.sent().empty());
}

TEST_CASE("a refused registration is tried again after a pause that grows") {
    SessionHarness harness;
    harness.session.on_connected(harness.now);
    harness.sent();
    harness.refuse({Code::failed_precondition, "protocol 2, please", By::broker, Ran::no});
    CHECK(harness.events() == Texts{"refused FAILED_PRECONDITION: protocol 2, please"});
    harness.pass(499ms);
    CHECK(harness.sent().empty());
    harness.pass(1ms);
    CHECK(harness.sent() == registering(2));

    harness.refuse({Code::unauthenticated, "who are you?", By::broker, Ran::no});
    harness.pass(999ms);
    CHECK(harness.sent().empty());
    harness.pass(1ms);
    CHECK(harness.sent() == registering(3));
    harness.answer();
    CHECK(harness.session.registered());
}

TEST_CASE("the pause between refused registrations has a limit, and is short again on a new connection") {
    SessionHarness harness;
    const auto pause_after_refusal = [&harness] {
        harness.refuse({Code::unavailable, "no", By::broker, Ran::no});
        const auto pause = *harness.session.next_deadline() - harness.now;
        harness.pass(pause);
        return pause;
    };
    harness.session.on_connected(harness.now);
    for (const auto pause : {500ms, 1000ms, 2000ms, 4000ms, 8000ms, 16000ms, 30000ms, 30000ms}) {
        CHECK(pause_after_refusal() == pause);
    }
    harness.session.on_closed(harness.now);
    harness.session.on_connected(harness.now);
    CHECK(pause_after_refusal() == 500ms);
}

TEST_CASE("an answer that cannot be read counts as a refusal") {
    const auto result = GENERATE(as<std::string>{}, "\xc0", "\x80", "\x81\x01\x02", "\x81\xa6worker\x05");
    SessionHarness harness;
    harness.session.on_connected(harness.now);
    harness.respond(result);
    CHECK(harness.events() == Texts{"refused an answer to rpc.register that cannot be read"});
    harness.pass(500ms);
    CHECK(harness.session.counters().registrations == 2);
}

TEST_CASE("a broker that does not answer is asked again, and complained of once") {
    SessionHarness harness;
    harness.session.on_connected(harness.now);
    harness.sent();
    harness.pass(999ms);
    CHECK(harness.sent().empty());
    CHECK(harness.events().empty());
    harness.pass(1ms);
    CHECK(harness.sent() == registering(2));
    CHECK(harness.events() == Texts{"unreachable no answer to rpc.register"});
    harness.pass(60s);
    CHECK(harness.events().empty());
    harness.answer();
    CHECK(harness.events() == Texts{"registered w1"});
}

TEST_CASE("an answer to an earlier rpc.register does not count") {
    SessionHarness harness;
    harness.session.on_connected(harness.now);
    harness.pass(1s);
    std::string body;
    append_result(body, 1, "\x81\xa6worker\xa2w1");
    harness.receive(body);
    CHECK_FALSE(harness.session.registered());
    CHECK(harness.session.counters().unexpected_messages == 1);
}

TEST_CASE("a call that comes between the answers to two rpc.register is kept, as the broker counts on it") {
    SessionHarness harness;
    harness.session.on_connected(harness.now);
    harness.pass(1s);
    std::string body;
    append_result(body, 1,
                  "\x82\xa6worker\xa2w1\xa6"
                  "broker\xa2"
                  "b1");
    harness.receive(body);
    harness.receive(SessionHarness::request(7));
    CHECK_FALSE(harness.session.next_call(harness.now));
    harness.answer("w1", "b1");
    const auto call = harness.session.next_call(harness.now);
    REQUIRE(call);
    CHECK(call->msgid == 7);
}

TEST_CASE("a call of a registration that the broker has given up is dropped, though its answer came late") {
    SessionHarness harness;
    harness.session.on_connected(harness.now);
    harness.pass(1s);
    std::string body;
    append_result(body, 1,
                  "\x82\xa6worker\xa2w1\xa6"
                  "broker\xa2"
                  "b1");
    harness.receive(body);
    harness.receive(SessionHarness::request(7));
    harness.answer("w2", "b1");
    CHECK_FALSE(harness.session.next_call(harness.now));
}

TEST_CASE("no connection is complained of after a second and then rarely") {
    SessionHarness harness;
    harness.pass(999ms);
    CHECK(harness.events().empty());
    harness.pass(1ms);
    CHECK(harness.events() == Texts{"unreachable no connection"});
    harness.pass(4min);
    CHECK(harness.events().empty());
    harness.pass(2min);
    CHECK(harness.events() == Texts{"unreachable no connection"});
}

// ---- heartbeats

TEST_CASE("a heartbeat goes out every period, with the capacity") {
    SessionHarness harness;
    harness.registered();
    harness.pass(499ms);
    CHECK(harness.sent().empty());
    harness.pass(1ms);
    CHECK(harness.sent() == Texts{R"(rpc.heartbeat [{"capacity": 256}])"});
    harness.pass_with_broker(10s);
    CHECK(harness.sent().size() == 20);
}

TEST_CASE("the broker's heartbeat is the period") {
    SessionHarness harness;
    harness.session.on_connected(harness.now);
    harness.answer("w1", "b1", 50);
    harness.sent();
    harness.pass(50ms);
    CHECK(harness.sent() == Texts{R"(rpc.heartbeat [{"capacity": 256}])"});
}

TEST_CASE("a broker without heartbeats gets none and may be silent") {
    SessionHarness harness;
    harness.session.on_connected(harness.now);
    harness.answer("w1", "b1", 0);
    harness.sent();
    harness.pass(10min);
    CHECK(harness.sent().empty());
    CHECK(harness.session.registered());
}

TEST_CASE("a broker that is silent for three heartbeats is registered with anew") {
    SessionHarness harness;
    harness.registered();
    harness.pass(1499ms);
    CHECK(harness.session.registered());
    harness.sent();
    harness.pass(1ms);
    CHECK_FALSE(harness.session.registered());
    CHECK(harness.sent() == registering(2));
    CHECK(harness.events() == Texts{"lost the broker has been silent for three heartbeats"});
}

TEST_CASE("calls outlast a silence when the broker still knows the worker") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1) + harness.request(2));
    const auto running = harness.take();
    harness.pass(1500ms);
    harness.sent();
    harness.events();
    CHECK_FALSE(harness.session.next_call(harness.now));
    harness.answer();
    CHECK(harness.events() == Texts{"registered w1"});
    harness.finish(running);
    harness.finish(harness.take());
    CHECK(harness.sent() == Texts{"response 1 nil nil", "response 2 nil nil"});
}

TEST_CASE("what runs is cancelled when the broker has been silent for half a minute, and still answered") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1));
    const auto running = harness.take();
    harness.pass(29s);
    CHECK(harness.events() ==
          Texts{"lost the broker has been silent for three heartbeats", "unreachable no answer to rpc.register"});
    harness.pass(2s);
    CHECK(harness.events() == Texts{"call_cancelled 0"});
    harness.sent();
    harness.answer();
    harness.finish(running);
    CHECK(harness.sent() == Texts{"response 1 nil nil"});
}

TEST_CASE("what runs is cancelled when a broker that is being left has been silent for half a minute") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1));
    const auto running = harness.take();
    harness.session.leave(harness.now);
    harness.pass(31s);
    CHECK(harness.events() == Texts{"left", "call_cancelled 0"});
    harness.finish(running);
    CHECK(harness.session.finished());
}

TEST_CASE("calls are dropped and cancelled when the broker comes back as another") {
    const auto ids = GENERATE(as<std::pair<std::string, std::string>>{}, std::pair{"w1", "b2"}, std::pair{"w2", "b1"});
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1) + harness.request(2));
    const auto running = harness.take();
    harness.pass(1500ms);
    harness.sent();
    harness.events();
    harness.answer(ids.first, ids.second);
    CHECK(harness.events() == Texts{"call_cancelled 0", "registered " + ids.first});
    CHECK(harness.session.waiting() == 0);
    CHECK(harness.sent() == Texts{R"(rpc.heartbeat [{"capacity": 255}])"});  // its handler still has a thread
    harness.finish(running);
    harness.pass(0ms);
    CHECK(harness.sent() == Texts{R"(rpc.heartbeat [{"capacity": 256}])"});
    CHECK(harness.session.counters().dropped == 1);
    CHECK(harness.session.counters().stale_outcomes == 1);
}

// ---- a worker that did not run

TEST_CASE("a worker that was stopped returns what it has not started before it runs anything") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1) + harness.request(2));
    harness.now += 1500ms;
    CHECK_FALSE(harness.session.next_call(harness.now));
    CHECK(harness.sent() == Texts{registering(2)[0], "rpc.return [[1, 2]]"});

    // What was on its way meanwhile may be stale as well.
    harness.receive(harness.request(3));
    CHECK_FALSE(harness.session.next_call(harness.now));
    CHECK(harness.sent() == Texts{"rpc.return [[3]]"});

    harness.answer();
    harness.receive(harness.request(4));
    CHECK(harness.take().msgid == 4);
}

TEST_CASE("a worker that was stopped goes on with what it runs") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1));
    const auto running = harness.take();
    harness.now += 10s;
    harness.session.on_time(harness.now);
    harness.answer();
    harness.sent();
    harness.finish(running);
    CHECK(harness.sent() == Texts{"response 1 nil nil"});
    CHECK(harness.events() == Texts{"registered w1"});
}

TEST_CASE("a worker that was stopped while it registered does so afresh") {
    SessionHarness harness;
    harness.session.on_connected(harness.now);
    harness.now += 3s;
    harness.receive(harness.request(1));
    CHECK(harness.session.waiting() == 0);
    CHECK(harness.sent() == Texts{registering(1)[0], registering(2)[0], "rpc.return [[1]]"});
}

TEST_CASE("a shorter gap is none") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1));
    harness.now += 1499ms;
    CHECK(harness.take().msgid == 1);
}

// ---- the connection

TEST_CASE("a closed connection drops what waits and cancels what runs") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1) + harness.request(2));
    const auto running = harness.take();
    harness.session.on_closed(harness.now);
    CHECK(harness.events() == Texts{"call_cancelled 0", "lost the connection closed"});
    CHECK_FALSE(harness.session.next_call(harness.now));
    harness.finish(running);
    CHECK(harness.sent().empty());

    harness.session.on_connected(harness.now);
    CHECK(harness.sent() == registering(2));
    harness.answer("w2");
    harness.receive(harness.request(1));
    harness.finish(harness.take());
    CHECK(harness.sent() == Texts{"response 1 nil nil"});
}

TEST_CASE("what comes on a closed connection is ignored") {
    SessionHarness harness;
    harness.registered();
    harness.session.on_closed(harness.now);
    harness.receive(harness.request(1));
    CHECK(harness.session.waiting() == 0);
    CHECK(harness.session.counters().unexpected_messages == 1);
}

TEST_CASE("rpc.register_again drops, cancels and registers afresh") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1) + harness.request(2));
    const auto running = harness.take();
    harness.notify("rpc.register_again");
    CHECK(harness.sent() == registering(2, 255));
    CHECK(harness.events() == Texts{"call_cancelled 0", "lost the broker does not know this worker"});
    harness.notify("rpc.register_again");
    CHECK(harness.sent().empty());
    harness.finish(running);
    harness.answer();
    CHECK(harness.sent() == Texts{R"(rpc.heartbeat [{"capacity": 256}])"});
    CHECK(harness.session.counters().stale_outcomes == 1);
}

// ---- what a broker does not say

TEST_CASE("a malformed body is counted and the connection goes on") {
    SessionHarness harness;
    harness.registered();
    harness.receive("nonsense");
    harness.receive(harness.request(1) + "\xc1");
    CHECK(harness.session.counters().malformed_bodies == 2);
    CHECK(harness.take().msgid == 1);
}

TEST_CASE("messages that no broker sends are counted") {
    SessionHarness harness;
    harness.registered();
    harness.notify("rpc.unheard_of");
    harness.notify("rpc.left");
    std::string body;
    append_stream_item(body, 1, "\xc0");
    append_result(body, 77, "\xc0");
    harness.receive(body);
    CHECK(harness.session.counters().unexpected_messages == 4);
    CHECK(harness.events().empty());
    CHECK(harness.sent().empty());
}

// ---- leaving

TEST_CASE("a worker leaves in order") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1) + harness.request(2));
    const auto running = harness.take();
    harness.session.leave(harness.now);
    harness.session.leave(harness.now);
    CHECK(harness.sent() == Texts{"rpc.leave []"});
    harness.receive(harness.request(3));
    harness.notify("rpc.left");
    CHECK(harness.events() == Texts{"left"});
    CHECK_FALSE(harness.session.finished());
    harness.finish(running);
    harness.finish(harness.take());
    CHECK_FALSE(harness.session.finished());
    harness.finish(harness.take());
    CHECK(harness.session.finished());
    CHECK(harness.sent() == Texts{"response 1 nil nil", "response 2 nil nil", "response 3 nil nil"});
}

TEST_CASE("heartbeats go on while the last handlers run") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1));
    const auto running = harness.take();
    harness.session.leave(harness.now);
    harness.notify("rpc.left");
    harness.sent();
    harness.pass(5s);
    CHECK(harness.sent().size() == 10);
    harness.finish(running);
    CHECK(harness.sent() == Texts{"response 1 nil nil"});
    CHECK(harness.session.finished());
}

TEST_CASE("a worker that leaves does not say that it lost the broker when the connection closes meanwhile") {
    SessionHarness harness;
    harness.registered();
    harness.session.leave(harness.now);
    const bool answered = GENERATE(false, true);
    if (answered) harness.notify("rpc.left");
    harness.session.on_closed(harness.now);
    CHECK(harness.events() == Texts{"left"});
    CHECK(harness.session.finished());
}

TEST_CASE("rpc.drain makes a worker leave") {
    SessionHarness harness;
    harness.registered();
    harness.notify("rpc.drain");
    CHECK(harness.sent() == Texts{"rpc.leave []"});
    harness.notify("rpc.left");
    CHECK(harness.session.finished());
}

TEST_CASE("a worker that is not registered has left at once") {
    const bool refused = GENERATE(false, true);
    SessionHarness harness;
    if (refused) {
        harness.session.on_connected(harness.now);
        harness.refuse({Code::unavailable, "no", By::broker, Ran::no});
        harness.events();
    }
    harness.session.leave(harness.now);
    CHECK(harness.session.finished());
    CHECK(harness.events() == Texts{"left"});
    harness.sent();
    harness.session.on_connected(harness.now);
    harness.pass(10min);
    CHECK(harness.sent().empty());
    CHECK(harness.events().empty());
}

TEST_CASE("a worker leaves that is just about to register") {
    SessionHarness harness;
    harness.session.on_connected(harness.now);
    harness.session.leave(harness.now);
    CHECK(harness.sent() == Texts{registering(1)[0], "rpc.leave []"});
    SECTION("with success") {
        harness.answer();
        CHECK_FALSE(harness.session.finished());
        harness.notify("rpc.left");
    }
    SECTION("in vain") { harness.refuse({Code::unavailable, "no", By::broker, Ran::no}); }
    CHECK(harness.session.finished());
}

TEST_CASE("a broker that does not take leave is given up after three heartbeats") {
    SessionHarness harness;
    harness.registered();
    harness.session.leave(harness.now);
    harness.pass_with_broker(1499ms);
    CHECK_FALSE(harness.session.finished());
    harness.pass(1ms);
    CHECK(harness.session.finished());
}

TEST_CASE("a call that came before the answer to rpc.register holds up nobody who leaves") {
    SessionHarness harness;
    harness.session.on_connected(harness.now);
    harness.receive(SessionHarness::request(1));
    harness.session.leave(harness.now);
    harness.pass(3 * SessionHarness::heartbeat);
    CHECK(harness.session.finished());
    CHECK(harness.session.counters().dropped == 1);
    harness.receive(SessionHarness::request(2));
    CHECK(harness.session.finished());
    CHECK(harness.session.counters().unexpected_messages == 1);
}

TEST_CASE("a worker that leaves does not register again") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1) + harness.request(2));
    const auto running = harness.take();
    harness.session.leave(harness.now);
    harness.sent();
    SECTION("because the broker does not know it") { harness.notify("rpc.register_again"); }
    SECTION("because the connection closed") { harness.session.on_closed(harness.now); }
    SECTION("because it was stopped") {
        harness.now += 10s;
        harness.session.on_time(harness.now);
        CHECK(harness.sent().front() == "rpc.return [[2]]");
    }
    CHECK_FALSE(harness.session.finished());
    harness.finish(running);
    CHECK(harness.session.finished());
    CHECK(harness.session.counters().registrations == 1);
}
