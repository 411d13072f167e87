#include "worker/echo_util.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include "tests/worker/fake_sink.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;

TEST_CASE("CountString counts the letter s") {
    CHECK(echo_util::count_string("this is test") == 3);
    CHECK(echo_util::count_string("") == 0);
    CHECK(echo_util::count_string("S") == 0);
    CHECK(echo_util::count_string(std::string("s\0s\xff", 4)) == 2);
}

// What Go's strings.Count says of each.
TEST_CASE("Count counts as Go does") {
    CHECK(echo_util::count("cheese", "e") == 3);
    CHECK(echo_util::count("aaaa", "aa") == 2);
    CHECK(echo_util::count("aaaaa", "aa") == 2);
    CHECK(echo_util::count("", "a") == 0);
    CHECK(echo_util::count("a", "aa") == 0);
    CHECK(echo_util::count("five", "") == 5);
    CHECK(echo_util::count("", "") == 1);
    CHECK(echo_util::count("жаба", "") == 5);
    CHECK(echo_util::count("жаба", "а") == 2);
    CHECK(echo_util::count("€𝄞", "") == 3);
}

TEST_CASE("a byte that belongs to no valid UTF-8 counts as a character") {
    CHECK(echo_util::count("\xff", "") == 2);
    CHECK(echo_util::count("\xe2\x82", "") == 3);  // cut off
    CHECK(echo_util::count("\xe2\x82"
                           "a",
                           "") == 4);
    CHECK(echo_util::count("\xc0\x80", "") == 3);          // overlong
    CHECK(echo_util::count("\xed\xa0\x80", "") == 4);      // a surrogate
    CHECK(echo_util::count("\xf4\x90\x80\x80", "") == 5);  // over U+10FFFF
    CHECK(echo_util::count("\x80"
                           "a\x80",
                           "") == 4);
}

TEST_CASE("Reverse goes by code point") {
    CHECK(*echo_util::reverse("abc") == "cba");
    CHECK(*echo_util::reverse("") == "");
    CHECK(*echo_util::reverse("aж€𝄞") == "𝄞€жa");
}

TEST_CASE("Upper knows more than ASCII") {
    CHECK(*echo_util::upper("abc XYZ 12") == "ABC XYZ 12");
    CHECK(*echo_util::upper("éüñ") == "ÉÜÑ");
    CHECK(*echo_util::upper("αβγω") == "ΑΒΓΩ");
    CHECK(*echo_util::upper("жаба") == "ЖАБА");
    CHECK(*echo_util::upper("€ 𝄞 漢") == "€ 𝄞 漢");
    CHECK(*echo_util::upper("𐐨") == "𐐀");
    CHECK(*echo_util::upper("") == "");
}

TEST_CASE("text that is not valid UTF-8 is refused") {
    const auto text = GENERATE(as<std::string>{}, "\xff", "a\xe2\x82", "\xc0\x80");
    CHECK(echo_util::reverse(text).error().code() == Code::invalid_argument);
    CHECK(echo_util::upper(text).error().code() == Code::invalid_argument);
}

TEST_CASE("Fail fails as it is told") {
    const auto failed = echo_util::fail("DATA_LOSS", "all gone");
    REQUIRE_FALSE(failed);
    CHECK(failed.error().code() == Code::data_loss);
    CHECK(failed.error().message() == "all gone");
}

TEST_CASE("Fail says which codes there are") {
    const auto failed = echo_util::fail("OOPS", "x");
    REQUIRE_FALSE(failed);
    CHECK(failed.error().code() == Code::invalid_argument);
    CHECK(failed.error().message().find("CANCELLED, UNKNOWN, INVALID_ARGUMENT") != std::string::npos);
    CHECK(failed.error().message().find("UNAUTHENTICATED") != std::string::npos);
}

TEST_CASE("Sleep returns what it was told") {
    detail::RunningCall call;
    Context context{call};
    CHECK(*echo_util::sleep(context, 0) == 0);
    CHECK(*echo_util::sleep(context, 1) == 1);
}

TEST_CASE("Sleep ends early when cancelled, however long it was to be") {
    detail::RunningCall call;
    call.cancellation.request();
    Context context{call};
    CHECK(echo_util::sleep(context, std::numeric_limits<std::int64_t>::max()).error().code() == Code::cancelled);
}

