// The service rpc, call by call. Of rpc_service.cpp.
#include <catch2/catch.hpp>

#include <rpcbroker/pack.hpp>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

const json echo_util = json::parse(R"([{"protocol": 1, "name": "worker-a", "capacity": 3, "services": [
    {"name": "EchoUtil", "methods": [
        {"name": "CountString", "params": ["text: str"], "result": "int", "doc": "counts", "idempotent": true,
         "stream": true},
        {"name": "Add"}]}]}])");

const json count_string = json::parse(R"({"name": "CountString", "params": ["text: str"], "result": "int",
    "doc": "counts", "idempotent": true, "stream": true, "calls": 0, "errors": 0})");
const json add = json::parse(R"({"name": "Add", "params": [], "result": "", "doc": "", "idempotent": false,
    "stream": false, "calls": 0, "errors": 0})");

struct World : BrokerBench {
    explicit World(BrokerLimits limits = {})
        : BrokerBench(limits), worker(BrokerBench::worker("w")), client(BrokerBench::client("c")) {
        worker.lies_about_capacity();
        worker.tries_to_register(echo_util);
    }
    BenchWorker& worker;
    BenchClient& client;
};

TEST_CASE("rpc.hello says who the broker is") {
    BrokerLimits limits;
    limits.heartbeat = 200ms;
    limits.max_message = 4096;
    World world(limits);
    auto answer = world.client.hello({{"protocol", 1}, {"name", "me"}});
    CHECK(answer["version"].is_string());
    answer.erase("version");
    CHECK(answer == json{{"protocol", 1}, {"broker", "broker-1"}, {"max_message", 4096}, {"heartbeat", 200}});
    CHECK(world.client.asks("rpc.hello").result["broker"] == "broker-1");
}

TEST_CASE("rpc.hello in another version is refused") {
    World world;
    const auto answer = world.client.asks("rpc.hello", json::array({{{"protocol", 2}}}));
    CHECK(answer.code() == "FAILED_PRECONDITION");
    CHECK(answer.message() == "protocol 2 is not spoken here; this broker speaks protocol 1");
    world.client.heartbeat();
    CHECK(world.client.notified() == std::vector<std::string>{"rpc.hello_again"});
}

TEST_CASE("rpc.ping is answered pong") {
    World world;
    CHECK(world.client.asks("rpc.ping").result == "pong");
}

TEST_CASE("rpc.services lists services and their methods, by name") {
    World world;
    world.client.request(1, "EchoUtil.Add");
    world.client.request(2, "Waiting.for");
    const auto services = world.client.asks("rpc.services").result;
    CHECK(services ==
          json::array({
              {{"name", "EchoUtil"}, {"workers", 1}, {"queued", 0}, {"in_flight", 1}, {"methods", {add, count_string}}},
              {{"name", "Waiting"}, {"workers", 0}, {"queued", 1}, {"in_flight", 0}, {"methods", json::array()}},
          }));
}

TEST_CASE("rpc.services lists no service whose workers are gone") {
    World world;
    world.worker.closes();
    CHECK(world.client.asks("rpc.services").result.empty());
    CHECK(world.client.asks("rpc.describe", {"EchoUtil.Add"}).result == add);
}

TEST_CASE("rpc.services counts the calls and errors of methods that have ended") {
    World world;
    for (std::uint32_t i = 0; i < 3; ++i) world.client.request(i, "EchoUtil.Add");
    const auto calls = world.worker.calls();
    world.worker.answers(calls[0], 1);
    world.worker.fails(calls[1], {{"code", "ABORTED"}, {"message", "no"}});
    const auto described = world.client.asks("rpc.describe", {"EchoUtil.Add"}).result;
    CHECK(described["calls"] == 2);
    CHECK(described["errors"] == 1);
}

TEST_CASE("rpc.describe shows one method, or says what is not there") {
    World world;
    CHECK(world.client.asks("rpc.describe", {"EchoUtil.CountString"}).result == count_string);
    auto answer = world.client.asks("rpc.describe", {"EchoUtil.None"});
    CHECK(answer.code() == "UNIMPLEMENTED");
    CHECK(answer.message() == "service EchoUtil has no method None");
    world.client.request(1, "Waiting.for");
    for (const auto* name : {"Other.None", "nodot", "", "Waiting.for"}) {
        answer = world.client.asks("rpc.describe", {name});
        CHECK(answer.code() == "NOT_FOUND");
        CHECK(answer.message() == "nobody registered a service for \"" + std::string(name) + "\"");
    }
}

