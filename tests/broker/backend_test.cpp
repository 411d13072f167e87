// What workers send, but for rpc.return (returned_calls_test.cpp). Of backend.cpp.
#include <catch2/catch.hpp>

#include <rpcbroker/pack.hpp>

#include "tests/broker/pair.hpp"
#include "tests/common/malformed_bodies.hpp"
#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

// ---- registration

TEST_CASE("a registration is answered with what the worker must know") {
    BrokerLimits limits;
    limits.heartbeat = 250ms;
    limits.max_message = 1'000'000;
    BrokerBench bench(limits);
    auto& worker = bench.worker("w");
    auto answer = worker.registers();
    CHECK(answer["version"].is_string());
    answer.erase("version");
    CHECK(
        answer ==
        json::parse(
            R"({"protocol": 1, "broker": "broker-1", "heartbeat": 250, "worker": "brok-1", "max_message": 1000000})"));
    CHECK(bench.count(Counter::workers_registered) == 1);
    CHECK(bench.notices() == std::vector<std::string>{"worker registered"});
}

TEST_CASE("names of workers need not be unique, ids are") {
    BrokerBench bench;
    auto& a = bench.worker("same");
    auto& b = bench.worker("same");
    a.registers();
    b.registers();
    CHECK(a.worker_id() != b.worker_id());
    const auto before = a.worker_id();
    a.closes();
    auto& c = bench.worker("same");
    c.registers();
    CHECK(c.worker_id() != before);
    CHECK(c.worker_id() != b.worker_id());
}

TEST_CASE("a refused registration says why, and leaves everything as it was") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    auto answer = worker.tries_to_register(json::array({{{"protocol", 3}}}));
    CHECK(answer.code() == "FAILED_PRECONDITION");
    CHECK(answer.message() == "protocol 3 is not spoken here; this broker speaks protocol 1");
    CHECK(answer.error["by"] == "broker");
    worker.tells("rpc.leave");
    CHECK(worker.notified() == std::vector<std::string>{"rpc.register_again"});

    worker.registers();
    answer = worker.tries_to_register(json::array({{{"services", 3}}}));
    CHECK(answer.message() == "rpc.register, services: expected list of maps, got int");
    CHECK(bench.count(Counter::registrations_refused) == 2);
    auto& client = bench.client("c");
    client.request(1, "S.m");
    CHECK(worker.calls().size() == 1);
}

TEST_CASE("a registration over the broker's limits is refused") {
    BrokerLimits limits;
    limits.max_methods = 2;
    BrokerBench bench(limits);
    auto& worker = bench.worker("w");
    const auto answer = worker.tries_to_register(Offer{.services = {{"S", {"a", "b", "c"}}}}.params("w"));
    CHECK(answer.code() == "RESOURCE_EXHAUSTED");
    CHECK(answer.message() == "rpc.register: the broker holds at most 2 methods");
}

TEST_CASE("a second registration replaces the first, and keeps id and calls in flight") {
    Pair bench({.services = {{"S", {"m"}}, {"T", {"m"}}}, .capacity = 2});
    const auto id = bench.worker.worker_id();
    bench.client.request(1, "S.m");
    const auto call = bench.worker.call();
    bench.worker.registers({.services = {{"T", {"m"}}, {"U", {"m"}}}, .capacity = 2});
    CHECK(bench.worker.worker_id() == id);
    CHECK(bench.notices().back() == "worker registered again");
    bench.client.request(2, "U.m");
    bench.client.request(3, "T.m");
    CHECK(bench.worker.calls().size() == 1);
    bench.worker.answers(call, "kept");
    CHECK(bench.client.answer().result == "kept");
    CHECK(bench.worker.calls().size() == 1);
    bench.client.request(4, "S.m");
    bench.passes(5s);
    CHECK(bench.client.answer().code() == "UNAVAILABLE");
}

TEST_CASE("a worker that drew no more calls draws them again when it registers again") {
    Pair bench;
    bench.worker.leaves();
    bench.client.request(1, "S.m");
    CHECK(bench.worker.calls().empty());
    bench.worker.registers();
    CHECK(bench.worker.calls().size() == 1);
}