TEST_CASE("Sleep refuses a negative time") {
    detail::RunningCall call;
    Context context{call};
    const auto slept = echo_util::sleep(context, -1);
    CHECK(slept.error().code() == Code::invalid_argument);
    CHECK(slept.error().message() == "parameter 1 (ms): expected 0 or more, got -1");
}

TEST_CASE("Range streams the numbers below n, and then n") {
    StreamHarness harness;
    echo_util::serve(harness.registry.service("EchoUtil"));
    CHECK(harness.call("EchoUtil.Range", 3) == "response 7 nil 3");
    CHECK(harness.sink.sent == Items{"item 7 0", "item 7 1", "item 7 2"});
    CHECK(harness.call("EchoUtil.Range", 0) == "response 7 nil 0");
    CHECK(harness.sink.sent.size() == 3);
}

TEST_CASE("Range stops when it is cancelled") {
    StreamHarness harness;
    harness.sink.credit = 5;
    echo_util::serve(harness.registry.service("EchoUtil"));
    CHECK(harness.call("EchoUtil.Range", std::numeric_limits<std::int64_t>::max()) == "response 7 CANCELLED nil");
    CHECK(harness.error().message() == "cancelled after 5 items");
    CHECK(harness.sink.sent.size() == 5);
}

TEST_CASE("Range refuses a negative number") {
    StreamHarness harness;
    echo_util::serve(harness.registry.service("EchoUtil"));
    CHECK(harness.call("EchoUtil.Range", -1) == "response 7 INVALID_ARGUMENT nil");
    CHECK(harness.error().message() == "parameter 1 (n): expected 0 or more, got -1");
}

TEST_CASE("EchoUtil offers what docs/PROTOCOL.md's examples call") {
    DispatchHarness harness;
    harness.running.worker_name = "me";
    echo_util::serve(harness.registry.service("EchoUtil"));
    CHECK(harness.call("EchoUtil.CountString", "this is test") == "response 7 nil 3");
    CHECK(harness.call("EchoUtil.Count", "cheese", "e") == "response 7 nil 3");
    CHECK(harness.call("EchoUtil.Echo", std::vector<int>{1, 2}) == "response 7 nil [1, 2]");
    CHECK(harness.call("EchoUtil.Echo", nullptr) == "response 7 nil nil");
    CHECK(harness.call("EchoUtil.Reverse", "abc") == R"(response 7 nil "cba")");
    CHECK(harness.call("EchoUtil.Upper", "abc") == R"(response 7 nil "ABC")");
    CHECK(harness.call("EchoUtil.Sleep", 0) == "response 7 nil 0");
    CHECK(harness.call("EchoUtil.Fail", "ABORTED", "x") == "response 7 ABORTED nil");
    const auto whoami = harness.call("EchoUtil.Whoami");
    CHECK(whoami.starts_with("response 7 nil {\"name\": \"me\", \"pid\": " + std::to_string(::getpid()) +
                             ", \"host\": "));
}

TEST_CASE("all of EchoUtil but Sleep and Fail is idempotent, described and typed") {
    Registry registry;
    echo_util::serve(registry.service("EchoUtil"));
    for (const auto* name : {"CountString", "Count", "Echo", "Reverse", "Upper", "Range", "Whoami", "Sleep", "Fail"}) {
        CAPTURE(name);
        const Method* method = registry.find("EchoUtil." + std::string{name});
        REQUIRE(method);
        const bool once = std::string_view{name} == "Sleep" || std::string_view{name} == "Fail";
        CHECK(method->options.idempotent == !once);
        CHECK_FALSE(method->options.doc.empty());
        CHECK(method->options.params.size() == method->signature.params.size());
    }
    CHECK(registry.find("EchoUtil.Count")->signature.params == std::vector<std::string>{"str", "str"});
    CHECK(registry.find("EchoUtil.Echo")->signature.result == "any");
    CHECK(registry.find("EchoUtil.Range")->signature.result == "int");
    CHECK(registry.find("EchoUtil.Range")->signature.stream);
    CHECK(registry.find("EchoUtil.Fail")->signature.result == "nil");
    CHECK(registry.find("EchoUtil.Whoami")->signature.result == "map");
}
