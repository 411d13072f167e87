// ClientSession: calls from start to outcome, with a clock of the test's own.
#include "client/client_core.hpp"

#include <catch2/catch.hpp>

#include "tests/client/session_harness.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;

namespace {

const CallOptions one_second{.timeout = 1s};

}  // namespace

TEST_CASE("a call goes out behind the hello and ends with its result") {
    SessionHarness net;
    net.session.on_connected(0, net.now);
    const auto id = net.start();
    const auto sent = net.sent();
    REQUIRE(sent.size() == 2);
    CHECK(net.bodies == 1);
    CHECK(sent[0].method == "rpc.hello");
    CHECK(sent[1].method == "M.n");
    CHECK(sent[1].timeout_ms == 30'000);
    CHECK(sent[1].bytes[2] == '\xce');
    net.greet();
    net.answer(0, sent[1].msgid, packed_number(3));
    const auto outcome = net.outcome();
    CHECK(outcome.call == id);
    CHECK(outcome.reply->result == packed_number(3));
    CHECK(outcome.reply->timing.empty());
    CHECK(net.session.calls() == 0);
    CHECK_FALSE(net.session.next_deadline());
}

TEST_CASE("the hello says who the client is and what it can") {
    ClientOptions options;
    options.name = "shop";
    SessionHarness net{options};
    net.session.on_connected(0, net.now);
    std::string expected;
    Packer packer{expected};
    packer.array(1).map(4).string("protocol").unsigned_integer(1).string("batch").boolean(true);
    packer.string("heartbeat").boolean(true).string("name").string("shop");
    CHECK(net.sent().at(0).params == expected);
}

TEST_CASE("every option of a call is on the wire") {
    SessionHarness net;
    net.connect();
    net.start({.timeout = 5s,
               .idempotent = true,
               .key = "",
               .worker = "w1",
               .meta = {{"who", "me"}},
               .trace = "00-ab",
               .timing = true});
    const auto sent = net.calls_sent();
    BodyReader reader{sent.at(0).bytes};
    MessageView view;
    REQUIRE(reader.next(view) == BodyReader::Step::message);
    CHECK(view.bad_option == nullptr);
    CHECK(view.options.timeout_ms == 5'000);
    CHECK(view.options.timeout_at != 0);
    CHECK(view.options.idempotent == true);
    CHECK(view.options.key == "");
    CHECK(view.options.worker == "w1");
    CHECK(view.options.trace == "00-ab");
    CHECK(view.options.meta == std::string{"\x81\xa3who\xa2me"});
    CHECK(view.options.timing);
}

TEST_CASE("the owner and the timing come back with the outcome") {
    SessionHarness net;
    net.connect();
    int owner = 0;
    const auto params = packed_array();
    const CallOptions options{.timing = true};
    net.session.start({.method = "M.n", .params = params, .options = options, .owner = &owner}, net.now);
    const auto msgid = net.calls_sent().at(0).msgid;
    std::string body;
    Packer{body}.array(5).unsigned_integer(1).fixed_u32(msgid).nil().unsigned_integer(7).map(0);
    net.session.on_body(0, body, net.now);
    const auto outcome = net.outcome();
    CHECK(outcome.owner == &owner);
    CHECK(outcome.reply->timing == "\x80");
}

TEST_CASE("the broker's error is the caller's") {
    SessionHarness net;
    net.connect();
    net.start();
    net.fail(0, net.calls_sent().at(0).msgid, Error{Code::not_found, "nobody", By::broker, Ran::no});
    const auto outcome = net.outcome();
    REQUIRE_FALSE(outcome.reply.has_value());
    CHECK(outcome.reply.error().code() == Code::not_found);
    CHECK(outcome.reply.error().message() == "nobody");
    CHECK(outcome.reply.error().by() == By::broker);
}

TEST_CASE("an error that is no error object is INTERNAL") {
    SessionHarness net;
    net.connect();
    net.start();
    std::string body;
    Packer{body}.array(4).unsigned_integer(1).fixed_u32(net.calls_sent().at(0).msgid).string("oops").nil();
    net.session.on_body(0, body, net.now);
    require_error(net.outcome(), Code::internal, Ran::maybe);
}

TEST_CASE("what is no call is refused before it is sent") {
    SessionHarness net;
    net.connect();
    net.sent();
    for (const auto* method : {"nodot", "", ".n", "M.", "M.\n"}) {
        net.start({}, method);
        require_error(net.outcome(), Code::invalid_argument, Ran::no);
    }
    for (const auto& params : {std::string{}, packed_number(1), std::string{"\x91"}, packed_array() + packed_array()}) {
        net.start({}, "M.n", params);
        require_error(net.outcome(), Code::invalid_argument, Ran::no);
    }
    CHECK(net.sent().empty());
}

TEST_CASE("a call without time ends at once") {
    SessionHarness net;
    net.connect();
    for (const auto timeout : {0ms, -5ms}) {
        net.start({.timeout = timeout});
        require_error(net.outcome(), Code::deadline_exceeded, Ran::no);
    }
    CHECK(net.calls_sent().empty());
}

TEST_CASE("a call lasts no longer than the call that it is made for") {
    SessionHarness net;
    net.connect();
    net.sent();
    const auto params = packed_array();
    const auto start = [&](const CallOptions& options, Duration left) {
        net.session.start({.method = "M.n", .params = params, .options = options, .latest = net.now + left}, net.now);
    };
    start({}, 700ms);
    start({.timeout = 5s}, 800ms + 999us);
    start({.timeout = 300ms}, 1h);
    const auto sent = net.calls_sent();
    CHECK(sent.at(0).timeout_ms == 700);
    CHECK(sent.at(1).timeout_ms == 800);
    CHECK(sent.at(2).timeout_ms == 300);
    for (const Duration left : {Duration{0ms}, Duration{-1h}, Duration{999us}}) {
        start({}, left);
        require_error(net.outcome(), Code::deadline_exceeded, Ran::no);
    }
    CHECK(net.calls_sent().empty());
}

TEST_CASE("an endless timeout is the longest that the wire can say") {
    SessionHarness net;
    net.connect();
    net.start({.timeout = std::chrono::milliseconds::max()});
    CHECK(net.calls_sent().at(0).timeout_ms == 0xffff'ffff);
    CHECK(net.session.calls() == 1);
}

TEST_CASE("one call too many is refused") {
    ClientOptions options;
    options.max_calls = 2;
    SessionHarness net{options};
    net.start();
    net.start();
    net.start();
    require_error(net.outcome(), Code::resource_exhausted, Ran::no);
    CHECK(net.session.calls() == 2);
}

TEST_CASE("requests that wait are bounded in bytes, but a single one is always kept") {
    ClientOptions options;
    options.max_held_bytes = 1000;
    SessionHarness net{options};
    net.start_large(5000);
    CHECK_FALSE(net.session.has_outcomes());
    net.start();
    require_error(net.outcome(), Code::resource_exhausted, Ran::no);
    net.connect();
    CHECK(net.calls_sent().size() == 1);
    net.start();
    CHECK(net.calls_sent().size() == 1);
}

TEST_CASE("a request over the broker's maximum is refused") {
    SessionHarness net;
    net.session.on_connected(0, net.now);
    net.greet(0, "broker-1", 100'000);
    net.start_large(99'000);
    CHECK_FALSE(net.session.has_outcomes());
    net.start_large(100'000);
    require_error(net.outcome(), Code::resource_exhausted, Ran::no);
    CHECK(net.calls_sent().size() == 1);
}

TEST_CASE("a large request waits for the broker's maximum, and is refused where it is over it") {
    SessionHarness net;
    net.session.on_connected(0, net.now);
    net.start_large(5'000);
    net.start_large(150'000);
    CHECK(net.calls_sent().empty());
    net.greet(0, "broker-1", 100'000);
    CHECK(net.calls_sent().size() == 1);
    require_error(net.outcome(), Code::resource_exhausted, Ran::no);
}

TEST_CASE("large requests are bodies of their own, small ones share one") {
    SessionHarness net;
    net.connect();
    net.sent();
    net.bodies = 0;
    for (int i = 0; i < 10; ++i) net.start();
    net.start_large(Outbox::batch_bytes + 1);
    CHECK(net.calls_sent().size() == 11);
    CHECK(net.bodies == 2);
}

TEST_CASE("a broker with a small maximum gets one call a body") {
    SessionHarness net;
    net.session.on_connected(0, net.now);
    net.sent();
    net.greet(0, "broker-1", 10'000);
    net.bodies = 0;
    net.start();
    net.start();
    CHECK(net.calls_sent().size() == 2);
    CHECK(net.bodies == 2);
}

TEST_CASE("without a broker a call waits to its deadline, and the error names where nobody answers") {
    SessionHarness net{SessionHarness::with_brokers({"tcp://127.0.0.1:5555", "ipc:///b"})};
    net.session.on_refused(1, "not a ZeroMQ socket", KeyTrouble::none, net.now);
    net.start(one_second);
    net.pass(999ms);
    CHECK_FALSE(net.session.has_outcomes());
    net.pass(1ms);
    const auto outcome = net.outcome();
    require_error(outcome, Code::unavailable, Ran::no);
    CHECK(outcome.reply.error().message() ==
          "no broker answers at tcp://127.0.0.1:5555, ipc:///b (not a ZeroMQ socket)");
}

TEST_CASE("a call that waited is sent when a broker comes, with the time that it has left") {
    SessionHarness net;
    net.start(one_second);
    net.pass(300ms);
    net.session.on_connected(0, net.now);
    const auto sent = net.calls_sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].timeout_ms == 700);
    net.answer(0, sent[0].msgid, packed_number(1));
    CHECK(net.outcome().reply.has_value());
}

TEST_CASE("calls that waited go out in the order of their start") {
    SessionHarness net;
    std::vector<CallId> started;
    for (int i = 0; i < 40; ++i) started.push_back(net.start());
    net.connect();
    std::vector<CallId> ended;
    for (const auto& message : net.calls_sent()) {
        net.answer(0, message.msgid, packed_number(1));
        ended.push_back(net.outcome().call);
    }
    CHECK(ended == started);
}

TEST_CASE("while the broker is heard, its answer has a grace beyond the deadline") {
    SessionHarness net;
    net.connect();
    net.start(one_second);
    const auto msgid = net.calls_sent().at(0).msgid;
    net.pass(600ms);
    net.tell(0, "rpc.heartbeat", packed_array(packed_string("broker-1")));
    net.pass(649ms);
    CHECK_FALSE(net.session.has_outcomes());
    net.fail(0, msgid, Error{Code::deadline_exceeded, "too long", By::broker, Ran::maybe});
    CHECK(net.outcome().reply.error().by() == By::broker);
    net.pass(1s);
    CHECK_FALSE(net.session.has_outcomes());
}

TEST_CASE("after the grace the client says that the time is over, and cancels the call") {
    SessionHarness net;
    net.connect();
    net.start(one_second);
    const auto msgid = net.calls_sent().at(0).msgid;
    net.pass(1249ms);
    CHECK_FALSE(net.session.has_outcomes());
    net.pass(1ms);
    require_error(net.outcome(), Code::deadline_exceeded, Ran::maybe);
    const auto sent = net.sent();
    REQUIRE(sent.back().method == "rpc.cancel");
    CHECK(sent.back().params == packed_array(packed_number(msgid)));
}

TEST_CASE("a deadline at a connection that never said a word is UNAVAILABLE") {
    SessionHarness net;
    net.session.on_connected(0, net.now);
    net.start(one_second);
    net.sent();
    net.pass(1250ms);
    const auto outcome = net.outcome();
    require_error(outcome, Code::unavailable, Ran::maybe);
    CHECK(outcome.reply.error().message() == "the broker at tcp://127.0.0.1:5555 is connected, but silent");
}

TEST_CASE("an answer that comes after the end is counted and dropped") {
    SessionHarness net;
    net.connect();
    net.start();
    const auto msgid = net.calls_sent().at(0).msgid;
    net.answer(0, msgid, packed_number(1));
    net.session.take_outcomes();
    net.answer(0, msgid, packed_number(2));
    net.answer(0, 4711, packed_number(3));
    CHECK_FALSE(net.session.has_outcomes());
    CHECK(net.session.counters().unknown_responses == 2);
}

TEST_CASE("an answer from another broker than the call went to is counted and dropped") {
    SessionHarness net{SessionHarness::with_brokers({"inproc://a", "inproc://b"})};
    net.connect(0, "a");
    net.start();
    const auto msgid = net.calls_sent(0).at(0).msgid;
    net.connect(1, "b");
    net.answer(1, msgid, packed_number(1));
    CHECK(net.session.counters().unknown_responses == 1);
    net.answer(0, msgid, packed_number(2));
    CHECK(net.outcome().reply->result == packed_number(2));
}

TEST_CASE("msgids of many calls in flight differ, and none is that of the hello") {
    SessionHarness net;
    net.connect();
    net.sent();
    std::set<std::uint32_t> msgids;
    for (int i = 0; i < 1000; ++i) net.start();
    for (const auto& message : net.calls_sent()) msgids.insert(message.msgid);
    CHECK(msgids.size() == 1000);
    CHECK(msgids.count(ClientSession::hello_msgid) == 0);
}

TEST_CASE("a cancelled call ends at once, and the broker hears of it") {
    SessionHarness net;
    net.connect();
    const auto id = net.start();
    const auto msgid = net.calls_sent().at(0).msgid;
    net.session.cancel(id);
    require_error(net.outcome(), Code::cancelled, Ran::maybe);
    const auto sent = net.sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].method == "rpc.cancel");
    CHECK(sent[0].params == packed_array(packed_number(msgid)));
    net.session.cancel(id);
    CHECK_FALSE(net.session.has_outcomes());
}

TEST_CASE("a call that is cancelled before it was sent certainly did not run") {
    SessionHarness net;
    const auto id = net.start();
    net.session.cancel(id);
    require_error(net.outcome(), Code::cancelled, Ran::no);
    net.connect();
    CHECK(net.calls_sent().empty());
}

TEST_CASE("all calls are cancelled at once") {
    SessionHarness net;
    net.connect();
    net.start();
    net.start();
    net.calls_sent();
    net.session.cancel_all();
    CHECK(net.session.take_outcomes().size() == 2);
    CHECK(net.sent().size() == 2);
    CHECK(net.session.calls() == 0);
}

TEST_CASE("a one-way call is done when the connection has taken it") {
    SessionHarness net;
    net.connect();
    net.sent();
    const auto id = net.notify();
    CHECK_FALSE(net.session.has_outcomes());
    const auto sent = net.sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].type == MessageType::notification);
    const auto outcome = net.outcome();
    CHECK(outcome.call == id);
    CHECK(outcome.reply->result.empty());
    CHECK_FALSE(net.session.next_deadline());
}

TEST_CASE("a one-way call waits for a broker, too") {
    SessionHarness net;
    net.notify(one_second);
    net.pass(500ms);
    net.connect();
    const auto sent = net.calls_sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].timeout_ms == 500);
    CHECK(net.outcome().reply.has_value());
    net.session.on_closed(0, "", net.now);
    net.notify(one_second);
    net.pass(1s);
    require_error(net.outcome(), Code::unavailable, Ran::no);
}

TEST_CASE("a one-way call that the connection does not take ends at its deadline") {
    SessionHarness net;
    net.connect();
    net.sent();
    net.notify(one_second);
    net.pass(1s);
    require_error(net.outcome(), Code::unavailable, Ran::maybe);
    CHECK(net.sent().size() == 1);
    CHECK_FALSE(net.session.has_outcomes());
}

TEST_CASE("a one-way call that was not taken before the connection closed goes to the next one") {
    SessionHarness net;
    net.connect();
    net.sent();
    net.notify();
    net.session.on_closed(0, "", net.now);
    CHECK_FALSE(net.session.has_outcomes());
    net.connect();
    CHECK(net.calls_sent().size() == 1);
    CHECK(net.outcome().reply.has_value());
}
