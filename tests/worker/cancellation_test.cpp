#include "worker/cancellation.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace rpcbroker;
using namespace std::chrono_literals;

TEST_CASE("a request is seen at once, and forgotten with the call") {
    Cancellation cancellation;
    cancellation.reset();
    CHECK_FALSE(cancellation.requested());
    cancellation.request();
    CHECK(cancellation.requested());
    cancellation.reset();
    CHECK_FALSE(cancellation.requested());
}

TEST_CASE("callbacks run once, when told") {
    Cancellation cancellation;
    int calls = 0;
    cancellation.on_cancel([&calls] { ++calls; });
    cancellation.on_cancel([&calls] { calls += 10; });
    const auto generation = cancellation.request();
    CHECK(calls == 0);
    cancellation.notify(generation);
    cancellation.notify(generation);
    CHECK(calls == 11);
}

TEST_CASE("a callback that comes after the request runs at once") {
    Cancellation cancellation;
    cancellation.request();
    bool called = false;
    cancellation.on_cancel([&called] { called = true; });
    CHECK(called);
}

TEST_CASE("callbacks of a call that is over do not run") {
    Cancellation cancellation;
    bool called = false;
    cancellation.on_cancel([&called] { called = true; });
    const auto generation = cancellation.request();
    cancellation.end();
    cancellation.notify(generation);
    CHECK_FALSE(called);
}

TEST_CASE("a late word does not reach the next call") {
    Cancellation cancellation;
    const auto generation = cancellation.request();
    cancellation.end();
    cancellation.reset();
    bool called = false;
    cancellation.on_cancel([&called] { called = true; });
    cancellation.notify(generation);
    CHECK_FALSE(called);
}

TEST_CASE("a wait ends by itself when nobody cancels") {
    Cancellation cancellation;
    CHECK(cancellation.wait_for(1ms));
    CHECK(cancellation.wait_for(-1ms));
}

TEST_CASE("a wait ends when the call is cancelled, however long it is") {
    Cancellation cancellation;
    std::thread canceller{[&cancellation] { cancellation.notify(cancellation.request()); }};
    CHECK_FALSE(cancellation.wait_for(std::chrono::nanoseconds::max()));
    canceller.join();
}

TEST_CASE("a stop token is told with the callbacks") {
    Cancellation cancellation;
    const auto token = cancellation.stop_token();
    CHECK(token == cancellation.stop_token());
    CHECK_FALSE(token.stop_requested());
    bool called = false;
    const std::stop_callback callback{token, [&called] { called = true; }};
    cancellation.notify(cancellation.request());
    CHECK(token.stop_requested());
    CHECK(called);
}

TEST_CASE("a stop token that is taken after the request is stopped already") {
    Cancellation cancellation;
    cancellation.request();
    CHECK(cancellation.stop_token().stop_requested());
}

TEST_CASE("a stop token of a call that is over is told nothing, and the next call has another") {
    Cancellation cancellation;
    const auto token = cancellation.stop_token();
    const auto generation = cancellation.request();
    cancellation.end();
    cancellation.notify(generation);
    CHECK_FALSE(token.stop_requested());
    cancellation.reset();
    CHECK_FALSE(cancellation.stop_token() == token);
}
