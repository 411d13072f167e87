// ClientSession and its brokers: which one gets a call, and what becomes of calls when one is lost.
#include <catch2/catch.hpp>

#include "tests/client/session_harness.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;

namespace {

const CallOptions idempotent{.idempotent = true};

ClientOptions two_brokers() { return SessionHarness::with_brokers({"inproc://a", "inproc://b"}); }

void require_lost(const Outcome& outcome) { require_error(outcome, Code::unavailable, Ran::maybe); }

}  // namespace

TEST_CASE("a closed connection ends the calls in flight there") {
    SessionHarness net;
    net.connect();
    net.start();
    net.calls_sent();
    net.session.on_closed(0, "reset by peer", net.now);
    const auto outcome = net.outcome();
    require_lost(outcome);
    CHECK(outcome.reply.error().message() ==
          "the connection to tcp://127.0.0.1:5555 closed: reset by peer; the call may have run");
    net.session.on_closed(0, "", net.now);
    CHECK(net.session.counters().brokers_lost == 1);
}

TEST_CASE("a call that was still in the outbox when the connection closed was not sent, and waits") {
    SessionHarness net;
    net.connect();
    net.sent();
    net.start({.timeout = 1s});
    net.start_large(100'000);
    net.session.on_closed(0, "", net.now);
    CHECK_FALSE(net.session.has_outcomes());
    CHECK_FALSE(net.session.next_outgoing(0));
    net.pass(100ms);
    net.connect();
    const auto sent = net.calls_sent();
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].timeout_ms == 900);
    net.answer(0, sent[0].msgid, packed_number(1));
    CHECK(net.outcome().reply.has_value());
}

TEST_CASE("an idempotent call is run again on another broker") {
    SessionHarness net{two_brokers()};
    net.connect(0, "a");
    net.start(idempotent);
    const auto first = net.calls_sent(0).at(0);
    net.connect(1, "b");
    net.pass(1s);
    net.session.on_closed(0, "", net.now);
    CHECK_FALSE(net.session.has_outcomes());
    const auto again = net.calls_sent(1).at(0);
    CHECK(again.msgid != first.msgid);
    CHECK(again.params == first.params);
    CHECK(again.timeout_ms == 29'000);
    net.answer(1, again.msgid, packed_number(1));
    CHECK(net.outcome().reply.has_value());
    CHECK(net.session.counters().calls_run_again == 1);
}

TEST_CASE("an idempotent call waits for its broker to come back, to its deadline") {
    SessionHarness net;
    net.connect();
    net.start({.timeout = 1s, .idempotent = true});
    net.calls_sent();
    net.session.on_closed(0, "", net.now);
    net.pass(1s);
    require_lost(net.outcome());
}

TEST_CASE("a large idempotent call is run again whole") {
    SessionHarness net;
    net.connect();
    net.start_large(100'000, idempotent);
    const auto first = net.calls_sent().at(0);
    net.session.on_closed(0, "", net.now);
    net.connect();
    CHECK(net.calls_sent().at(0).params == first.params);
}

TEST_CASE("an idempotent call whose deadline is over is not run again") {
    SessionHarness net;
    net.connect();
    net.start({.timeout = 100ms, .idempotent = true});
    net.calls_sent();
    net.pass(200ms);
    CHECK_FALSE(net.session.has_outcomes());
    net.session.on_closed(0, "", net.now);
    require_lost(net.outcome());
}

TEST_CASE("heartbeats go out while calls are in flight, and only then") {
    SessionHarness net;
    net.connect();
    net.sent();
    net.pass(10s);
    CHECK(net.sent().empty());
    net.start();
    const auto msgid = net.calls_sent().at(0).msgid;
    for (int i = 0; i < 8; ++i) {
        net.pass(500ms);
        const auto sent = net.sent();
        REQUIRE(sent.size() == 1);
        CHECK(sent[0].method == "rpc.heartbeat");
        CHECK(sent[0].params == packed_array());
        net.tell(0, "rpc.heartbeat", packed_array(packed_string("broker-1")));
    }
    net.answer(0, msgid, packed_number(1));
    CHECK(net.outcome().reply.has_value());
    net.pass(10s);
    CHECK(net.sent().empty());
}

TEST_CASE("the heartbeat is the broker's") {
    SessionHarness net;
    net.session.on_connected(0, net.now);
    net.answer(0, ClientSession::hello_msgid, SessionHarness::hello_answer("a", 1 << 20, 100));
    net.start();
    net.sent();
    net.pass(299ms);
    CHECK(net.sent().size() == 2);
    net.pass(1ms);
    require_lost(net.outcome());
}

TEST_CASE("three silent heartbeats lose the broker, and it is greeted again") {
    SessionHarness net;
    net.connect();
    net.start({.timeout = 10s});
    net.sent();
    net.pass(1499ms);
    CHECK_FALSE(net.session.has_outcomes());
    net.pass(1ms);
    const auto outcome = net.outcome();
    require_lost(outcome);
    CHECK(outcome.reply.error().message() == "the broker at tcp://127.0.0.1:5555 went silent; the call may have run");
    const auto sent = net.sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].method == "rpc.hello");
}

