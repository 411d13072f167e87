// What WorkerSession does with calls: those that wait, those that run, and how much room there is.
#include <catch2/catch.hpp>

#include "tests/worker/session_harness.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;

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

TEST_CASE("a thousand calls that are cancelled together are all told and answered at once") {
    constexpr std::uint32_t calls = 1000;
    constexpr std::uint32_t threads = 64;
    auto options = SessionHarness::of_capacity(calls);
    options.threads = threads;
    SessionHarness harness{std::move(options)};
    harness.registered();
    for (std::uint32_t msgid = 1; msgid <= calls; ++msgid) harness.receive(harness.request(msgid));
    std::vector<Call> running;
    for (std::uint32_t i = 0; i < threads; ++i) running.push_back(harness.take());
    for (std::uint32_t msgid = calls; msgid > 0; --msgid) harness.cancel(msgid);
    CHECK(harness.events().size() == threads);
    CHECK(harness.sent().size() == calls - threads);
    CHECK(harness.session.waiting() == 0);
    CHECK(harness.session.counters().cancelled == calls - threads);
    CHECK_FALSE(harness.session.next_call(harness.now));
    for (const auto& call : running) harness.finish(call);
    CHECK(harness.sent().size() == threads);
}

TEST_CASE("rpc.cancel without a msgid is counted") {
    const auto params =
        GENERATE(as<std::string>{}, "\x90", "\x91\xa1x", "\x91\xff", "\x91\xcf\x01\x01\x01\x01\x01\x01\x01\x01");
    SessionHarness harness;
    harness.registered();
    harness.notify("rpc.cancel", params);
    CHECK(harness.session.counters().unexpected_messages == 1);
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

TEST_CASE("the capacity goes by how fast calls that wait are started, and is told when it changes") {
    SessionHarness harness;
    harness.registered();
    const auto run = [&](std::uint32_t calls, Duration each) {
        Texts capacities;
        for (std::uint32_t msgid = 1; msgid <= calls; ++msgid) {
            harness.receive(harness.request(msgid) + harness.request(msgid + calls));
            for (int i = 0; i < 2; ++i) {
                harness.now += each;
                harness.finish(harness.take());
            }
        }
        for (auto& text : harness.sent())
            if (text.starts_with("rpc.heartbeat")) capacities.push_back(std::move(text));
        return capacities;
    };
    CHECK(run(100, 1ms) == Texts{R"(rpc.heartbeat [{"capacity": 7}])"});
    CHECK(run(20, 20ms) == Texts{R"(rpc.heartbeat [{"capacity": 4}])", R"(rpc.heartbeat [{"capacity": 3}])"});
    CHECK(run(50'000, 2us).back() == R"(rpc.heartbeat [{"capacity": 1024}])");
    CHECK(run(50'000, 2us).empty());
}

TEST_CASE("what waits for much longer than it is meant to goes back, the latest, after the capacity") {
    SessionHarness harness;
    harness.registered();
    for (std::uint32_t msgid = 1; msgid <= 100; ++msgid) harness.receive(harness.request(msgid));
    for (int i = 0; i < 20; ++i) {
        harness.now += 1ms;
        harness.finish(harness.take());
    }
    const auto sent = harness.sent();
    const auto told = std::ranges::find(sent, R"(rpc.heartbeat [{"capacity": 7}])");
    REQUIRE(told != sent.end());
    REQUIRE(told + 1 != sent.end());
    CHECK((told + 1)->starts_with("rpc.return [[26, 27, "));
    CHECK((told + 1)->ends_with(", 99, 100]]"));
    CHECK(harness.session.waiting() == 5);
    CHECK(harness.session.counters().returned == 75);
}

TEST_CASE("with a fixed capacity, calls wait however long others take") {
    SessionHarness harness{SessionHarness::of_capacity(100)};
    harness.registered();
    for (std::uint32_t msgid = 1; msgid <= 100; ++msgid) harness.receive(harness.request(msgid));
    for (int i = 0; i < 100; ++i) {
        harness.now += 1ms;
        harness.finish(harness.take());
    }
    CHECK(harness.session.counters().returned == 0);
}

TEST_CASE("calls go back when no thread came out of a handler for a while, not while others are started") {
    SessionHarness harness;
    harness.registered();
    for (std::uint32_t msgid = 1; msgid <= 4; ++msgid) harness.receive(harness.request(msgid));
    harness.take();
    harness.now += 4ms;
    harness.finish(harness.take());
    harness.now += 4ms;
    harness.take();
    CHECK(harness.session.give_back_at() == harness.now + 5ms);
    harness.now += 4ms;
    CHECK_FALSE(harness.session.give_back(harness.now));
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
