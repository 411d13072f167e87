// Client::within: calls that are made for another one.
#include <rpcbroker/caller.hpp>

#include <catch2/catch.hpp>

#include <optional>
#include <string>

#include <rpcbroker/client.hpp>
#include <rpcbroker/pack.hpp>

#include "common/transport/context.hpp"
#include "tests/client/fake_broker.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;
using namespace std::chrono_literals;

namespace {

using Meta = std::map<std::string, std::string>;

struct Net {
    FakeBroker broker{transport::Context{}};
    Client client{broker.endpoint()};
};

/// The options that a call came with, as MessagePack, by name.
std::map<std::string, std::string> options_of(Result<RawReply> reply) {
    std::map<std::string, std::string> options;
    Unpacker map{reply->result};
    for (auto left = map.take_map().value(); left > 0; --left) {
        const auto key = map.take_string().value();
        options.emplace(key, map.take_value().value());
    }
    return options;
}

std::map<std::string, std::string> options_of(Caller& caller, const CallOptions& options = {}) {
    return options_of(caller.call_raw("T.Options", "\x90", options));
}

std::int64_t timeout_of(const std::map<std::string, std::string>& options) {
    return unpack_value<std::int64_t>(options.at("timeout"), "timeout").value();
}

template <class T>
void require_over(const Result<T>& result) {
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code() == Code::deadline_exceeded);
    CHECK(result.error().ran() == Ran::no);
}

}  // namespace

TEST_CASE("calls within another carry its trace and its metadata, and end by its deadline") {
    Net net;
    auto caller = net.client.within({.deadline = Clock::now() + 5s, .trace = "00-ab", .meta = {{"who", "me"}}});
    const auto options = options_of(caller);
    CHECK(options.at("trace") ==
          "\xa5"
          "00-ab");
    CHECK(unpack_value<Meta>(options.at("meta"), "meta").value() == Meta{{"who", "me"}});
    CHECK(timeout_of(options) <= 5000);
    CHECK(timeout_of(options) > 0);
}

TEST_CASE("what a call says itself comes first") {
    Net net;
    auto caller =
        net.client.within({.deadline = Clock::now() + 1h, .trace = "00-ab", .meta = {{"a", "1"}, {"b", "2"}}});
    const auto options = options_of(caller, {.timeout = 20min, .meta = {{"b", "3"}, {"c", "4"}}, .trace = "00-cd"});
    CHECK(options.at("trace") ==
          "\xa5"
          "00-cd");
    CHECK(unpack_value<Meta>(options.at("meta"), "meta").value() == Meta{{"a", "1"}, {"b", "3"}, {"c", "4"}});
    CHECK(timeout_of(options) <= 1'200'000);
}

TEST_CASE("calls within one that has no deadline have their own") {
    Net net;
    auto caller = net.client.within({});
    CHECK(timeout_of(options_of(caller)) > 5000);
}

TEST_CASE("once the deadline is over, calls of every kind end at once") {
    Net net;
    auto caller = net.client.within({.deadline = Clock::now()});
    require_over(caller.try_call("T.Echo", 1));
    require_over(caller.async_call("T.Echo", 1).result());
    require_over(caller.stream<int>("T.Count", 1).next());
    require_over(caller.try_notify("T.Once"));
    CHECK_THROWS_AS(caller.call("T.Echo", 1), Error);
    CHECK_THROWS_AS(caller.notify("T.Once"), Error);
}

TEST_CASE("a caller has every kind of call") {
    Net net;
    const auto caller = net.client.within({.deadline = Clock::now() + 1h, .trace = "00-ab"});
    auto copy = caller;
    CHECK(copy.call<int>("T.Echo", 1) == 1);
    CHECK(copy.async_call<int>("T.Echo", 2).get() == 2);
    int items = 0;
    for (const int item : copy.stream<int>("T.Count", 3)) items += item > 0;
    CHECK(items == 3);
    copy.notify("T.Once");
    net.broker.wait_for("T.Once");
    auto raw = options_of(copy.async_raw("T.Options", "\x90").result());
    CHECK(raw.at("trace") ==
          "\xa5"
          "00-ab");
}

TEST_CASE("a caller may outlive its client, and its calls end at once") {
    FakeBroker broker{transport::Context{}};
    std::optional<Client> client{std::in_place, broker.endpoint()};
    auto caller = client->within({.trace = "00-ab"});
    CHECK(caller.call<int>("T.Echo", 1) == 1);
    client.reset();
    const auto result = caller.try_call("T.Echo", 1);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code() == Code::cancelled);
    CHECK(result.error().ran() == Ran::no);
    CHECK_FALSE(caller.async_call("T.Echo", 1).result().has_value());
    CHECK_FALSE(caller.stream<int>("T.Count", 1).next().has_value());
    CHECK_FALSE(caller.try_notify("T.Once").has_value());
}