TEST_CASE("calls that wait for one worker end when it registers without their method") {
    Pair bench({.capacity = 0});
    bench.client.request(1, "S.m", no_params, {.worker = bench.worker.worker_id()});
    bench.worker.registers({.services = {{"T", {"m"}}}});
    const auto answer = bench.client.answer();
    CHECK(answer.code() == "UNIMPLEMENTED");
    CHECK(answer.error["ran"] == "no");
}

TEST_CASE("a worker may serve nothing at all") {
    Pair bench({.services = {}});
    bench.client.request(1, "S.m");
    bench.passes(1s);
    CHECK(bench.client.answer().code() == "NOT_FOUND");
}

TEST_CASE("where registrations differ in whether a method is idempotent, the newest counts") {
    Pair bench({.idempotent = false});
    bench.BrokerBench::worker("newer", {.capacity = 0, .idempotent = true});
    bench.client.request(1, "S.m");
    bench.worker.closes();
    CHECK(bench.client.heard_nothing());
}

// ---- who may say what

TEST_CASE("whoever is not registered is told to register, and nothing that it says counts") {
    BrokerBench bench;
    auto& stranger = bench.worker("stranger");
    for (const auto* method : {"rpc.heartbeat", "rpc.return", "rpc.leave", "rpc.nonsense"}) stranger.tells(method);
    stranger.answers(1, "forged");
    stranger.streams(1, "forged");
    CHECK(stranger.notified() == std::vector<std::string>(6, "rpc.register_again"));
    CHECK(bench.count(Counter::unexpected_messages) == 4);
    CHECK(bench.count(Counter::late_responses) == 2);
}

TEST_CASE("calls do not come from workers") {
    BrokerBench bench;
    auto& worker = bench.worker("w");
    std::string request;
    append_request(request, 5, "S.m", pack(no_params));
    append_request(request, 6, "rpc.services", pack(no_params));
    worker.sends(request);
    for (const auto& answer : worker.received()) {
        CHECK(answer.code() == "FAILED_PRECONDITION");
        CHECK(answer.message() == "no worker is registered on this connection; send rpc.register first");
    }
    worker.registers();
    worker.sends(request);
    const auto answers = worker.received();
    REQUIRE(answers.size() == 2);
    CHECK(answers[0].msgid == 5);
    CHECK(answers[1].code() == "UNIMPLEMENTED");
    CHECK(answers[1].message() == "on the backend there is rpc.register; calls go to the frontend");
}

TEST_CASE("what a worker says that means nothing is counted") {
    Pair bench;
    bench.worker.tells("rpc.nonsense");
    bench.worker.tells("S.m");
    CHECK(bench.count(Counter::unknown_notifications) == 2);
    bench.worker.tells("rpc.heartbeat", json::array({{{"capacity", "5"}}}));
    bench.worker.tells("rpc.return", json::array({5}));
    bench.worker.tells("rpc.return", json::array({json::array({"5"})}));
    CHECK(bench.count(Counter::unexpected_messages) == 3);
    CHECK(bench.worker.heard_nothing());
}

TEST_CASE("an envelope is no way for a worker to send") {
    Pair bench;
    std::string leave;
    append_notification(leave, "rpc.leave", pack(no_params));
    bench.worker.sends(leave, "e");
    const auto answers = bench.worker.received();
    REQUIRE(answers.size() == 1);
    CHECK(answers[0].envelope == "e");
    CHECK(answers[0].code() == "INVALID_ARGUMENT");
    CHECK(answers[0].message() == "a worker's socket is a DEALER, which sends the body alone");
    CHECK(bench.count(Counter::malformed_frames) == 1);
}

TEST_CASE("a malformed body from a worker is answered, and the worker goes on working") {
    Pair bench;
    std::size_t malformed = 0;
    for (const auto& entry : malformed_bodies()) {
        if (entry.only_an_option) continue;
        CAPTURE(entry.name);
        bench.worker.sends(entry.body);
        const auto answers = bench.worker.received();
        REQUIRE_FALSE(answers.empty());
        CHECK(answers.back().msgid == entry.msgid);
        CHECK(answers.back().code() == "INVALID_ARGUMENT");
        CHECK(answers.back().message().starts_with(entry.says));
        bench.client.request(1, "S.m");
        bench.worker.answers(bench.worker.call(), "works");
        CHECK(bench.client.answer().result == "works");
        ++malformed;
    }
    CHECK(bench.count(Counter::malformed_bodies) == malformed);
}

