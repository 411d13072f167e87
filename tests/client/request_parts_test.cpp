#include "client/request_parts.hpp"

#include <catch2/catch.hpp>

#include <string>

#include "common/message.hpp"

using namespace rpcbroker;

namespace {

constexpr std::string_view params = "\x92\x01\x02";

std::string written(const RequestParts& parts, std::uint32_t msgid) {
    std::string out = "before";
    parts.append_to(out, msgid);
    CHECK(out.size() == 6 + parts.size());
    return out.substr(6);
}

}  // namespace

TEST_CASE("requests in parts are what append_request writes, whatever was asked for before") {
    CallOptions plain;
    CallOptions rich{.idempotent = true, .key = "k", .worker = "w", .meta = {{"a", "b"}}, .trace = "t", .timing = true};
    RequestParts parts;
    parts.set_params(params);
    for (std::uint32_t round = 1; round <= 3; ++round) {
        const std::string method = round == 2 ? "Other.Method" : "Some.Method";
        REQUIRE(parts.set_method(method, false));

        parts.set_options(plain, std::nullopt, 100 * round);
        std::string expected;
        append_request(expected, round, method, params, {.timeout_ms = 100 * round});
        CHECK(written(parts, round) == expected);

        parts.set_options(plain, std::nullopt, 7);
        expected.clear();
        append_request(expected, 0xffffffff, method, params, {.timeout_ms = 7});
        CHECK(written(parts, 0xffffffff) == expected);

        parts.set_options(rich, 32, 5);
        expected.clear();
        append_request(expected, round, method, params,
                       {.timeout_ms = 5,
                        .idempotent = true,
                        .stream = 32,
                        .trace = "t",
                        .meta = "\x81\xa1"
                                "a\xa1"
                                "b",
                        .key = "k",
                        .worker = "w",
                        .timing = true});
        CHECK(written(parts, round) == expected);
    }
}

TEST_CASE("a one-way call in parts is a notification, without stream and timing") {
    RequestParts parts;
    parts.set_params(params);
    REQUIRE(parts.set_method("Some.Method", false));
    REQUIRE(parts.set_method("Some.Method", true));
    parts.set_options({.timing = true}, 32, 9);
    std::string expected;
    append_notification(expected, "Some.Method", params, {.timeout_ms = 9});
    CHECK(written(parts, 1) == expected);
    REQUIRE(parts.set_method("Some.Method", false));
    expected.clear();
    append_request(expected, 1, "Some.Method", params, {.timeout_ms = 9});
    CHECK(written(parts, 1) == expected);
}

TEST_CASE("a name that no method has sets nothing") {
    RequestParts parts;
    CHECK_FALSE(parts.set_method("", false));
    CHECK_FALSE(parts.set_method("nothing", false));
    parts.set_params(params);
    REQUIRE(parts.set_method("Some.Method", false));
    CHECK_FALSE(parts.set_method("Some.Method.", false));
    parts.set_options({}, std::nullopt, 1);
    std::string expected;
    append_request(expected, 1, "Some.Method", params, {.timeout_ms = 1});
    CHECK(written(parts, 1) == expected);
}
