// ClientSession: the items of streams, credit, and what streams survive (nothing).
#include <catch2/catch.hpp>

#include "tests/client/session_harness.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;

namespace {

/// A stream that was sent, and its msgid.
std::uint32_t running(SessionHarness& net, std::uint32_t credit, const CallOptions& options = {}) {
    net.connect();
    net.start_stream(credit, options);
    return net.calls_sent().at(0).msgid;
}

}  // namespace

TEST_CASE("a stream's request carries the first credit, other requests none") {
    SessionHarness net;
    net.connect();
    net.start_stream(32);
    net.start();
    const auto sent = net.calls_sent();
    CHECK(sent.at(0).stream == 32);
    CHECK_FALSE(sent.at(1).stream.has_value());
}

TEST_CASE("items come with their owner, before the outcome") {
    SessionHarness net;
    net.connect();
    const auto id = net.start_stream(2);
    const auto msgid = net.calls_sent().at(0).msgid;
    net.item(0, msgid, 1);
    net.item(0, msgid, 2);
    net.answer(0, msgid, packed_number(3));
    const auto items = net.session.take_items();
    REQUIRE(items.size() == 2);
    CHECK(items[0].call == id);
    CHECK(items[0].owner == &net);
    CHECK(items[0].item == packed_number(1));
    CHECK(items[1].item == packed_number(2));
    CHECK(net.outcome().reply->result == packed_number(3));
    CHECK(net.items().empty());
}

TEST_CASE("a stream ends with its error, after the items that came") {
    SessionHarness net;
    const auto msgid = running(net, 2);
    net.item(0, msgid, 1);
    net.fail(0, msgid, Error{Code::aborted, "no more"});
    CHECK(net.items().size() == 1);
    CHECK(net.outcome().reply.error().code() == Code::aborted);
}

TEST_CASE("what is granted goes to the broker, and lets more items come") {
    SessionHarness net;
    net.connect();
    const auto id = net.start_stream(1);
    const auto msgid = net.calls_sent().at(0).msgid;
    net.item(0, msgid, 1);
    net.session.grant(id, 2);
    const auto sent = net.sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].type == MessageType::notification);
    CHECK(sent[0].method == "rpc.credit");
    CHECK(sent[0].params == packed_numbers({msgid, 2}));
    net.item(0, msgid, 2);
    net.item(0, msgid, 3);
    CHECK(net.items().size() == 3);
    CHECK_FALSE(net.session.has_outcomes());
}

TEST_CASE("an item beyond the credit ends the stream and is cancelled at the broker") {
    SessionHarness net;
    const auto msgid = running(net, 1);
    net.item(0, msgid, 1);
    net.item(0, msgid, 2);
    CHECK(net.items().size() == 1);
    require_error(net.outcome(), Code::internal, Ran::maybe);
    const auto sent = net.sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].method == "rpc.cancel");
    CHECK(sent[0].params == packed_numbers({msgid}));
    net.item(0, msgid, 3);
    CHECK(net.session.counters().unknown_responses == 1);
}

TEST_CASE("a stream may begin without credit") {
    SessionHarness net;
    const auto msgid = running(net, 0);
    net.answer(0, msgid, packed_number(0));
    CHECK(net.outcome().reply.has_value());
}

TEST_CASE("items for no stream, or from another broker, are counted and dropped") {
    SessionHarness net{SessionHarness::with_brokers({"inproc://a", "inproc://b"})};
    const auto msgid = running(net, 4);
    net.connect(1, "b");
    net.item(1, msgid, 1);
    net.item(0, msgid + 77, 1);
    CHECK(net.session.counters().unknown_responses == 2);
    net.session.cancel_all();
    net.session.take_outcomes();
    net.session.on_closed(1, "", net.now);
    net.sent();
    net.start();
    const auto call = net.calls_sent().at(0).msgid;
    net.item(0, call, 1);
    CHECK(net.session.counters().unexpected_messages == 1);
    CHECK(net.items().empty());
    net.answer(0, call, packed_number(1));
    CHECK(net.outcome().reply.has_value());
}

TEST_CASE("credit for what is no running stream is nothing") {
    SessionHarness net;
    const auto waiting = net.start_stream(1);
    net.session.grant(waiting, 1);
    net.session.cancel(waiting);
    net.session.grant(waiting, 1);
    net.connect();
    const auto call = net.start();
    net.sent();
    net.session.grant(call, 1);
    CHECK(net.sent().empty());
}

TEST_CASE("a stream is not run again when its broker is lost, idempotent or not") {
    for (const bool idempotent : {false, true}) {
        SessionHarness net;
        const auto msgid = running(net, 8, {.idempotent = idempotent});
        net.item(0, msgid, 1);
        net.session.on_closed(0, "", net.now);
        CHECK(net.items().size() == 1);
        require_error(net.outcome(), Code::unavailable, Ran::maybe);
        net.connect();
        CHECK(net.calls_sent().empty());
    }
}

TEST_CASE("an idempotent stream's request is not kept once it was sent") {
    ClientOptions options;
    options.max_held_bytes = 1;
    SessionHarness net{options};
    net.connect();
    net.sent();
    net.start_stream(1, {.idempotent = true});
    net.sent();
    net.start();
    CHECK_FALSE(net.session.has_outcomes());
}

TEST_CASE("a stream that was not sent yet may go to another connection") {
    SessionHarness net;
    net.connect();
    net.sent();
    net.start_stream(5);
    net.session.on_closed(0, "", net.now);
    CHECK_FALSE(net.session.has_outcomes());
    net.connect();
    const auto sent = net.calls_sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].stream == 5);
    net.item(0, sent[0].msgid, 1);
    CHECK(net.items().size() == 1);
}

TEST_CASE("a cancelled stream ends at once, and the broker hears of it") {
    SessionHarness net;
    net.connect();
    const auto id = net.start_stream(4);
    const auto msgid = net.calls_sent().at(0).msgid;
    net.item(0, msgid, 1);
    net.session.cancel(id);
    require_error(net.outcome(), Code::cancelled, Ran::maybe);
    CHECK(net.sent().at(0).method == "rpc.cancel");
    net.item(0, msgid, 2);
    CHECK(net.items().size() == 1);
}

TEST_CASE("the deadline is for the whole stream, and items come until its end") {
    SessionHarness net;
    const auto msgid = running(net, 9, {.timeout = 1s});
    net.pass(1100ms);
    net.item(0, msgid, 1);
    CHECK(net.items().size() == 1);
    net.pass(150ms);
    require_error(net.outcome(), Code::deadline_exceeded, Ran::maybe);
    CHECK(net.sent().back().method == "rpc.cancel");
}

TEST_CASE("heartbeats go on while a stream is in flight, and its items are the broker's word") {
    SessionHarness net;
    const auto msgid = running(net, 100, {.timeout = 60s});
    for (std::uint64_t i = 0; i < 10; ++i) {
        net.pass(1400ms);
        CHECK(net.sent().at(0).method == "rpc.heartbeat");
        net.item(0, msgid, i);
    }
    CHECK_FALSE(net.session.has_outcomes());
    CHECK(net.items().size() == 10);
}

TEST_CASE("a one-way call takes no items") {
    SessionHarness net;
    net.connect();
    net.sent();
    const auto params = packed_array();
    net.session.start({.method = "M.n", .params = params, .options = {}, .one_way = true, .stream = 3}, net.now);
    const auto sent = net.sent();
    CHECK(sent.at(0).type == MessageType::notification);
    CHECK_FALSE(sent.at(0).stream.has_value());
}