TEST_CASE("the answer to a malformed body hides no call behind it") {
    BrokerBench bench;
    auto& worker = bench.worker("w", {.capacity = 2, .batch = true});
    auto& client = bench.client("c");
    client.requests(1, 4);
    std::string body;
    for (const auto& call : worker.calls()) append_result(body, call.msgid.value(), "\x01");
    body += "\xc1";
    worker.sends(std::move(body));
    const auto received = worker.received();
    REQUIRE(received.size() == 3);
    CHECK(received[0].type == MessageType::request);
    CHECK(received[0].body == received[1].body);
    CHECK(received[2].code() == "INVALID_ARGUMENT");
    CHECK(received[2].body != received[1].body);
}

TEST_CASE("a malformed body from a stranger is answered, too") {
    BrokerBench bench;
    auto& stranger = bench.worker("stranger");
    stranger.sends("\xc1");
    CHECK(stranger.received().at(0).code() == "INVALID_ARGUMENT");
}

// ---- responses

TEST_CASE("a response counts once") {
    Pair bench;
    bench.client.request(1, "S.m");
    const auto call = bench.worker.call();
    bench.worker.answers(call, 1);
    bench.worker.answers(call, 2);
    CHECK(bench.client.answer().result == 1);
    CHECK(bench.count(Counter::late_responses) == 1);
}

TEST_CASE("a response counts only from the worker that the call went to") {
    Pair bench({.capacity = 1});
    auto& thief = bench.BrokerBench::worker("thief", {.services = {{"T", {"m"}}}});
    bench.client.request(1, "S.m");
    const auto call = bench.worker.call();
    thief.answers(call, "forged");
    thief.tells("rpc.return", json::array({json::array({*call.msgid})}));
    for (std::uint32_t msgid = 0; msgid < 64; ++msgid) thief.answers(msgid << 20, "guessed");
    CHECK(bench.client.heard_nothing());
    CHECK(bench.count(Counter::late_responses) == 66);
    CHECK(bench.worker.calls().empty());
    bench.worker.answers(call, "true");
    CHECK(bench.client.answer().result == "true");
}

TEST_CASE("the response to a dispatch that was returned finds nothing, though its call runs elsewhere") {
    Pair bench({.capacity = 1});
    bench.client.request(1, "S.m");
    const auto call = bench.worker.call();
    auto& other = bench.BrokerBench::worker("other", Offer{});
    bench.worker.returns({call});
    const auto again = other.call();
    CHECK(again.msgid != call.msgid);
    bench.worker.answers(call, "after all");
    CHECK(bench.client.heard_nothing());
    bench.worker.answers(again, "forged");
    CHECK(bench.client.heard_nothing());
    other.answers(again, "true");
    CHECK(bench.client.answer().result == "true");
}

TEST_CASE("a response of a registration that was lost finds nothing, though its call runs elsewhere") {
    Pair bench({.idempotent = true, .heartbeat = true});
    bench.client.request(1, "S.m");
    const auto call = bench.worker.call();
    bench.passes(1500ms);
    bench.worker.registers({.idempotent = true});
    const auto again = bench.worker.call();
    bench.worker.answers(call, "stale");
    CHECK(bench.client.heard_nothing());
    bench.worker.answers(again, "fresh");
    CHECK(bench.client.answer().result == "fresh");
}

TEST_CASE("a handler's error is passed on without what is not its to say") {
    Pair bench;
    const auto by = GENERATE(json(nullptr), json("broker"), json("client"), json("handler"), json(5));
    json error{
        {"code", "ABORTED"}, {"message", "no"}, {"data", {1, {{"x", nullptr}}}}, {"ran", "no"}, {"retry_after", 5}};
    if (!by.is_null()) error["by"] = by;
    bench.client.request(1, "S.m");
    bench.worker.fails(bench.worker.call(), error);
    const auto answer = bench.client.answer();
    CHECK(answer.error == json{{"code", "ABORTED"}, {"message", "no"}, {"data", {1, {{"x", nullptr}}}}});
    CHECK(answer.result.is_null());
    CHECK(bench.count(Counter::calls_answered) == 1);
}