TEST_CASE("a silent broker gets no calls until it answers the hello") {
    SessionHarness net;
    net.connect();
    net.start();
    net.sent();
    net.pass(1500ms);
    require_lost(net.outcome());
    net.sent();
    net.start({.timeout = 1s});
    CHECK(net.sent().empty());
    net.pass(500ms);
    net.greet();
    CHECK(net.calls_sent().size() == 1);
}

TEST_CASE("a call for a broker that stays silent ends unsent, and says so") {
    SessionHarness net;
    net.connect();
    net.start();
    net.sent();
    net.pass(1500ms);
    require_lost(net.outcome());
    net.start({.timeout = 1s});
    net.pass(1s);
    const auto outcome = net.outcome();
    CHECK(outcome.reply.error().ran() == Ran::no);
    CHECK(outcome.reply.error().message() == "no broker answers at tcp://127.0.0.1:5555 (connected, but silent)");
}

TEST_CASE("a call that was not taken before the broker went silent waits") {
    SessionHarness net;
    net.connect();
    net.sent();
    net.start();
    net.pass(1500ms);
    CHECK_FALSE(net.session.has_outcomes());
    net.greet();
    CHECK(net.calls_sent().size() == 1);
}

/// One call is under way when the process is halted for a while.
struct Halted : SessionHarness {
    explicit Halted(std::chrono::milliseconds timeout) {
        connect();
        start({.timeout = timeout});
        sent();
        pass(500ms);
        now += 20s;
        session.on_time(now);
    }
};

TEST_CASE("time in which nobody ran the session is not the broker's silence") {
    Halted net{60s};
    CHECK_FALSE(net.session.has_outcomes());
    net.pass(2s);
    require_lost(net.outcome());
}

TEST_CASE("a deadline that passed while nobody ran the session is not the broker's silence either") {
    Halted net{1s};
    require_error(net.outcome(), Code::deadline_exceeded, Ran::maybe);
}

TEST_CASE("a broker that starts again under the same connection is noticed by its id") {
    SessionHarness net;
    net.connect(0, "one");
    net.start();
    net.sent();
    net.tell(0, "rpc.heartbeat", packed_array(packed_string("one")));
    net.tell(0, "rpc.heartbeat");
    CHECK_FALSE(net.session.has_outcomes());
    net.tell(0, "rpc.heartbeat", packed_array(packed_string("two")));
    require_lost(net.outcome());
    CHECK(net.sent().at(0).method == "rpc.hello");
}

TEST_CASE("rpc.hello_again ends the calls in flight, and the broker is greeted again, once") {
    SessionHarness net;
    net.connect();
    net.start();
    net.start(idempotent);
    net.sent();
    net.tell(0, "rpc.hello_again");
    require_lost(net.outcome());
    const auto sent = net.sent();
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].method == "rpc.hello");
    CHECK(sent[1].method == "M.n");
    net.tell(0, "rpc.hello_again");
    CHECK(net.sent().empty());
    CHECK_FALSE(net.session.has_outcomes());
}

