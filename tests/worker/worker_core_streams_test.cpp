// What WorkerSession does with stream items and their credit.
#include <catch2/catch.hpp>

#include <limits>

#include "tests/worker/session_harness.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;

namespace {

std::string stream_request(std::uint32_t msgid, std::uint32_t credit) {
    RequestOptions options;
    options.stream = credit;
    return SessionHarness::request(msgid, "S.stream", "\x90", options);
}

/// A registered worker that runs one call, 7, with so much credit.
struct StreamHarness : SessionHarness {
    explicit StreamHarness(std::uint32_t credit) {
        registered();
        receive(stream_request(7, credit));
        call = take();
    }
    ItemSent send(std::string_view item = "\x05") { return send_item(call, item); }

    Call call;
};

std::string packed_text(std::size_t size) {
    std::string packed;
    Packer{packed}.string(std::string(size, 'x'));
    return packed;
}

}  // namespace

TEST_CASE("an item has the five-byte form of the msgid") {
    std::string item;
    begin_item(item, 7);
    CHECK(item == std::string("\x93\x03\xce\x00\x00\x00\x07", 7));
}

TEST_CASE("items go out in order and before the response, in one body") {
    StreamHarness harness{10};
    CHECK(harness.send("\x01") == ItemSent::yes);
    CHECK(harness.send("\x02") == ItemSent::yes);
    harness.finish(harness.call, "\x03");
    CHECK(harness.sent_bodies() == std::vector<Texts>{{"item 7 1", "item 7 2", "response 7 nil 3"}});
    CHECK(harness.session.counters().items == 2);
}

TEST_CASE("items before an error go out, too") {
    StreamHarness harness{10};
    harness.send("\x01");
    std::string response;
    append_error(response, 7, {Code::data_loss, "torn"});
    harness.session.finish(harness.call, response);
    CHECK(harness.sent() == Texts{"item 7 1", "response 7 DATA_LOSS nil"});
}

TEST_CASE("a call sends as many items as it has credit for") {
    StreamHarness harness{2};
    CHECK(harness.session.may_send_item(harness.call) == ItemSent::yes);
    CHECK(harness.send() == ItemSent::yes);
    CHECK(harness.send() == ItemSent::yes);
    CHECK(harness.session.may_send_item(harness.call) == ItemSent::no_credit);
    CHECK(harness.send() == ItemSent::no_credit);
    CHECK(harness.sent() == Texts{"item 7 5", "item 7 5"});
}

TEST_CASE("credit that comes while a call runs adds up, and is told when there was none") {
    StreamHarness harness{1};
    harness.credit(7, 1);
    CHECK(harness.events().empty());
    CHECK(harness.send() == ItemSent::yes);
    CHECK(harness.send() == ItemSent::yes);
    CHECK(harness.send() == ItemSent::no_credit);
    harness.credit(7, 0);
    CHECK(harness.events().empty());
    harness.credit(7, 1);
    harness.credit(7, 1);
    CHECK(harness.events() == Texts{"call_credited " + std::to_string(harness.call.slot)});
    CHECK(harness.send() == ItemSent::yes);
    CHECK(harness.send() == ItemSent::yes);
    CHECK(harness.send() == ItemSent::no_credit);
}

TEST_CASE("credit that comes while a call waits adds up") {
    SessionHarness harness;
    harness.registered();
    harness.receive(stream_request(7, 0));
    harness.credit(7, 1);
    harness.credit(7, 1);
    const auto call = harness.take();
    CHECK(harness.send_item(call, "\x01") == ItemSent::yes);
    CHECK(harness.send_item(call, "\x02") == ItemSent::yes);
    CHECK(harness.send_item(call, "\x03") == ItemSent::no_credit);
    CHECK(harness.events().empty());
}

TEST_CASE("there is no such thing as too much credit") {
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    StreamHarness harness{1};
    harness.credit(7, most);
    harness.credit(7, most);
    CHECK(harness.send() == ItemSent::yes);
    harness.receive(stream_request(8, 1));
    harness.credit(8, most);
    harness.credit(8, most);
    CHECK(harness.send_item(harness.take(), "\x01") == ItemSent::yes);
}

TEST_CASE("a call without the option stream sends nothing, whatever credit comes") {
    SessionHarness harness;
    harness.registered();
    harness.receive(harness.request(1) + harness.request(2));
    const auto call = harness.take();
    harness.credit(1, 5);
    harness.credit(2, 5);
    CHECK(harness.send_item(call, "\x01") == ItemSent::no_credit);
    CHECK(harness.send_item(harness.take(), "\x01") == ItemSent::no_credit);
    CHECK(harness.events().empty());
    CHECK(harness.session.counters().unexpected_messages == 0);
}

TEST_CASE("credit for a call that is not here does nothing") {
    StreamHarness harness{0};
    harness.credit(99, 5);
    harness.finish(harness.call);
    harness.credit(7, 5);
    CHECK(harness.events().empty());
    CHECK(harness.session.counters().unexpected_messages == 0);
}

