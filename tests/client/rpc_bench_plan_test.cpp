#include <catch2/catch.hpp>

#include <rpcbroker/pack.hpp>

#include "client/rpc_bench_plan.hpp"

using namespace rpcbroker;
using namespace rpcbroker::bench;

namespace {

Round only_round(const Load& load) {
    const auto rounds = plan(load);
    REQUIRE(rounds.size() == 1);
    return rounds.front();
}

/// The text that is the only parameter.
std::string text_in(const CallKind& kind) {
    Unpacker unpacker{kind.params};
    REQUIRE(unpacker.take_array() == 1);
    return std::string{unpacker.take_string().value()};
}

}  // namespace

TEST_CASE("each shape has its own clients and window") {
    struct Expected {
        const char* shape;
        std::uint64_t clients;
        std::uint64_t window;
    };
    for (const auto& [shape, clients, window] :
         {Expected{"latency", 1, 1}, {"pipelined", 1, 1000}, {"clients", 50, 1}, {"mixed", 8, 4}}) {
        const auto round = only_round({.shape = shape});
        CHECK(round.shape == shape);
        CHECK(round.clients == clients);
        CHECK(round.connections == clients);
        CHECK(round.window == window);
        CHECK(round.most_in_flight() == clients * window);
    }
}

TEST_CASE("what the user says goes before the shape") {
    const auto round = only_round({.shape = "pipelined", .clients = 6, .connections = 2, .window = 10});
    CHECK(round.clients == 6);
    CHECK(round.connections == 2);
    CHECK(round.window == 10);
    CHECK(only_round({.shape = "clients", .clients = 3, .connections = 9}).connections == 3);
}

TEST_CASE("an open loop is bounded by the calls in flight") {
    const auto round = only_round({.rate = 100, .max_in_flight = 7});
    CHECK(round.rate == 100);
    CHECK(round.most_in_flight() == 7);
}

TEST_CASE("without a method it is EchoUtil's") {
    const auto round = only_round({});
    CHECK(round.kinds.front().method == "EchoUtil.CountString");
    CHECK(text_in(round.kinds.front()) == "this is test");
    const auto other = only_round({.call = CallKind{.label = "S.M", .method = "S.M", .params = "\x90"}});
    CHECK(other.kinds.front().method == "S.M");
    CHECK(other.kinds.front().params == "\x90");
}

TEST_CASE("payload has a round for each size") {
    const auto rounds = plan({.shape = "payload", .sizes = {0, 1024}});
    REQUIRE(rounds.size() == 2);
    CHECK(rounds[0].label == "payload 0B");
    CHECK(rounds[1].label == "payload 1KiB");
    CHECK(text_in(rounds[0].kinds.front()).empty());
    CHECK(text_in(rounds[1].kinds.front()).size() == 1024);
    CHECK(rounds[1].kinds.front().method == "EchoUtil.Echo");
    CHECK(plan({.shape = "payload"}).size() == 5);
}

TEST_CASE("all are all shapes, in order") {
    const auto rounds = plan({.shape = "all", .sizes = {1}});
    std::string shapes;
    for (const auto& round : rounds) shapes += round.shape + " ";
    CHECK(shapes == "latency pipelined clients payload mixed ");
    CHECK(shape_names().size() == 6);
    for (const auto& name : shape_names()) CHECK_FALSE(plan({.shape = name}).empty());
}

TEST_CASE("kinds come in the proportion of their weights, the same in every run, and not in a row") {
    Round round;
    round.kinds = {{.label = "a", .weight = 70}, {.label = "b", .weight = 29}, {.label = "c", .weight = 1}};
    std::vector<int> counts(3);
    std::size_t changes = 0;
    for (std::uint64_t number = 0; number < 100'000; ++number) {
        ++counts[round.kind_of(number)];
        changes += round.kind_of(number) != round.kind_of(number + 1);
    }
    CHECK(counts[0] == Approx(70'000).epsilon(0.02));
    CHECK(counts[1] == Approx(29'000).epsilon(0.02));
    CHECK(counts[2] == Approx(1'000).epsilon(0.15));
    CHECK(changes > 30'000);
}