TEST_CASE("a broker that goes away gets no new calls, and those in flight go on") {
    SessionHarness net{two_brokers()};
    net.connect(0, "a");
    net.start();
    const auto msgid = net.calls_sent(0).at(0).msgid;
    net.connect(1, "b");
    net.tell(0, "rpc.goaway");
    for (int i = 0; i < 4; ++i) net.start();
    CHECK(net.calls_sent(0).empty());
    CHECK(net.calls_sent(1).size() == 4);
    net.answer(0, msgid, packed_number(1));
    CHECK(net.outcome().reply.has_value());
}

TEST_CASE("a call waits where the only broker goes away, and goes to the one that takes its place") {
    SessionHarness net;
    net.connect(0, "a");
    net.tell(0, "rpc.goaway");
    net.start();
    CHECK(net.calls_sent().empty());
    net.session.on_closed(0, "", net.now);
    net.connect(0, "b");
    CHECK(net.calls_sent().size() == 1);
}

TEST_CASE("calls go to the connected broker with the least in flight") {
    SessionHarness net{two_brokers()};
    net.connect(0, "a");
    net.start();
    net.start();
    net.connect(1, "b");
    for (int i = 0; i < 4; ++i) net.start();
    CHECK(net.calls_sent(0).size() == 3);
    CHECK(net.calls_sent(1).size() == 3);
}

TEST_CASE("brokers with nothing in flight take turns") {
    SessionHarness net{two_brokers()};
    net.connect(0, "a");
    net.connect(1, "b");
    int at_first = 0;
    for (int i = 0; i < 4; ++i) {
        net.start();
        for (const BrokerIndex broker : {0U, 1U})
            for (const auto& message : net.calls_sent(broker)) {
                net.answer(broker, message.msgid, packed_number(1));
                at_first += broker == 0;
            }
    }
    CHECK(at_first == 2);
}

TEST_CASE("a broker that has answered is taken before one that was only greeted") {
    SessionHarness net{two_brokers()};
    net.session.on_connected(0, net.now);
    net.connect(1, "b");
    net.start();
    net.start();
    CHECK(net.calls_sent(1).size() == 2);
}