TEST_CASE("the address of each new worker is asked for once") {
    World world;
    CHECK(world.core().next_without_address() == world.worker.id());
    CHECK_FALSE(world.core().next_without_address());
    world.worker.registers();
    CHECK_FALSE(world.core().next_without_address());
}

TEST_CASE("rpc.workers lists workers, the oldest first") {
    World world;
    world.core().set_worker_address(world.worker.id(), "tcp://10.0.0.7:1234");
    world.core().set_worker_address({99, 1}, "nobody's");
    for (std::uint32_t i = 0; i < 3; ++i) world.client.request(i, "EchoUtil.Add");
    const auto calls = world.worker.calls();
    world.worker.answers(calls[0], 1);
    world.worker.fails(calls[1], {{"code", "ABORTED"}, {"message", "no"}});
    world.passes(1234ms);
    auto& other = world.BrokerBench::worker("other");
    other.registers();
    other.leaves();
    const auto workers = world.client.asks("rpc.workers").result;
    REQUIRE(workers.size() == 2);
    CHECK(workers[0] == json::parse(R"({"id": "brok-1", "name": "worker-a", "address": "tcp://10.0.0.7:1234",
        "services": ["EchoUtil"], "capacity": 3, "in_flight": 1, "abandoned": 0, "oldest_us": 1234000, "completed": 2,
        "errors": 1, "uptime": 1234, "draining": false})"));
    CHECK(workers[1]["draining"] == true);
    CHECK(workers[1]["services"] == json::array({"S"}));
    CHECK(workers[1]["oldest_us"] == 0);
}