TEST_CASE("the worker library may say what it knows") {
    Pair bench;
    const json error{
        {"code", "RESOURCE_EXHAUSTED"}, {"message", "no"}, {"by", "worker"}, {"ran", "no"}, {"retry_after", 5}};
    bench.client.request(1, "S.m");
    bench.worker.fails(bench.worker.call(), error);
    CHECK(bench.client.answer().error == error);
}

TEST_CASE("an error that is no map of code and message becomes INTERNAL") {
    Pair bench;
    const auto error =
        GENERATE(json("oops"), json(0), json(false), json::array(), json::object(), json{{"code", "INTERNAL"}},
                 json{{"message", "x"}}, json{{"code", "MY_OWN"}, {"message", "x"}},
                 json{{"code", 13}, {"message", "x"}}, json{{"code", "INTERNAL"}, {"message", {1}}});
    bench.client.request(1, "S.m");
    bench.worker.fails(bench.worker.call(), error);
    const auto answer = bench.client.answer();
    CHECK(answer.code() == "INTERNAL");
    CHECK(answer.error["by"] == "worker");
    CHECK(answer.message() == "the worker answered with an error that is no map of code and message");
    CHECK(bench.count(Counter::invalid_responses) == 1);
}

TEST_CASE("every canonical code passes") {
    Pair bench;
    for (int code = 0; code < 16; ++code) {
        const json error{{"code", name_of(static_cast<Code>(code))}, {"message", "x"}};
        bench.client.request(1, "S.m");
        bench.worker.fails(bench.worker.call(), error);
        CHECK(bench.client.answer().error == error);
    }
}

