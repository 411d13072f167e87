#include "gateway/method_filter.hpp"

#include <catch2/catch.hpp>

namespace rpcbroker {
namespace {

TEST_CASE("patterns") {
    CHECK(matches("EchoUtil.*", "EchoUtil.Count"));
    CHECK(matches("*", ""));
    CHECK(matches("*.Count*", "A.B.CountString"));
    CHECK(matches("a*b*c", "abbbcbc"));
    CHECK_FALSE(matches("a*b*c", "abbbcb"));
    CHECK_FALSE(matches("EchoUtil.*", "EchoUtils.Count"));
    CHECK_FALSE(matches("", "x"));
    CHECK(matches("", ""));
}

TEST_CASE("without patterns all but the broker's own may be called") {
    const MethodFilter filter;
    CHECK(filter.check("EchoUtil.Count"));
    CHECK(filter.check("rpc.drain").error().code() == Code::permission_denied);
    CHECK(filter.check("nothing").error().code() == Code::invalid_argument);
}

TEST_CASE("with patterns only what they say, and the broker's own by name") {
    const MethodFilter filter{{"Echo*", "*ping", "rpc.stats"}};
    CHECK(filter.check("EchoUtil.Count"));
    CHECK(filter.check("rpc.stats"));
    CHECK_FALSE(filter.check("rpc.ping"));
    CHECK_FALSE(filter.check("Other.Count"));
}

}  // namespace
}  // namespace rpcbroker