TEST_CASE("a hello that every broker refuses ends the calls that wait, with its code") {
    SessionHarness net{two_brokers()};
    const Error refusal{Code::failed_precondition, "this broker speaks protocol 2", By::broker, Ran::no};
    net.session.on_connected(0, net.now);
    net.fail(0, ClientSession::hello_msgid, refusal);
    net.start();
    CHECK_FALSE(net.session.has_outcomes());
    net.session.on_connected(1, net.now);
    net.session.cancel_all();
    net.session.take_outcomes();
    net.start_large(10'000);
    net.fail(1, ClientSession::hello_msgid, refusal);
    const auto outcome = net.outcome();
    CHECK(outcome.reply.error().code() == Code::failed_precondition);
    CHECK(outcome.reply.error().ran() == Ran::no);
    CHECK(outcome.reply.error().message() == "the broker at inproc://a refuses: this broker speaks protocol 2");
    net.start();
    CHECK(net.outcome().reply.error().code() == Code::failed_precondition);
}

TEST_CASE("a call behind a refused hello still gets its answer") {
    SessionHarness net;
    net.session.on_connected(0, net.now);
    net.start();
    const auto msgid = net.calls_sent().at(0).msgid;
    net.fail(0, ClientSession::hello_msgid, Error{Code::unauthenticated, "no key", By::broker, Ran::no});
    net.answer(0, msgid, packed_number(1));
    CHECK(net.outcome().reply.has_value());
}

TEST_CASE("a connection that was made again unnoticed ends what was in flight on the old one") {
    SessionHarness net;
    net.connect();
    net.start();
    net.calls_sent();
    net.session.on_connected(0, net.now);
    require_lost(net.outcome());
    CHECK(net.sent().at(0).method == "rpc.hello");
}

TEST_CASE("what a broker may not say is counted and harms nobody") {
    SessionHarness net;
    net.answer(0, ClientSession::hello_msgid, SessionHarness::hello_answer("early"));
    CHECK(net.session.counters().unknown_responses == 1);
    net.session.on_connected(0, net.now);
    net.start();
    const auto msgid = net.calls_sent().at(0).msgid;
    for (const auto& hello : {packed_number(1), std::string{"\x81\x01\x02"}, std::string{"\x80"}})
        net.answer(0, ClientSession::hello_msgid, hello);
    CHECK(net.session.counters().unexpected_messages == 2);
    std::string body;
    append_request(body, 1, "rpc.ping", packed_array());
    append_stream_item(body, msgid, packed_number(1));
    append_notification(body, "rpc.news", packed_array());
    body += '\xc1';
    net.session.on_body(0, body, net.now);
    net.session.on_bad_frames(0, net.now);
    CHECK(net.session.counters().unexpected_messages == 5);
    CHECK(net.session.counters().malformed_bodies == 2);
    net.answer(0, msgid, packed_number(1));
    CHECK(net.outcome().reply.has_value());
}

TEST_CASE("a call ends at once when the broker wants a key") {
    SessionHarness net;
    net.start();
    net.session.on_time(net.now);
    net.session.on_refused(0, "it lets in only those who have a key", KeyTrouble::certain, net.now);
    CHECK_FALSE(net.session.has_outcomes());
    net.session.on_time(net.now);
    const auto outcome = net.outcome();
    require_error(outcome, Code::unauthenticated, Ran::no);
    CHECK(outcome.reply.error().message() ==
          "no broker lets us in: tcp://127.0.0.1:5555: it lets in only those who have a key");
}

TEST_CASE("a handshake that ends early says that the key is wrong when it does so again and again") {
    SessionHarness net;
    net.start();
    const auto refuse = [&] {
        net.session.on_refused(0, "closed", KeyTrouble::likely, net.now);
        net.session.on_time(net.now);
    };
    SECTION("twice") {
        refuse();
        CHECK_FALSE(net.session.has_outcomes());
        refuse();
        require_error(net.outcome(), Code::unauthenticated, Ran::no);
    }
    SECTION("not if another reason, or a connection, is between them") {
        refuse();
        net.session.on_refused(0, "no ZeroMQ", KeyTrouble::none, net.now);
        refuse();
        CHECK_FALSE(net.session.has_outcomes());
        net.connect();
        net.calls_sent();
        net.session.on_closed(0, "", net.now);
        require_lost(net.outcome());
        net.start();
        refuse();
        CHECK_FALSE(net.session.has_outcomes());
    }
}

TEST_CASE("a call waits while one broker of several may still let it in") {
    SessionHarness net{SessionHarness::with_brokers({"tcp://127.0.0.1:5555", "tcp://127.0.0.1:5556"})};
    net.start();
    net.session.on_time(net.now);
    net.session.on_refused(0, "a key is wanted", KeyTrouble::certain, net.now);
    net.session.on_time(net.now);
    CHECK_FALSE(net.session.has_outcomes());
    net.session.on_refused(1, "a key is wanted", KeyTrouble::certain, net.now);
    net.session.on_time(net.now);
    require_error(net.outcome(), Code::unauthenticated, Ran::no);
}

TEST_CASE("a call does not end for what was said before it began") {
    SessionHarness net;
    net.session.on_refused(0, "a key is wanted", KeyTrouble::certain, net.now);
    net.start();
    net.session.on_refused(0, "a key is wanted", KeyTrouble::certain, net.now);
    net.session.on_time(net.now);
    net.session.on_time(net.now);
    CHECK_FALSE(net.session.has_outcomes());
    net.session.on_refused(0, "a key is wanted", KeyTrouble::certain, net.now);
    net.session.on_time(net.now);
    require_error(net.outcome(), Code::unauthenticated, Ran::no);
}

TEST_CASE("a refused connection loses what was in flight") {
    SessionHarness net;
    net.connect();
    net.start();
    net.calls_sent();
    net.session.on_refused(0, "handshake failed", KeyTrouble::none, net.now);
    require_lost(net.outcome());
}