TEST_CASE("who asks for timing gets it as the fifth element, with results and with errors") {
    Pair bench({.capacity = 1});
    bench.client.request(1, "S.m");
    bench.client.request(2, "S.m", no_params, {.timing = true});
    bench.passes(20ms);
    bench.worker.answers(bench.worker.call(), 1);
    CHECK(bench.client.answer().timing.is_null());
    bench.passes(7ms);
    const auto call = bench.worker.call();
    const json expected{{"worker", "w"}, {"queued_us", 20'000}, {"worker_us", 7'000}};

    SECTION("a result") {
        bench.worker.answers(call, 1);
        const auto answer = bench.client.answer();
        CHECK(answer.result == 1);
        CHECK(answer.timing == expected);
    }
    SECTION("a large result") {
        bench.worker.answers(call, std::string(100'000, 'x'));
        const auto answer = bench.client.answer();
        CHECK(answer.result == std::string(100'000, 'x'));
        CHECK(answer.timing == expected);
    }
    SECTION("an error") {
        bench.worker.fails(call, {{"code", "ABORTED"}, {"message", "no"}});
        const auto answer = bench.client.answer();
        CHECK(answer.code() == "ABORTED");
        CHECK(answer.timing == expected);
    }
}

TEST_CASE("timing that the worker sends is not passed on") {
    Pair bench;
    const bool wanted = GENERATE(true, false);
    const std::string result(GENERATE(10U, 100'000U), 'x');
    bench.client.request(1, "S.m", no_params, {.timing = wanted});
    std::string body;
    Packer packer(body);
    packer.array(5).unsigned_integer(1).fixed_u32(*bench.worker.call().msgid).nil().string(result);
    packer.map(1).string("worker").string("somebody else");
    bench.worker.sends(body);
    const auto answer = bench.client.answer();
    CHECK(answer.result == result);
    if (wanted)
        CHECK(answer.timing["worker"] == "w");
    else
        CHECK(answer.timing.is_null());
}

TEST_CASE("a response may write its msgid in any width, and its result at any size") {
    Pair bench;
    bench.client.request(0x1234, "S.m");
    const std::string result(GENERATE(10U, 100'000U), 'x');
    std::string body;
    Packer(body).array(4).unsigned_integer(1).unsigned_integer(*bench.worker.call().msgid).nil().string(result);
    bench.worker.sends(body);
    const auto answer = bench.client.answer();
    CHECK(answer.msgid == 0x1234);
    CHECK(answer.result == result);
}

TEST_CASE("an abandoned call keeps its place until the worker answers or returns it") {
    Pair bench({.capacity = 1});
    bench.client.request(1, "S.m");
    const auto call = bench.worker.call();
    bench.client.closes();
    auto& other = bench.BrokerBench::client("other");
    other.request(1, "S.m");
    CHECK(bench.worker.calls().empty());

    SECTION("with a result") { bench.worker.answers(call, 1); }
    SECTION("with an error") { bench.worker.fails(call, {{"code", "CANCELLED"}, {"message", "stopped"}}); }
    SECTION("by giving it back") { bench.worker.returns({call}); }
    CHECK(bench.worker.calls().size() == 1);
    CHECK(other.heard_nothing());
    CHECK(bench.count(Counter::late_responses) == 0);
}

// ---- capacity

TEST_CASE("a higher capacity draws what waits, a lower one binds later dispatches") {
    Pair bench({.capacity = 1});
    for (std::uint32_t i = 0; i < 10; ++i) bench.client.request(i, "S.m");
    bench.worker.heartbeat(4);
    auto calls = bench.worker.calls();
    CHECK(calls.size() == 4);
    bench.worker.heartbeat(2);
    for (int i = 0; i < 2; ++i) bench.worker.answers(calls[static_cast<std::size_t>(i)], nullptr);
    CHECK(bench.worker.calls().empty());
    bench.worker.answers(calls[2], nullptr);
    CHECK(bench.worker.calls().size() == 1);
    bench.worker.heartbeat();
    CHECK(bench.worker.calls().empty());
}

TEST_CASE("a registration with another capacity counts the calls in flight") {
    Pair bench({.capacity = 3});
    for (std::uint32_t i = 0; i < 10; ++i) bench.client.request(i, "S.m");
    CHECK(bench.worker.calls().size() == 3);
    bench.worker.registers({.capacity = 5});
    CHECK(bench.worker.calls().size() == 2);
}

// ---- leaving

TEST_CASE("a worker that leaves hears that nothing more is on its way, and gets nothing more") {
    Pair bench({.capacity = 2});
    bench.client.request(1, "S.m");
    const auto call = bench.worker.call();
    bench.worker.leaves();
    CHECK(bench.worker.notified() == std::vector<std::string>{"rpc.left"});
    bench.client.request(2, "S.m");
    CHECK(bench.worker.calls().empty());
    bench.worker.answers(call, "done");
    CHECK(bench.client.answer().result == "done");
    bench.worker.leaves();
    CHECK(bench.worker.notified() == std::vector<std::string>{"rpc.left"});
    bench.worker.heartbeat(5);
    CHECK(bench.worker.calls().empty());
}

TEST_CASE("a worker that leaves may give back what it has not started") {
    Pair bench({.capacity = 2});
    bench.client.request(1, "S.m");
    auto& other = bench.BrokerBench::worker("other", Offer{});
    bench.worker.leaves();
    bench.worker.returns({bench.worker.call()});
    CHECK(other.calls().size() == 1);
    CHECK(bench.worker.calls().empty());
}

TEST_CASE("a worker that is told to drain is sent no more, and may take its time to leave") {
    Pair bench;
    bench.client.request(1, "S.m");
    CHECK(bench.client.asks("rpc.drain", json::array({bench.worker.worker_id()})).error.is_null());
    CHECK(bench.worker.notified() == std::vector<std::string>{"rpc.drain"});
    bench.client.request(2, "S.m");
    CHECK(bench.worker.calls().size() == 1);
    bench.worker.leaves();
    CHECK(bench.worker.notified() == std::vector<std::string>{"rpc.left"});
    CHECK(bench.BrokerBench::worker("other", Offer{}).calls().size() == 1);
}

}  // namespace
}  // namespace rpcbroker::test