TEST_CASE("a stuck handler shows in rpc.workers: its call is abandoned, and the oldest there") {
    World world;
    RequestOptions options;
    options.timeout_ms = 100;
    world.client.request(1, "EchoUtil.Add", no_params, options);
    world.passes(50ms);
    world.client.request(2, "EchoUtil.Add");
    world.passes(150ms);
    CHECK(world.client.answer().code() == "DEADLINE_EXCEEDED");
    const auto shown = [&world] { return world.client.asks("rpc.workers").result[0]; };
    CHECK(shown()["in_flight"] == 2);
    CHECK(shown()["abandoned"] == 1);
    CHECK(shown()["oldest_us"] == 200'000);
    const auto calls = world.worker.calls();
    world.worker.answers(calls[0], 1);
    CHECK(shown()["in_flight"] == 1);
    CHECK(shown()["abandoned"] == 0);
    CHECK(shown()["oldest_us"] == 150'000);
}

TEST_CASE("rpc.calls lists what is in flight or queued, the oldest first") {
    World world;
    world.client.request(1, "EchoUtil.Add");
    world.passes(5ms);
    world.client.request(2, "Waiting.for");
    world.passes(10ms);
    auto& other = world.BrokerBench::client("other");
    other.request(1, "EchoUtil.CountString", no_params, {.stream = 1});
    other.notify("EchoUtil.Add");
    other.closes();
    const auto calls = world.client.asks("rpc.calls").result;
    REQUIRE(calls.size() == 4);
    auto first = calls[0];
    CHECK(first["id"].is_number_unsigned());
    first.erase("id");
    CHECK(first == json{{"method", "EchoUtil.Add"},
                        {"client", "c0.1"},
                        {"worker", "brok-1"},
                        {"age_us", 15'000},
                        {"state", "running"}});
    auto second = calls[1];
    second.erase("id");
    CHECK(second == json{{"method", "Waiting.for"},
                         {"client", "c0.1"},
                         {"worker", nullptr},
                         {"age_us", 10'000},
                         {"state", "queued"}});
    std::set<std::string> states{calls[2]["state"], calls[3]["state"]};
    CHECK(states == std::set<std::string>{"running", "abandoned"});
    CHECK(calls[2]["client"] == "gone");
    CHECK(calls[3]["client"] == "gone");
}

TEST_CASE("rpc.calls lists no more than the oldest thousand") {
    World world;
    for (std::uint32_t i = 0; i < 1100; ++i) {
        world.client.request(i, "EchoUtil.Add");
        if (i == 999) world.passes(1ms);
    }
    const auto calls = world.client.asks("rpc.calls").result;
    REQUIRE(calls.size() == 1000);
    for (const auto& call : calls) REQUIRE(call["age_us"] == 1000);
}

TEST_CASE("rpc.stats tells counters, gauges, failures by code, and latencies by method") {
    World world;
    for (std::uint32_t i = 0; i < 5; ++i) world.client.request(i, "EchoUtil.Add");
    world.client.request(9, "EchoUtil.None");
    world.client.request(10, "EchoUtil.Add", no_params, {.timeout_ms = 0});
    world.client.cancel(0);
    world.passes(3ms);
    world.worker.answers(world.worker.calls()[1], 1);
    const auto stats = world.client.asks("rpc.stats").result;
    CHECK(stats["calls_accepted"] == 6);
    CHECK(stats["calls_answered"] == 1);
    CHECK(stats["calls_failed"] == 2);
    CHECK(stats["calls_refused"] == 1);
    CHECK(stats["calls_in_system"] == 3);
    CHECK(stats["calls_queued"] == 1);
    CHECK(stats["calls_queued_bytes"] == pack(json::array({"EchoUtil.Add", no_params})).size() - 1);
    CHECK(stats["places_taken"] == 3);
    CHECK(stats["clients"] == 1);
    CHECK(stats["workers"] == 1);
    CHECK(stats["services"] == 1);
    CHECK(stats["methods_known"] == 2);
    CHECK(stats["rpc_calls"] == 1);
    CHECK(stats["unsent_bytes"] == 0);
    CHECK(stats["failures"] == json{{"CANCELLED", 1}, {"UNIMPLEMENTED", 1}, {"DEADLINE_EXCEEDED", 1}});
    const auto latency = stats["latency_us"]["EchoUtil.Add"];
    CHECK(latency["count"] == 2);
    CHECK(latency["p99"].get<int>() == Approx(3000).epsilon(1.0 / 32));
    CHECK(latency["p50"] == 0);
    CHECK(latency["p90"] == latency["p99"]);
    for (const auto name : broker::counter_names) CHECK(stats.contains(std::string(name)));
}

TEST_CASE("rpc.drain wants the id of a worker that is there") {
    World world;
    auto answer = world.client.asks("rpc.drain", {"brok-7"});
    CHECK(answer.code() == "NOT_FOUND");
    CHECK(answer.message() == "worker brok-7 is not there (rpc.workers lists those that are)");
    answer = world.client.asks("rpc.drain", {"brok-1"});
    CHECK(answer.error.is_null());
    CHECK(answer.result.is_null());
    CHECK(world.client.asks("rpc.drain", {"brok-1"}).error.is_null());
    CHECK(world.worker.notified() == std::vector<std::string>(2, "rpc.drain"));
}

TEST_CASE("parameters that a call of rpc does not take are INVALID_ARGUMENT") {
    World world;
    for (const auto* name : {"ping", "services", "workers", "calls", "stats"}) {
        const auto method = "rpc." + std::string(name);
        const auto answer = world.client.asks(method, json::array({1, 2}));
        CHECK(answer.code() == "INVALID_ARGUMENT");
        CHECK(answer.message() == method + ": expected no parameters, got 2");
    }
    for (const auto& params : {json::array(), json::array({1}), json::array({"a", "b"})}) {
        CHECK(world.client.asks("rpc.describe", params).message() ==
              "rpc.describe: expected one parameter (method), a str");
        CHECK(world.client.asks("rpc.drain", params).message() ==
              "rpc.drain: expected one parameter (worker id), a str");
    }
    CHECK(world.client.asks("rpc.hello", json::array({3})).code() == "INVALID_ARGUMENT");
}

TEST_CASE("what rpc does not have is UNIMPLEMENTED, what only looks like it is another service") {
    World world;
    for (const auto* method : {"rpc.none", "rpc.register", "rpc.cancel"}) {
        const auto answer = world.client.asks(method);
        CHECK(answer.code() == "UNIMPLEMENTED");
        CHECK(answer.message() == "the broker has no method " + std::string(method));
        CHECK(answer.error["ran"] == "no");
    }
    world.client.request(1, "rpc.sub.ping");
    world.client.request(2, "rpcs.ping");
    CHECK(world.client.heard_nothing());
    world.passes(1s);
    CHECK(world.client.answers().size() == 2);
}

TEST_CASE("calls of rpc may come in a batch, with options, under envelopes") {
    World world;
    world.client.hello({{"batch", true}});
    std::string body;
    for (std::uint32_t i = 0; i < 3; ++i) append_request(body, i, "rpc.ping", pack(no_params), {.timeout_ms = 1000});
    world.client.sends(body);
    const auto answers = world.client.answers();
    REQUIRE(answers.size() == 3);
    CHECK(answers[0].body == answers[2].body);
    world.client.request(9, "rpc.ping", no_params, {}, "e");
    CHECK(world.client.answer().envelope == "e");
}

}  // namespace
}  // namespace rpcbroker::test
