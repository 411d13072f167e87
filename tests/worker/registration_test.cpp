#include "worker/registration.hpp"

#include <catch2/catch.hpp>

#include <rpcbroker/pack.hpp>

#include "tests/worker/show.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;
using namespace std::chrono_literals;

TEST_CASE("a registration says all that the broker asks for") {
    std::string services;
    Packer{services}.array(1).map(1).string("name").string("S");
    std::string params;
    append_registration(params, {"me", services, 17});
    CHECK(
        show_packed(params) ==
        R"([{"protocol": 1, "name": "me", "batch": true, "heartbeat": true, "capacity": 17, "services": [{"name": "S"}]}])");
}

TEST_CASE("an answer is read, whatever else it says") {
    std::string result;
    Packer{result}
        .map(6)
        .string("later")
        .array(1)
        .nil()
        .string("worker")
        .string("w1")
        .string("broker")
        .string("b1")
        .string("heartbeat")
        .unsigned_integer(250)
        .string("max_message")
        .unsigned_integer(1000)
        .string("protocol")
        .integer(1);
    const auto answer = read_registration_answer(result);
    REQUIRE(answer);
    CHECK(answer->worker == "w1");
    CHECK(show_packed(answer->broker) == "\"b1\"");
    CHECK(answer->heartbeat == 250ms);
    CHECK(answer->max_message == 1000U);
}

TEST_CASE("an answer may leave out all but the worker's id") {
    std::string result;
    Packer{result}.map(1).string("worker").string("w1");
    const auto answer = read_registration_answer(result);
    REQUIRE(answer);
    CHECK(answer->heartbeat == 0ms);
    CHECK_FALSE(answer->max_message);
}

TEST_CASE("an answer's heartbeat is never absurd") {
    std::string result;
    Packer{result}.map(2).string("worker").string("w1").string("heartbeat").unsigned_integer(~0ULL);
    CHECK(read_registration_answer(result)->heartbeat == 24h);
}

TEST_CASE("what is no answer is not read as one") {
    const auto result = GENERATE(as<std::string>{}, "", "\xc0", "\x80", "\x81", "\x81\x01\x02", "\x81\xa6worker",
                                 "\x81\xa6worker\x05", "\x81\xa6worker\xa0", "\x82\xa6worker\xa2w1\xa1x");
    CHECK_FALSE(read_registration_answer(result));
}
