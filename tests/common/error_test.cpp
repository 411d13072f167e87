#include <rpcbroker/error.hpp>

#include <catch2/catch.hpp>

#include <rpcbroker/result.hpp>

using namespace rpcbroker;

TEST_CASE("every code has its canonical name, and is found by it") {
    const std::vector<std::string> names = {
        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",   "NOT_FOUND",
        "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
        "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",         "DATA_LOSS",
        "UNAUTHENTICATED",
    };
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto code = static_cast<Code>(i);
        CHECK(name_of(code) == names[i]);
        CHECK(code_named(names[i]) == code);
    }
}

TEST_CASE("names of codes are taken only as they stand") {
    CHECK_FALSE(code_named(""));
    CHECK_FALSE(code_named("internal"));
    CHECK_FALSE(code_named("INTERNAL "));
    CHECK_FALSE(code_named("OK"));
}

TEST_CASE("a code that is none has a name all the same") { CHECK(name_of(static_cast<Code>(200)) == "UNKNOWN"); }

TEST_CASE("who and whether have the names that go over the wire") {
    CHECK(name_of(By::handler) == "handler");
    CHECK(name_of(By::broker) == "broker");
    CHECK(name_of(By::worker) == "worker");
    CHECK(name_of(By::client) == "client");
    CHECK(name_of(Ran::unsaid) == "unsaid");
    CHECK(name_of(Ran::no) == "no");
    CHECK(name_of(Ran::maybe) == "maybe");
}

TEST_CASE("an error says its code and message") {
    const Error error{Code::not_found, "no service Foo"};
    CHECK(std::string{error.what()} == "NOT_FOUND: no service Foo");
    CHECK(error.code() == Code::not_found);
    CHECK(error.message() == "no service Foo");
    CHECK(error.by() == By::handler);
    CHECK(error.ran() == Ran::unsaid);
    CHECK_FALSE(error.retry_after());
    CHECK(error.data().empty());
}

TEST_CASE("an error holds what the broker adds") {
    Error error{Code::unavailable, "gone", By::broker, Ran::maybe};
    error.set_retry_after(std::chrono::milliseconds{20}).set_data("\x01");
    CHECK(error.by() == By::broker);
    CHECK(error.ran() == Ran::maybe);
    CHECK(error.retry_after() == std::chrono::milliseconds{20});
    CHECK(error.data() == "\x01");
}

TEST_CASE("a result holds a value, or throws its error when asked for one") {
    const Result<int> three{3};
    CHECK(three);
    CHECK(*three == 3);
    const Result<int> none{Error{Code::internal, "no"}};
    CHECK_FALSE(none);
    CHECK(none.error().message() == "no");
    CHECK_THROWS_AS(none.value(), Error);
    CHECK(Result<void>{});
    CHECK_THROWS_AS(Result<void>(Error{Code::internal, "no"}).value(), Error);
}
