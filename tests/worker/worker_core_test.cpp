#include "worker/worker_core.hpp"

#include <catch2/catch.hpp>

#include "tests/worker/session_harness.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;

namespace {

const std::string register_text =
    R"(rpc.register [{"protocol": 1, "name": "worker-name", "batch": true, "heartbeat": true, "capacity": 256, )"
    R"("services": []}])";

Texts registering(int number) { return {"request " + std::to_string(number) + " " + register_text}; }

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
    harness.finish(running);
    CHECK(harness.sent().empty());
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
    CHECK(harness.sent() == registering(2));
    CHECK(harness.events() == Texts{"call_cancelled 0", "lost the broker does not know this worker"});
    harness.notify("rpc.register_again");
    CHECK(harness.sent().empty());
    harness.finish(running);
    harness.answer();
    CHECK(harness.sent().empty());
    CHECK(harness.session.counters().stale_outcomes == 1);
}

// ---- calls

TEST_CASE("a call is handed out as it came") {
    SessionHarness harness;
    harness.registered();
    RequestOptions options;
    options.timeout_ms = 250;
    options.trace = "00-11-22-01";
    options.key = "k";
    harness.receive(harness.request(0xabcdef, "Service.method", "\x92\x01\x02", options));
    const auto call = harness.take();
    CHECK(call.msgid == 0xabcdef);
    CHECK(call.method == "Service.method");
    CHECK(show_packed(call.params) == "[1, 2]");
    CHECK(call.options.trace == "00-11-22-01");
    CHECK(call.options.key == "k");
    CHECK(call.deadline == harness.now + 250ms);
    CHECK(*call.worker == "w1");
}

TEST_CASE("a response has the five-byte form of the msgid") {
    std::string response;
    begin_result(response, 7);
    CHECK(response == std::string("\x94\x01\xce\x00\x00\x00\x07\xc0", 8));
}

TEST_CASE("responses that are ready together go as one body") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1) + harness.request(2) + harness.request(3));
    for (int i = 0; i < 3; ++i) harness.finish(harness.take(), "\x05");
    CHECK(harness.sent_bodies() == std::vector<Texts>{{"response 1 nil 5", "response 2 nil 5", "response 3 nil 5"}});
}

TEST_CASE("a call keeps its bytes while others come and go") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1, "First.call"));
    const auto first = harness.take();
    for (std::uint32_t msgid = 2; msgid < 50; ++msgid) {
        harness.receive(harness.request(msgid, "Other.call"));
        harness.finish(harness.take());
    }
    CHECK(first.method == "First.call");
    harness.finish(first);
    CHECK(harness.sent().back() == "response 1 nil nil");
}

TEST_CASE("a call whose time ran out before it was started is not run") {
    SessionHarness harness;
    harness.registered();
    RequestOptions options;
    options.timeout_ms = 100;
    harness.receive(harness.request(1, "S.m", "\x90", options) + harness.request(2));
    harness.now += 100ms;
    CHECK(harness.take().msgid == 2);
    CHECK(harness.sent() == Texts{"response 1 DEADLINE_EXCEEDED(worker, no) nil"});
    CHECK(harness.session.counters().expired == 1);
}

TEST_CASE("a timeout of zero has run out already, and an absurd one never does") {
    SessionHarness harness;
    harness.registered();
    RequestOptions none;
    none.timeout_ms = 0;
    RequestOptions endless;
    endless.timeout_ms = 0xffffffff;
    harness.receive(harness.request(1, "S.m", "\x90", none) + harness.request(2, "S.m", "\x90", endless));
    CHECK(harness.take().msgid == 2);
    CHECK(harness.sent() == Texts{"response 1 DEADLINE_EXCEEDED(worker, no) nil"});
}

TEST_CASE("options of a wrong type are answered") {
    SessionHarness harness;
    harness.registered();
    std::string body;
    Packer{body}.array(5).integer(0).fixed_u32(1).string("S.m").array(0).map(1).string("timeout").string("soon");
    harness.receive(body);
    CHECK(harness.sent() == Texts{"response 1 INVALID_ARGUMENT(worker, no) nil"});
    CHECK(harness.session.waiting() == 0);
}

TEST_CASE("a response over max_message becomes an error") {
    SessionHarness harness;
    harness.session.on_connected(harness.now);
    harness.answer("w1", "b1", 500, 100);
    harness.receive(harness.request(1) + harness.request(2));
    harness.sent();
    std::string fits;
    Packer{fits}.string(std::string(90, 'x'));
    harness.finish(harness.take(), fits);
    CHECK(harness.sent() == Texts{"response 1 nil " + show_packed(fits)});
    std::string large;
    Packer{large}.string(std::string(91, 'x'));
    harness.finish(harness.take(), large);
    CHECK(harness.sent() == Texts{"response 2 RESOURCE_EXHAUSTED(worker, maybe) nil"});
}

TEST_CASE("a large response is moved, not copied") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1));
    const auto call = harness.take();
    std::string response;
    begin_result(response, call.msgid);
    Packer{response}.string(std::string(100'000, 'x'));
    const char* bytes = response.data();
    harness.session.finish(call, response);
    CHECK(response.empty());
    CHECK(harness.session.outbox().front(WorkerSession::broker)->large.bytes().data() == bytes);
}

// ---- cancelling

TEST_CASE("a call that is cancelled before it was started is answered at once") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1) + harness.request(2));
    harness.cancel(1);
    CHECK(harness.sent() == Texts{"response 1 CANCELLED(worker, no) nil"});
    CHECK(harness.take().msgid == 2);
    CHECK(harness.session.counters().cancelled == 1);
}

