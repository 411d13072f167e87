// What clients send. Of frontend.cpp.
#include <catch2/catch.hpp>

#include <rpcbroker/pack.hpp>

#include "tests/broker/pair.hpp"
#include "tests/common/malformed_bodies.hpp"
#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

std::string request_with_options(std::uint32_t msgid, std::string_view options) {
    std::string body;
    Packer(body).array(5).unsigned_integer(0).fixed_u32(msgid).string("S.m").array(0).raw(options);
    return body;
}

// ---- requests

TEST_CASE("a msgid of every width is answered under the same number") {
    Pair bench;
    const std::vector<std::pair<std::string, std::uint32_t>> widths{
        {"\x05", 5},
        {std::string("\xcc\x05", 2), 5},
        {std::string("\xcd\x00\x05", 3), 5},
        {std::string("\xce\x00\x00\x00\x05", 5), 5},
        {std::string("\xcf\x00\x00\x00\x00\x00\x00\x00\x05", 9), 5},
        {std::string("\xd0\x05", 2), 5},
        {std::string("\xd3\x00\x00\x00\x00\x00\x00\x00\x05", 9), 5},
        {std::string("\xce\xff\xff\xff\xff", 5), 0xffff'ffff},
        {std::string("\xcf\x00\x00\x00\x00\xff\xff\xff\xff", 9), 0xffff'ffff},
    };
    for (const auto& [packed, msgid] : widths) {
        std::string body;
        Packer(body).array(4).unsigned_integer(0).raw(packed).string("S.m").array(0);
        bench.client.sends(body);
        bench.worker.answers(bench.worker.call(), msgid);
        const auto answer = bench.client.answer();
        CHECK(answer.msgid == msgid);
        CHECK(answer.result == msgid);
    }
}

TEST_CASE("a msgid that is used again while it is in flight is answered each time") {
    Pair bench;
    bench.client.request(1, "S.m", {"a"});
    bench.client.request(1, "S.m", {"b"});
    for (const auto& call : bench.worker.calls()) bench.worker.answers(call, call.params[0]);
    const auto answers = bench.client.answers();
    REQUIRE(answers.size() == 2);
    CHECK(answers[0].result == "a");
    CHECK(answers[1].result == "b");
}

TEST_CASE("several requests in one body are each answered, alone where the client did not ask for batches") {
    Pair bench;
    std::string body;
    for (std::uint32_t i = 0; i < 3; ++i) append_request(body, i, "S.m", pack(json::array({i})));
    bench.client.sends(body);
    std::string answers;
    for (const auto& call : bench.worker.calls()) append_result(answers, *call.msgid, pack(call.params[0]));
    bench.worker.sends(answers);
    const auto got = bench.client.answers();
    REQUIRE(got.size() == 3);
    CHECK(got[0].body != got[1].body);
}

TEST_CASE("peers that ask for batches get them") {
    Pair bench({.capacity = 10, .batch = true});
    bench.client.hello({{"batch", true}});
    std::string body;
    for (std::uint32_t i = 0; i < 3; ++i) append_request(body, i, "S.m", pack(json::array({i})));
    bench.client.sends(body);
    const auto calls = bench.worker.calls();
    REQUIRE(calls.size() == 3);
    CHECK(calls[0].body == calls[2].body);
    std::string answers;
    for (const auto& call : calls) append_result(answers, *call.msgid, pack(call.params[0]));
    bench.worker.sends(answers);
    const auto got = bench.client.answers();
    REQUIRE(got.size() == 3);
    CHECK(got[0].body == got[2].body);
}

TEST_CASE("options that the broker does not know pass untouched, those that it knows as well") {
    Pair bench;
    const auto options = json::parse(
        R"({"later": [1, {"x": 2}], "trace": "00-ab", "meta": {"a": "b"}, "key": "k", "idempotent": true, "timing": false})");
    bench.client.sends(request_with_options(1, pack(options)));
    CHECK(bench.worker.call().options == options);
}

TEST_CASE("a known option of the wrong type is INVALID_ARGUMENT, and says which") {
    Pair bench;
    const auto [options, message] = GENERATE(table<const char*, std::string>({
        {R"({"timeout": -1})", "option timeout: expected an unsigned integer (ms)"},
        {R"({"timeout": "1s"})", "option timeout: expected an unsigned integer (ms)"},
        {R"({"idempotent": 1})", "option idempotent: expected a bool"},
        {R"({"stream": true})", "option stream: expected an unsigned integer (items)"},
        {R"({"trace": 1})", "option trace: expected a str"},
        {R"({"meta": {"a": 1}})", "option meta: expected a map of str to str"},
        {R"({"key": 17})", "option key: expected a str"},
        {R"({"worker": null})", "option worker: expected a str"},
        {R"({"timing": 1})", "option timing: expected a bool"},
        {R"({"caller": 1})", "option caller: expected a str"},
    }));
    bench.client.sends(request_with_options(1, pack(json::parse(options))));
    const auto answer = bench.client.answer();
    CHECK(answer.msgid == 1);
    CHECK(answer.code() == "INVALID_ARGUMENT");
    CHECK(answer.message() == message);
    CHECK(answer.error["by"] == "broker");
    CHECK(answer.error["ran"] == "no");
    CHECK(bench.worker.heard_nothing());
    CHECK(bench.count(Counter::calls_refused) == 1);

    bench.client.asks("rpc.ping");
    std::string rpc;
    Packer(rpc).array(5).unsigned_integer(0).fixed_u32(2).string("rpc.ping").array(0).raw(pack(json::parse(options)));
    bench.client.sends(rpc);
    CHECK(bench.client.answer().message() == message);
}

TEST_CASE("what a client sends under caller is removed, and only that") {
    Pair bench;
    const auto sent = GENERATE(R"({"caller": "root"})", R"({"caller": "root", "trace": "t", "x": [1]})",
                               R"({"x": {"caller": 1}, "caller": "root", "key": "k"})");
    bench.client.sends(request_with_options(1, pack(json::parse(sent))));
    auto expected = json::parse(sent);
    expected.erase("caller");
    CHECK(bench.worker.call().options == expected);
}

TEST_CASE("a timeout beside a caller is rewritten where it then stands") {
    BrokerBench bench;
    auto& client = bench.client("c");
    const bool before = GENERATE(true, false);
    std::string options;
    Packer packer(options);
    packer.map(16);  // without caller, the map's head is shorter
    if (before) packer.string("caller").string("root");
    for (int i = 0; i < 7; ++i) packer.string("a" + std::to_string(i)).nil();
    packer.string("timeout").fixed_u32(1000);
    for (int i = 0; i < 7; ++i) packer.string("b" + std::to_string(i)).nil();
    if (!before) packer.string("caller").string("root");
    client.sends(request_with_options(1, options));
    bench.passes(250ms);
    auto& worker = bench.worker("w");
    worker.registers();
    const auto call = worker.call();
    CHECK(call.options["timeout"] == 750);
    CHECK(call.options.size() == 15);
    CHECK_FALSE(call.options.contains("caller"));
}

TEST_CASE("a caller in a large body is removed, too") {
    Pair bench;
    std::string body;
    Packer(body).array(5).unsigned_integer(0).fixed_u32(1).string("S.m").array(1).string(std::string(100'000, 'x'));
    Packer(body).raw(pack(json{{"caller", "root"}, {"trace", "t"}}));
    bench.client.sends(body);
    CHECK(bench.worker.call().options == json{{"trace", "t"}});
}

TEST_CASE("a response or a stream item from a client is answered with what is wrong, and counted") {
    Pair bench;
    std::string body;
    append_result(body, 5, pack(1));
    append_stream_item(body, 6, pack(1));
    bench.client.sends(body);
    const auto answers = bench.client.answers();
    REQUIRE(answers.size() == 2);
    CHECK(answers[0].msgid == 5);
    CHECK(answers[0].code() == "INVALID_ARGUMENT");
    CHECK(answers[0].message() == "a client sends requests and notifications, not responses or stream items");
    CHECK(answers[1].msgid == 6);
    CHECK(bench.count(Counter::unexpected_messages) == 2);
}

// ---- malformed bodies

TEST_CASE("every malformed body gets the right error, and the next request on that connection works") {
    Pair bench({.services = {{"S", {"m"}}, {"A", {"b"}}}, .capacity = 1000});
    for (const auto& entry : malformed_bodies()) {
        CAPTURE(entry.name);
        bench.client.sends(entry.body);
        for (const auto& call : bench.worker.calls()) bench.worker.answers(call, nullptr);
        bench.passes(2s);  // what stands before the malformed message may call a service that is not there
        bench.worker.notifications();
        auto answers = bench.client.answers();
        const auto wrong = std::find_if(answers.begin(), answers.end(), [&](const Received& answer) {
            return answer.code() == "INVALID_ARGUMENT" && answer.message().starts_with(entry.says);
        });
        REQUIRE(wrong != answers.end());
        CHECK(wrong->msgid == entry.msgid);
        CHECK(wrong->error["by"] == "broker");
        CHECK(wrong->error["ran"] == "no");

        bench.client.request(77, "S.m", {"next"});
        bench.worker.answers(bench.worker.call(), "works");
        CHECK(bench.client.answer().result == "works");
        CHECK(bench.client.waits_for() == 0);
    }
    CHECK(bench.count(Counter::malformed_bodies) > 60);
}

TEST_CASE("an answer without a msgid stands alone, so that it hides no answer behind it") {
    BrokerBench bench;
    auto& client = bench.client("c");
    client.hello({{"batch", true}});
    client.received();
    client.reads(false);
    client.request(1, "rpc.ping");
    client.sends("\xc1");
    client.request(2, "rpc.ping");
    client.request(3, "rpc.ping");
    client.reads(true);
    const auto answers = client.answers();
    REQUIRE(answers.size() == 4);
    CHECK(!answers[1].msgid);
    CHECK(answers[0].body != answers[1].body);
    CHECK(answers[1].body != answers[2].body);
    CHECK(answers[2].body == answers[3].body);
}

TEST_CASE("the messages before a malformed one take effect, and one error answers the rest") {
    Pair bench;
    std::string body;
    append_request(body, 1, "S.m", pack(no_params));
    body += "\xc1";
    append_request(body, 2, "S.m", pack(no_params));
    bench.client.sends(body);
    CHECK(bench.worker.calls().size() == 1);
    const auto answer = bench.client.answer();
    CHECK_FALSE(answer.msgid);
    CHECK(answer.code() == "INVALID_ARGUMENT");
    CHECK(bench.notices().back() == "malformed body from a client");
}

// ---- envelopes

TEST_CASE("an answer goes back under the envelope of its request, untouched, and never with another") {
    Pair bench;
    bench.client.hello({{"batch", true}});
    std::string body;
    append_request(body, 1, "S.m", pack(no_params));
    append_request(body, 1, "S.m", pack(no_params));
    const std::string first("\x00\x01", 2);
    const std::string second("\xfe\x00", 2);
    bench.client.sends(body, first);
    bench.client.sends(body, second);
    std::string answers;
    for (const auto& call : bench.worker.calls()) append_result(answers, *call.msgid, pack(1));
    bench.worker.sends(answers);
    const auto got = bench.client.answers();
    REQUIRE(got.size() == 4);
    CHECK(got[0].envelope == first);
    CHECK(got[1].envelope == first);
    CHECK(got[3].envelope == second);
    CHECK(got[2].body != got[3].body);
}

TEST_CASE("errors go back under the envelope, whoever makes them") {
    Pair bench;
    bench.client.request(1, "S.none", no_params, {}, "e1");
    bench.client.sends("\xc1", "e2");
    bench.client.request(2, "rpc.none", no_params, {}, "e3");
    bench.client.request(3, "S.m", no_params, {.timeout_ms = 10}, "e4");
    bench.passes(10ms);
    bench.client.request(4, "S.m", no_params, {}, "e5");
    bench.worker.fails(bench.worker.calls().back(), {{"code", "ABORTED"}, {"message", "no"}});
    std::vector<std::string> envelopes;
    for (const auto& answer : bench.client.answers()) envelopes.push_back(answer.envelope);
    CHECK(envelopes == std::vector<std::string>{"e1", "e2", "e3", "e4", "e5"});
}

TEST_CASE("a large answer goes back under the envelope") {
    Pair bench;
    bench.client.request(1, "S.m", no_params, {}, "envelope");
    bench.worker.answers(bench.worker.call(), std::string(100'000, 'x'));
    CHECK(bench.client.answer().envelope == "envelope");
}

TEST_CASE("a socket that sends envelopes is sent no batches and no notifications") {
    Pair bench;
    std::string hello;
    append_request(hello, 1, "rpc.hello", pack(json::array({{{"batch", true}, {"heartbeat", true}}})));
    bench.client.sends(hello, "e");
    CHECK(bench.client.answer().result["broker"] == "broker-1");
    std::string heartbeat;
    append_notification(heartbeat, "rpc.heartbeat", pack(no_params));
    bench.client.sends(heartbeat, "e");
    CHECK(bench.client.heard_nothing());
    bench.client.request(2, "S.m", no_params, {}, "e");
    bench.begin_drain();
    CHECK(bench.client.heard_nothing());
    bench.passes(10s);
    bench.worker.answers(bench.worker.call(), 1);
    CHECK(bench.client.answer().result == 1);
}

TEST_CASE("a stream under an envelope is INVALID_ARGUMENT") {
    Pair bench;
    bench.client.request(1, "S.m", no_params, {.stream = 3}, "e");
    const auto answer = bench.client.answer();
    CHECK(answer.code() == "INVALID_ARGUMENT");
    CHECK(answer.message() == "option stream: a socket that sends an envelope takes no stream items");
}

// ---- one-way calls

TEST_CASE("a one-way call goes to the worker as a request, and its response is swallowed") {
    Pair bench;
    bench.client.notify("S.m", {"x"}, {.timeout_ms = 1000, .trace = "t"});
    const auto call = bench.worker.call();
    CHECK(call.params == json::array({"x"}));
    CHECK(call.options == json{{"timeout", 1000}, {"trace", "t"}});
    bench.worker.answers(call, 1);
    CHECK(bench.client.heard_nothing());
    CHECK(bench.count(Counter::calls_answered) == 1);
    CHECK(bench.count(Counter::one_way_failed) == 0);
}

TEST_CASE("one-way calls survive their client's going, waiting or running") {
    Pair bench({.capacity = 1});
    bench.client.notify("S.m", {"runs"});
    bench.client.notify("S.m", {"waits"});
    bench.client.request(1, "S.m", {"dies"});
    bench.client.closes();
    CHECK(bench.core().calls_in_system() == 2);
    const auto first = bench.worker.call();
    CHECK(bench.worker.notified().empty());
    bench.worker.answers(first, nullptr);
    const auto second = bench.worker.call();
    CHECK(second.params == json::array({"waits"}));
    auto& later = bench.BrokerBench::client("later");
    CHECK(later.id().slot == bench.client.id().slot);
    bench.worker.fails(second, {{"code", "INTERNAL"}, {"message", "oh"}});
    CHECK(later.heard_nothing());
    CHECK(bench.core().idle());
    CHECK(bench.count(Counter::calls_orphaned) == 1);
    CHECK(bench.count(Counter::one_way_failed) == 1);
}

TEST_CASE("a one-way call runs once more when it is idempotent and its worker is lost, its client gone or not") {
    Pair bench({.idempotent = true});
    bench.client.notify("S.m");
    bench.client.closes();
    bench.worker.closes();
    auto& other = bench.BrokerBench::worker("other");
    other.registers();
    CHECK(other.calls().size() == 1);
}

TEST_CASE("what goes wrong with one-way calls is counted by its reason") {
    Pair bench;
    bench.client.notify("S.none");
    bench.client.notify("S.m", no_params, {.timeout_ms = 0});
    bench.client.notify("S.m", no_params, {.timeout_ms = 5});
    bench.passes(5ms);
    CHECK(bench.client.heard_nothing());
    CHECK(bench.count(Counter::one_way_failed) == 3);
    const auto stats = bench.client.asks("rpc.stats").result;
    CHECK(stats["failures"] == json{{"UNIMPLEMENTED", 1}, {"DEADLINE_EXCEEDED", 2}});
}

TEST_CASE("timing and stream mean nothing to a one-way call") {
    Pair bench({.idempotent = true});
    bench.client.notify("S.m", no_params, {.stream = 3, .timing = true});
    bench.worker.answers(bench.worker.call(), 1);
    bench.client.notify("S.m", no_params, {.stream = 3});
    bench.worker.closes();
    auto& other = bench.BrokerBench::worker("other");
    other.registers();
    CHECK(other.calls().size() == 1);
}

TEST_CASE("a one-way call has no msgid to be cancelled by") {
    Pair bench;
    bench.client.notify("S.m");
    bench.client.cancel(0);
    CHECK(bench.core().calls_in_system() == 1);
    bench.client.notify("S.m");
    bench.client.cancel(0);
    CHECK(bench.core().calls_in_system() == 2);
}

// ---- cancelling

TEST_CASE("a cancelled call ends at once, waiting or running") {
    Pair bench({.capacity = 1});
    bench.client.request(1, "S.m");
    bench.client.request(2, "S.m");
    const auto call = bench.worker.call();
    bench.client.cancel(2);
    auto answer = bench.client.answer();
    CHECK(answer.msgid == 2);
    CHECK(answer.code() == "CANCELLED");
    CHECK(answer.error["ran"] == "no");
    CHECK(bench.worker.notified().empty());

    bench.client.cancel(1);
    answer = bench.client.answer();
    CHECK(answer.msgid == 1);
    CHECK(answer.error["ran"] == "maybe");
    const auto told = bench.worker.notifications();
    REQUIRE(told.size() == 1);
    CHECK(told[0].method == "rpc.cancel");
    CHECK(told[0].params == json::array({*call.msgid}));
    bench.client.request(3, "S.m");
    CHECK(bench.worker.calls().empty());
    bench.worker.answers(call, nullptr);
    CHECK(bench.worker.calls().size() == 1);
}

TEST_CASE("cancelling means the latest of calls with one msgid") {
    Pair bench({.capacity = 1});
    bench.client.request(9, "S.m");
    const bool known_before = GENERATE(true, false);
    if (known_before) bench.client.cancel(1234);
    bench.client.request(1, "S.m", {"older"});
    bench.client.request(1, "S.m", {"latest"});
    bench.client.cancel(1);
    CHECK(bench.client.answer().code() == "CANCELLED");
    bench.worker.answers(bench.worker.call(), nullptr);
    CHECK(bench.worker.call().params == json::array({"older"}));
}

TEST_CASE("a client cancels only its own calls") {
    Pair bench;
    bench.client.request(1, "S.m");
    bench.BrokerBench::client("other").cancel(1);
    CHECK(bench.client.heard_nothing());
}

TEST_CASE("cancelling what has ended, or what is no msgid, does nothing") {
    Pair bench;
    bench.client.request(1, "S.m");
    bench.worker.answers(bench.worker.call(), 1);
    bench.client.answer();
    bench.client.cancel(1);
    CHECK(bench.count(Counter::unknown_notifications) == 0);
    for (const auto& params :
         {json::array(), json::array({"1"}), json::array({-1}), json::array({1, 2}), json::array({0x1'0000'0000})})
        bench.client.notify("rpc.cancel", params);
    CHECK(bench.count(Counter::unknown_notifications) == 5);
    CHECK(bench.client.heard_nothing());
    bench.client.notify("rpc.nonsense");
    CHECK(bench.count(Counter::unknown_notifications) == 6);
}

}  // namespace
}  // namespace rpcbroker::test