TEST_CASE("rpc.credit that cannot be read is counted") {
    const auto params = GENERATE(as<std::string>{}, "\x90", "\x91\x07", "\x92\x07\xff", "\x92\xa1x\x01", "\x92\xff\x01",
                                 "\x92\xcf\x01\x01\x01\x01\x01\x01\x01\x01\x01");
    StreamHarness harness{0};
    harness.notify("rpc.credit", params);
    CHECK(harness.session.counters().unexpected_messages == 1);
    CHECK(harness.events().empty());
}

TEST_CASE("items of a call that was cancelled are not sent, but its response is") {
    StreamHarness harness{10};
    harness.send("\x01");
    harness.cancel(7);
    CHECK(harness.send("\x02") == ItemSent::unwanted);
    CHECK(harness.session.may_send_item(harness.call) == ItemSent::unwanted);
    harness.finish(harness.call);
    CHECK(harness.sent() == Texts{"item 7 1", "response 7 nil nil"});
}

TEST_CASE("items of an earlier registration are not sent") {
    StreamHarness harness{10};
    harness.send("\x01");
    SECTION("because the connection closed") { harness.session.on_closed(harness.now); }
    SECTION("because the broker does not know us") { harness.notify("rpc.register_again"); }
    harness.sent();
    CHECK(harness.send("\x02") == ItemSent::unwanted);
    harness.credit(7, 5);
    CHECK(harness.send("\x02") == ItemSent::unwanted);
    CHECK(harness.sent().empty());
}

TEST_CASE("a stream goes on when the broker was silent and still knows the worker") {
    StreamHarness harness{1};
    harness.pass(1500ms);
    harness.sent();
    CHECK(harness.send() == ItemSent::yes);
    harness.answer();
    harness.events();
    harness.credit(7, 1);
    CHECK(harness.events() == Texts{"call_credited 0"});
    CHECK(harness.send() == ItemSent::yes);
    CHECK(harness.sent() == Texts{"item 7 5", "item 7 5"});
}

TEST_CASE("a worker that leaves finishes the stream that runs") {
    StreamHarness harness{1};
    harness.session.leave(harness.now);
    harness.notify("rpc.left");
    CHECK(harness.send("\x01") == ItemSent::yes);
    harness.credit(7, 1);
    CHECK(harness.send("\x02") == ItemSent::yes);
    CHECK_FALSE(harness.session.finished());
    harness.finish(harness.call);
    CHECK(harness.session.finished());
    CHECK(harness.sent() == Texts{"rpc.leave []", "item 7 1", "item 7 2", "response 7 nil nil"});
}

TEST_CASE("a stream that waits goes back like any other call, and its credit with it") {
    StreamHarness harness{1};
    harness.receive(stream_request(8, 1));
    harness.credit(8, 5);
    harness.now += 5ms;
    harness.session.give_back(harness.now);
    CHECK(harness.sent() == Texts{R"(rpc.heartbeat [{"capacity": 1}])", "rpc.return [[8]]"});
    harness.credit(8, 5);
    CHECK(harness.session.counters().unexpected_messages == 0);
}

TEST_CASE("an item over max_message is refused, and takes no credit") {
    SessionHarness harness;
    harness.session.on_connected(harness.now);
    harness.answer("w1", "b1", 500, 100);
    harness.receive(stream_request(7, 1));
    harness.sent();
    const auto call = harness.take();
    CHECK(harness.send_item(call, packed_text(92)) == ItemSent::too_large);
    CHECK(harness.send_item(call, packed_text(91)) == ItemSent::yes);
    CHECK(harness.send_item(call, packed_text(92)) == ItemSent::too_large);
    CHECK(harness.sent().size() == 1);
    harness.cancel(7);
    CHECK(harness.send_item(call, packed_text(92)) == ItemSent::unwanted);
}

TEST_CASE("a large item is moved, not copied, and keeps its place") {
    StreamHarness harness{10};
    harness.send("\x01");
    std::string item;
    begin_item(item, 7);
    Packer{item}.string(std::string(100'000, 'x'));
    CHECK(harness.session.send_item(harness.call, item) == ItemSent::yes);
    CHECK(item.empty());
    harness.send("\x02");
    const auto bodies = harness.sent_bodies();
    REQUIRE(bodies.size() == 3);
    CHECK(bodies.front() == Texts{"item 7 1"});
    CHECK(bodies.back() == Texts{"item 7 2"});
}

TEST_CASE("an item that is not sent stays as it is") {
    StreamHarness harness{0};
    std::string item;
    begin_item(item, 7);
    item += packed_text(100'000);
    const auto before = item;
    CHECK(harness.session.send_item(harness.call, item) == ItemSent::no_credit);
    CHECK(item == before);
}

TEST_CASE("no more than some items wait to be sent, whatever the credit") {
    StreamHarness harness{1'000'000};
    const auto item = packed_text(1000);
    std::size_t items = 0;
    while (harness.send(item) == ItemSent::yes) ++items;
    CHECK(harness.send(item) == ItemSent::no_room);
    CHECK(harness.session.may_send_item(harness.call) == ItemSent::no_room);
    CHECK(harness.session.outbox().waiting_bytes() < WorkerSession::most_waiting_bytes + 2000);
    CHECK(harness.sent().size() == items);
    CHECK(harness.send(item) == ItemSent::yes);
}