TEST_CASE("a call that is cancelled while it runs is told once and still answered") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1) + harness.request(2));
    const auto first = harness.take();
    const auto second = harness.take();
    harness.cancel(2);
    harness.cancel(2);
    CHECK(harness.events() == Texts{"call_cancelled " + std::to_string(second.slot)});
    harness.finish(second);
    harness.finish(first);
    CHECK(harness.sent() == Texts{"response 2 nil nil", "response 1 nil nil"});
}

TEST_CASE("cancelling a call that is not here does nothing") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1));
    harness.finish(harness.take());
    harness.sent();
    harness.cancel(1);
    harness.cancel(99);
    CHECK(harness.sent().empty());
    CHECK(harness.events().empty());
}

TEST_CASE("rpc.cancel without a msgid is counted") {
    const auto params =
        GENERATE(as<std::string>{}, "\x90", "\x91\xa1x", "\x91\xff", "\x91\xcf\x01\x01\x01\x01\x01\x01\x01\x01");
    SessionHarness harness;
    harness.registered();
    harness.notify("rpc.cancel", params);
    CHECK(harness.session.counters().unexpected_messages == 1);
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

// ---- room

TEST_CASE("calls that wait behind slow handlers go back, after the capacity") {
    SessionHarness harness;
    harness.registered();
    for (std::uint32_t msgid = 1; msgid <= 4; ++msgid) harness.receive(harness.request(msgid));
    const auto slow = harness.take();
    CHECK(harness.session.give_back_at() == harness.now + 5ms);
    harness.now += 4ms;
    CHECK_FALSE(harness.session.give_back(harness.now));
    harness.now += 1ms;
    CHECK(harness.session.give_back(harness.now));
    CHECK(harness.sent_bodies() ==
          std::vector<Texts>{{R"(rpc.heartbeat [{"capacity": 1}])", "rpc.return [[2, 3, 4]]"}});
    CHECK(harness.session.waiting() == 0);
    CHECK(harness.session.counters().returned == 3);
    CHECK_FALSE(harness.session.give_back_at());
    CHECK(harness.session.give_back(harness.now));

    harness.finish(slow);
    harness.session.take_again();
    CHECK(harness.sent() == Texts{"response 1 nil nil", R"(rpc.heartbeat [{"capacity": 3}])"});
    CHECK_FALSE(harness.session.give_back(harness.now));
}

TEST_CASE("the capacity grows again while calls are started soon") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1) + harness.request(2));
    harness.take();
    harness.now += 5ms;
    harness.session.give_back(harness.now);
    harness.session.take_again();
    harness.sent();
    Texts capacities;
    for (std::uint32_t msgid = 10; msgid < 4000; ++msgid) {
        harness.receive(harness.request(msgid));
        harness.session.next_call(harness.now);
        for (const auto& text : harness.sent()) capacities.push_back(text);
    }
    CHECK(capacities.size() == 9);
    CHECK(capacities.front() == R"(rpc.heartbeat [{"capacity": 6}])");
    CHECK(capacities.back() == R"(rpc.heartbeat [{"capacity": 1024}])");
}

TEST_CASE("a capacity that the user fixed comes back as it was") {
    SessionHarness harness{SessionHarness::of_capacity(10)};
    harness.registered();
    harness.receive(harness.request(1) + harness.request(2));
    const auto slow = harness.take();
    harness.now += 5ms;
    harness.session.give_back(harness.now);
    CHECK(harness.sent() == Texts{R"(rpc.heartbeat [{"capacity": 1}])", "rpc.return [[2]]"});
    harness.finish(slow);
    harness.session.take_again();
    CHECK(harness.sent() == Texts{"response 1 nil nil", R"(rpc.heartbeat [{"capacity": 10}])"});
}

TEST_CASE("a large call that the broker no longer has the bytes of is not returned") {
    auto options = SessionHarness::two_threads();
    options.idempotent = [](std::string_view method) { return method == "S.idempotent"; };
    SessionHarness harness{std::move(options)};
    harness.registered();
    std::string large;
    Packer{large}.array(1).string(std::string(70'000, 'x'));
    RequestOptions yes;
    yes.idempotent = true;
    RequestOptions no;
    no.idempotent = false;
    harness.receive(harness.request(1, "S.once", large));
    harness.receive(harness.request(2, "S.idempotent", large));
    harness.receive(harness.request(3, "S.once", large, yes));
    harness.receive(harness.request(4, "S.idempotent", large, no));
    harness.receive(harness.request(5, "S.once"));
    harness.now += 5ms;
    harness.session.give_back(harness.now);
    CHECK(harness.sent() == Texts{R"(rpc.heartbeat [{"capacity": 0}])", "rpc.return [[2, 3, 5]]"});
    CHECK_FALSE(harness.session.give_back_at());
    CHECK(harness.take().msgid == 1);
    CHECK(harness.take().msgid == 4);
}

TEST_CASE("without the word of a registration, a large call is not returned") {
    SessionHarness harness;
    harness.registered();
    std::string large;
    Packer{large}.array(1).string(std::string(70'000, 'x'));
    harness.receive(harness.request(1, "S.once", large));
    CHECK_FALSE(harness.session.give_back_at());
}

TEST_CASE("nothing is given back to a broker that is not there") {
    SessionHarness harness;
    CHECK_FALSE(harness.session.give_back_at());
    CHECK_FALSE(harness.session.give_back(harness.now));
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
