// Stream items, credit, and what becomes of streams whose client or worker is slow, wrong or gone.
#include <catch2/catch.hpp>

#include <limits>

#include <rpcbroker/pack.hpp>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

constexpr auto window = broker::StreamCredit::window;

/// One worker with the stream method S.m, and one client.
struct Pair : BrokerBench {
    explicit Pair(Offer offer = {.capacity = 10, .stream = true})
        : worker(BrokerBench::worker("w", offer)), client(BrokerBench::client("c")) {}

    /// A stream as its worker gets it.
    Received stream(std::uint32_t msgid, std::uint32_t granted) {
        client.request(msgid, "S.m", no_params, {.stream = granted});
        return worker.call();
    }
    BenchWorker& worker;
    BenchClient& client;
};

std::vector<json> values(const std::vector<Received>& items) {
    std::vector<json> out;
    for (const auto& item : items) out.push_back(item.result);
    return out;
}

void stream_many(BenchWorker& worker, const Received& call, std::uint64_t items) {
    for (std::uint64_t i = 0; i < items; ++i) worker.streams(call, i);
}

/// Items that together are more than is kept for a client that does not read.
void stream_too_much(BenchWorker& worker, const Received& call) {
    for (int i = 0; i < 5; ++i) worker.streams(call, std::string(300'000, 'x'));
}

/// Whether the core wants to be told the time again only for deadlines of calls, once the memory of large bodies is given back.
bool is_quiet(BrokerBench& bench) {
    bench.passes(2500ms);
    return bench.core().next_deadline().value_or(TimePoint::max()) > bench.now() + 1s;
}

// ---- items

TEST_CASE("items go to the client under its msgid, in order, and the response ends the stream") {
    Pair bench;
    const auto call = bench.stream(7, 10);
    CHECK(call.options == json{{"stream", 10}});
    for (const auto& item : {json(1), json("two"), json(nullptr)}) bench.worker.streams(call, item);
    const auto items = bench.client.items();
    CHECK(values(items) == std::vector<json>{1, "two", nullptr});
    for (const auto& item : items) CHECK(item.msgid == 7);
    bench.worker.answers(call, "end");
    CHECK(bench.client.answer().result == "end");
    CHECK(bench.core().idle());
    CHECK(bench.count(Counter::stream_items) == 3);
}

TEST_CASE("a large item is moved, or copied where its msgid cannot be written over") {
    Pair bench;
    const auto call = bench.stream(7, 10);
    const std::string large(BrokerCore::large_body + 1, 'x');
    bench.worker.streams(call, large);
    CHECK(values(bench.client.items()) == std::vector<json>{large});

    std::string body = "\x93\x03\xcf";  // a msgid of nine bytes
    for (int shift = 56; shift >= 0; shift -= 8) body.push_back(static_cast<char>(std::uint64_t{*call.msgid} >> shift));
    Packer(body).string(large);
    bench.worker.sends(body);
    CHECK(values(bench.client.items()) == std::vector<json>{large});
}

TEST_CASE("a client that takes batches gets items in batches") {
    Pair bench;
    bench.client.hello({{"batch", true}});
    const auto call = bench.stream(1, 10);
    std::string body;
    for (int i = 0; i < 3; ++i) append_stream_item(body, *call.msgid, pack(i));
    append_result(body, *call.msgid, pack("end"));
    bench.worker.sends(body);
    const auto got = bench.client.received();
    REQUIRE(got.size() == 4);
    CHECK(got[0].body == got[3].body);
    CHECK(got[3].result == "end");
}

TEST_CASE("an item for a call that is not that worker's is counted and dropped") {
    Pair bench;
    const auto call = bench.stream(1, 10);
    auto& other = bench.BrokerBench::worker("other", {.stream = true});
    other.streams(call, 1);
    bench.worker.streams(*call.msgid + 1, 1);
    bench.worker.answers(call, 1);
    bench.client.answer();
    bench.worker.streams(call, 1);
    CHECK(bench.client.heard_nothing());
    CHECK(bench.count(Counter::late_responses) == 3);
    CHECK(bench.count(Counter::stream_items) == 0);
}

TEST_CASE("an item beyond the credit ends the call with INTERNAL, and cancels it at the worker") {
    Pair bench;
    const auto call = bench.stream(1, 2);
    for (int i = 0; i < 4; ++i) bench.worker.streams(call, i);
    CHECK(values(bench.client.items()) == std::vector<json>{0, 1});
    const auto answer = bench.client.answer();
    CHECK(answer.code() == "INTERNAL");
    CHECK(answer.message() == "worker " + bench.worker.worker_id() + " sent more stream items than it was granted");
    CHECK(answer.error["by"] == "broker");
    CHECK(answer.ran() == "maybe");
    CHECK(bench.worker.notified() == std::vector<std::string>{"rpc.cancel"});
    CHECK(bench.count(Counter::late_items) == 1);
}

TEST_CASE("an item for a call without stream ends it with INTERNAL, a one-way call as well") {
    Pair bench({.capacity = 10});
    bench.client.request(1, "S.m");
    bench.worker.streams(bench.worker.call(), 1);
    const auto answer = bench.client.answer();
    CHECK(answer.code() == "INTERNAL");
    CHECK(answer.message() == "worker " + bench.worker.worker_id() + " sent a stream item for a call that takes none");
    CHECK(answer.ran() == "maybe");

    bench.client.notify("S.m", no_params, {.stream = 5});
    const auto one_way = bench.worker.call();
    CHECK(one_way.options == json::object());
    bench.worker.streams(one_way, 1);
    CHECK(bench.client.heard_nothing());
    CHECK(bench.count(Counter::one_way_failed) == 1);
    CHECK(bench.worker.notified() == std::vector<std::string>{"rpc.cancel", "rpc.cancel"});
}

// ---- credit

TEST_CASE("credit is handed on to the worker at once, however small") {
    Pair bench;
    const auto call = bench.stream(1, 0);
    bench.worker.streams(bench.stream(2, 1), "other");
    for (const std::uint64_t items : {1U, 2U, 3U}) {
        bench.client.credit(1, items);
        const auto told = bench.worker.notifications();
        REQUIRE(told.size() == 1);
        CHECK(told[0].method == "rpc.credit");
        CHECK(told[0].params == json::array({*call.msgid, items}));
    }
    stream_many(bench.worker, call, 6);
    CHECK(bench.client.items().size() == 7);
}

TEST_CASE("a worker is granted a window of what the client granted, and topped up when half of it is gone") {
    Pair bench;
    const auto call = bench.stream(1, 5000);
    CHECK(call.options["stream"] == window);
    stream_many(bench.worker, call, window / 2);
    CHECK(bench.worker.heard_nothing());
    bench.worker.streams(call, "one more");
    CHECK(bench.worker.notifications().at(0).params == json::array({*call.msgid, window / 2 + 1}));
    CHECK(bench.worker.credit(call) == window);
    for (std::uint64_t sent = window / 2 + 1; sent < 5000; ++sent) bench.worker.streams(call, sent);
    CHECK(bench.worker.credit(call) == 0);
    bench.worker.streams(call, "too much");
    CHECK(bench.client.answer().code() == "INTERNAL");
    CHECK(bench.client.items().size() == 5000);
}

TEST_CASE("only the stream is rewritten in the options of a request that grants more than a window") {
    Pair bench({.capacity = 0, .stream = true});
    const auto most = std::numeric_limits<std::uint64_t>::max();
    const json options{{"a", 1}, {"caller", "root"}, {"stream", most}, {"timeout", 100'000}, {"z", {1, 2}}};
    std::string body;
    Packer(body).array(5).unsigned_integer(0).fixed_u32(1).string("S.m").array(0).raw(pack(options));
    bench.client.sends(body);
    bench.passes(400ms);
    bench.worker.heartbeat(1);
    const json expected{{"a", 1}, {"stream", window}, {"timeout", 99'600}, {"z", {1, 2}}};
    CHECK(bench.worker.call().options == expected);
}

TEST_CASE("credit for a call that waits adds up, and is granted when it is dispatched") {
    Pair bench({.capacity = 0, .stream = true});
    bench.client.request(1, "S.m", no_params, {.stream = 2});
    bench.client.credit(1, 3);
    bench.client.credit(1, 4);
    bench.worker.heartbeat(1);
    const auto call = bench.worker.call();
    CHECK(call.options["stream"] == 2);
    CHECK(bench.worker.notifications().at(0).params == json::array({*call.msgid, 7}));
}

TEST_CASE("credit that is no credit, or for what takes none, is counted") {
    Pair bench({.capacity = 10});
    bench.client.request(1, "S.m");
    bench.client.credit(1, 5);
    CHECK(bench.count(Counter::unexpected_messages) == 1);
    bench.client.credit(2, 5);
    bench.worker.answers(bench.worker.call(), 1);
    bench.client.answer();
    bench.client.credit(1, 5);
    CHECK(bench.count(Counter::unknown_notifications) == 0);
    for (const auto& params : {json::array(), json::array({1}), json::array({1, -1}), json::array({-1, 1}),
                               json::array({1ULL << 32, 1}), json::array({1, 1, 1}), json::array({"1", 1})})
        bench.client.notify("rpc.credit", params);
    CHECK(bench.count(Counter::unknown_notifications) == 7);
    CHECK(bench.worker.heard_nothing());
}

TEST_CASE("credit that adds up over all bounds is the most there is") {
    Pair bench;
    const auto call = bench.stream(1, 1);
    for (int i = 0; i < 3; ++i) bench.client.credit(1, std::numeric_limits<std::uint64_t>::max());
    CHECK(bench.worker.credit(call) == window);
}

// ---- clients that do not read

TEST_CASE("no credit goes to the worker for a client that does not read, until it does") {
    Pair bench;
    const auto call = bench.stream(1, 10);
    bench.client.credit(1, 1000);
    bench.worker.notifications();
    bench.client.reads(false);
    stream_too_much(bench.worker, call);
    stream_many(bench.worker, call, 1000);
    CHECK(bench.worker.heard_nothing());
    bench.client.credit(1, 100);
    CHECK(bench.worker.heard_nothing());
    auto& watcher = bench.BrokerBench::client("watcher");
    CHECK(watcher.asks("rpc.stats").result["streams_withheld"] == 1);
    bench.passes(1s);
    CHECK(bench.worker.heard_nothing());

    bench.client.reads(true);
    CHECK(bench.worker.heard_nothing());
    bench.passes(3ms);
    CHECK(bench.worker.notifications().at(0).params == json::array({*call.msgid, 100}));
    CHECK(watcher.asks("rpc.stats").result["streams_withheld"] == 0);
    CHECK(is_quiet(bench));
}

TEST_CASE("many small items for a client that does not read are too much, too") {
    Pair bench;
    const auto call = bench.stream(1, 1000);
    bench.client.credit(1, 1'000'000);
    bench.client.reads(false);
    std::uint64_t sent = 0;
    while (const auto credit = bench.worker.credit(call)) {
        stream_many(bench.worker, call, credit);
        sent += credit;
        REQUIRE(sent < 10'000);
    }
    CHECK(sent > BrokerCore::stream_unsent_bodies);
    CHECK(bench.core().to_clients().waiting_bytes(bench.client.id()) < BrokerCore::stream_unsent_bytes);
    bench.client.reads(true);
    bench.passes(3ms);
    CHECK(bench.worker.credit(call) == window);
}

TEST_CASE("one client that does not read holds up nobody else's streams") {
    Pair bench;
    auto& other = bench.BrokerBench::client("other");
    bench.client.reads(false);
    const auto held = bench.stream(1, 5);
    stream_too_much(bench.worker, held);
    bench.client.credit(1, 5);
    other.request(1, "S.m", no_params, {.stream = 1});
    const auto call = bench.worker.call();
    bench.worker.streams(call, 1);
    other.credit(1, 5);
    CHECK(bench.worker.credit(call) == 5);
    CHECK(bench.worker.credit(held) == 0);
}

TEST_CASE("streams that are withheld end like others") {
    Pair bench({.capacity = 10, .stream = true});
    std::vector<Received> calls;
    for (std::uint32_t i = 0; i < 4; ++i) calls.push_back(bench.stream(i, 5));
    bench.client.reads(false);
    stream_too_much(bench.worker, calls[0]);
    for (std::uint32_t i = 0; i < 4; ++i) bench.client.credit(i, 5);
    auto& watcher = bench.BrokerBench::client("watcher");
    const auto withheld = [&] { return watcher.asks("rpc.stats").result["streams_withheld"]; };
    CHECK(withheld() == 4);

    SECTION("answered, cancelled and given back") {
        bench.worker.answers(calls[1], 1);
        CHECK(withheld() == 3);
        bench.client.cancel(3);
        CHECK(withheld() == 2);
        bench.worker.returns({calls[2]});
        CHECK(withheld() == 2);  // it is dispatched again, and its client still does not read
        const auto again = bench.worker.call();
        CHECK(again.options["stream"] == 5);
        bench.worker.notifications();
        bench.client.reads(true);
        bench.passes(3ms);
        CHECK(bench.worker.credit(again) == 10);
        CHECK(bench.worker.credit(calls[0]) == 5);
    }
    SECTION("lost with their worker") {
        bench.worker.closes();
        bench.client.reads(true);
        CHECK(bench.client.answers().size() == 4);
    }
    SECTION("lost with their client, whose place another one takes") {
        bench.client.closes();
        CHECK(withheld() == 0);
        auto& next = bench.BrokerBench::client("next");
        CHECK(next.id().slot == bench.client.id().slot);
        next.request(0, "S.m", no_params, {.stream = 5});
        bench.passes(3ms);
    }
    CHECK(withheld() == 0);
    bench.passes(10ms);
    CHECK(is_quiet(bench));
}

TEST_CASE("the place of a client that was withheld and went does not hold up the next one there") {
    Pair bench;
    const auto first = bench.stream(1, 5);
    bench.client.reads(false);
    stream_too_much(bench.worker, first);
    bench.client.credit(1, 5);
    bench.client.closes();
    auto& next = bench.BrokerBench::client("next");
    next.request(1, "S.m", no_params, {.stream = 5});
    const auto second = bench.worker.call();
    next.reads(false);
    stream_too_much(bench.worker, second);
    next.credit(1, 7);
    next.reads(true);
    bench.passes(3ms);
    CHECK(bench.worker.credit(second) == 7);
}

// ---- ends

TEST_CASE("a cancelled stream keeps its place until the worker answers, and its late items are dropped") {
    Pair bench({.capacity = 1, .stream = true});
    const auto call = bench.stream(1, 10);
    bench.worker.streams(call, 1);
    bench.client.cancel(1);
    CHECK(bench.client.answer().code() == "CANCELLED");
    CHECK(bench.worker.notified() == std::vector<std::string>{"rpc.cancel"});
    bench.client.request(2, "S.m", no_params, {.stream = 10});
    CHECK(bench.worker.heard_nothing());
    bench.worker.streams(call, 2);
    bench.client.credit(1, 10);
    bench.worker.answers(call, nullptr);
    CHECK(bench.client.items().size() == 1);
    CHECK(bench.count(Counter::late_items) == 1);
    bench.worker.call();
}

TEST_CASE("a stream whose time runs out ends, and is cancelled at its worker") {
    Pair bench;
    bench.client.request(1, "S.m", no_params, {.timeout_ms = 50, .stream = 10});
    const auto call = bench.worker.call();
    bench.worker.streams(call, 1);
    bench.passes(50ms);
    CHECK(bench.client.answer().code() == "DEADLINE_EXCEEDED");
    CHECK(bench.worker.notified() == std::vector<std::string>{"rpc.cancel"});
    bench.worker.streams(call, 2);
    CHECK(bench.count(Counter::late_items) == 1);
}

TEST_CASE("the streams of a client that is gone are cancelled") {
    Pair bench;
    const auto call = bench.stream(1, 10);
    bench.client.closes();
    CHECK(bench.worker.notified() == std::vector<std::string>{"rpc.cancel"});
    bench.worker.streams(call, 1);
    CHECK(bench.count(Counter::late_items) == 1);
    CHECK(bench.count(Counter::calls_orphaned) == 1);
}

TEST_CASE("a lost worker ends a stream with UNAVAILABLE, after the items that came") {
    Pair bench({.capacity = 1, .idempotent = true, .stream = true});
    bench.worker.streams(bench.stream(1, 10), 1);
    bench.BrokerBench::worker("other", {.idempotent = true, .stream = true});
    bench.worker.closes();
    const auto got = bench.client.received();
    REQUIRE(got.size() == 2);
    CHECK(got[0].result == 1);
    CHECK(got[1].code() == "UNAVAILABLE");
    CHECK(got[1].ran() == "maybe");
}

TEST_CASE("a stream that is given back goes to another worker with its credit") {
    Pair bench({.capacity = 1, .stream = true});
    const auto call = bench.stream(1, 2);
    bench.client.credit(1, 6);
    auto& other = bench.BrokerBench::worker("other", {.stream = true});
    bench.worker.heartbeat(0);
    bench.worker.returns({call});
    const auto again = other.call();
    CHECK(again.options["stream"] == 2);
    CHECK(other.credit(again) == 8);
    stream_many(other, again, 8);
    CHECK(bench.client.items().size() == 8);
}

TEST_CASE("a stream that had begun cannot be given back") {
    Pair bench;
    const auto call = bench.stream(1, 2);
    bench.worker.streams(call, 1);
    bench.worker.returns({call});
    const auto answer = bench.client.answer();
    CHECK(answer.code() == "INTERNAL");
    CHECK(answer.message() == "worker " + bench.worker.worker_id() + " gave back a stream that had begun");
    CHECK(answer.ran() == "maybe");
    CHECK(bench.worker.heard_nothing());
}

// ---- methods that stream, called without

TEST_CASE("a method that streams is refused to calls that take no items") {
    Pair bench;
    RequestOptions options;
    if (GENERATE(false, true)) options.worker = bench.worker.worker_id();
    bench.client.request(1, "S.m", no_params, options);
    const auto answer = bench.client.answer();
    CHECK(answer.code() == "INVALID_ARGUMENT");
    CHECK(answer.message() == "S.m streams its results; call it with the option stream (and not one-way)");
    CHECK(answer.error["by"] == "broker");
    CHECK(answer.ran() == "no");
    bench.client.notify("S.m", no_params, {.stream = 5});
    CHECK(bench.count(Counter::one_way_failed) == 1);
    CHECK(bench.worker.heard_nothing());
    // It never got in, and says nothing about how the method does.
    CHECK(bench.count(Counter::calls_refused) == 2);
    CHECK(bench.client.asks("rpc.describe", {"S.m"}).result["calls"] == 0);
}

TEST_CASE("that is found out as soon as the method is known") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.request(1, "S.m", no_params, {.stream = 5});
    client.request(2, "S.m");
    CHECK(client.heard_nothing());
    auto& worker = bench.worker("w", {.capacity = 5, .stream = true});
    CHECK(client.answer().code() == "INVALID_ARGUMENT");
    CHECK(worker.calls().size() == 1);
}

TEST_CASE("a call that was lost, and then finds that its method streams, may have run") {
    BrokerBench bench;
    auto& first = bench.worker("first", {.idempotent = true});
    auto& client = bench.client("c");
    client.request(1, "S.m");
    auto& second = bench.worker("second", {.idempotent = true, .stream = true});
    first.closes();
    const auto answer = client.answer();
    CHECK(answer.code() == "INVALID_ARGUMENT");
    CHECK(answer.ran() == "maybe");
    CHECK(second.heard_nothing());
}

TEST_CASE("a method that does not stream may be called with stream") {
    Pair bench({.capacity = 1});
    const auto call = bench.stream(1, 5);
    bench.worker.answers(call, 1);
    CHECK(bench.client.answer().result == 1);
}

}  // namespace
}  // namespace rpcbroker::test
