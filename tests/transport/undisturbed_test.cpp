// Poller::wait_undisturbed: a wait for the body of one dealer alone, for a few milliseconds.
#include <optional>
#include <thread>

#include <catch2/catch.hpp>

#include "tests/transport/support.hpp"

namespace rpcbroker::transport::test {
namespace {

using namespace std::chrono_literals;

/// As Connected::body(), but undisturbed.
std::string next_body(Connected& connected) {
    const auto end = Clock::now() + patience;
    while (connected.dealer.receive(connected.incoming) != Received::body) {
        REQUIRE(Clock::now() < end);
        connected.poller.wait_undisturbed(std::nullopt);
    }
    return std::string(connected.incoming.body.bytes());
}

/// Connected, and known to be.
void settle(Connected& connected) {
    REQUIRE(connected.event().what == ConnectionEvent::What::connected);
    ConnectionEvent none;
    while (connected.dealer.may_have_events()) connected.dealer.next_event(none);
}

TEST_CASE("undisturbed, each body ends a wait, and is received once") {
    Bound bound;
    Connected connected(bound.endpoint);
    settle(connected);
    for (int round = 0; round < 500; ++round) {
        connected.send("question");
        CHECK(bound.body() == "question");
        bound.answer("answer " + std::to_string(round));
        CHECK(next_body(connected) == "answer " + std::to_string(round));
    }
}

TEST_CASE("undisturbed, bodies that come together all come, in order") {
    Bound bound;
    Connected connected(bound.endpoint);
    settle(connected);
    for (int round = 0; round < 100; ++round) {
        connected.send("question");
        bound.body();
        for (const char* text : {"1", "2", "3"}) bound.answer(text);
        for (const char* text : {"1", "2", "3"}) CHECK(next_body(connected) == text);
    }
}

TEST_CASE("undisturbed, a body that came by an earlier wait ends the next one at once") {
    Bound bound;
    Connected connected(bound.endpoint);
    settle(connected);
    connected.send("question");
    bound.body();
    bound.answer("answer");
    connected.poller.wait_undisturbed(std::nullopt);
    REQUIRE(connected.dealer.may_have_bodies());
    connected.poller.wait_undisturbed(std::nullopt);
    connected.poller.wait(std::nullopt);
    CHECK(next_body(connected) == "answer");
}

TEST_CASE("undisturbed, a wakeup is heard some milliseconds later") {
    Bound bound;
    Connected connected(bound.endpoint);
    Wakeup wakeup;
    connected.poller.add(wakeup);
    settle(connected);
    std::thread other([&] { wakeup.signal(); });
    connected.poller.wait_undisturbed(std::nullopt);
    other.join();
    CHECK_FALSE(connected.dealer.may_have_bodies());
}

TEST_CASE("undisturbed, the end of a connection is heard some milliseconds later") {
    std::optional<Bound> bound(std::in_place);
    Connected connected(bound->endpoint);
    settle(connected);
    bound.reset();
    connected.poller.wait_undisturbed(std::nullopt);
    CHECK(connected.event().what == ConnectionEvent::What::closed);
    connected.poller.wait_undisturbed(20ms);  // without a connection there is none to wait for
}

TEST_CASE("undisturbed, no wait is shorter than it is to be") {
    Bound bound;
    Connected connected(bound.endpoint);
    settle(connected);
    for (const auto timeout : {1ms, 9ms, 10ms, 30ms}) {
        const auto began = Clock::now();
        connected.poller.wait_undisturbed(timeout);
        CHECK(Clock::now() - began >= timeout);
    }
}

TEST_CASE("undisturbed, who waited in vain waits for all there is, the next few times") {
    Bound bound;
    Connected connected(bound.endpoint);
    settle(connected);
    connected.send("question");
    bound.body();
    const auto sleeps_for_a_body = [&] {
        bound.answer("answer");
        connected.poller.wait(std::nullopt);
        connected.poller.wait_undisturbed(std::nullopt);
        const bool slept = connected.poller.slept();
        CHECK(next_body(connected) == "answer");
        return slept;
    };
    CHECK(sleeps_for_a_body());
    connected.poller.wait_undisturbed(20ms);
    int others = 0;
    while (others < 100 && !sleeps_for_a_body()) ++others;
    CHECK(others > 1);
    CHECK(others < 100);
}

TEST_CASE("who has several sockets is not undisturbed") {
    Bound one;
    Bound other;
    Connected connected(one.endpoint);
    Connected second(other.endpoint);
    settle(connected);
    settle(second);
    connected.poller.add(second.dealer);
    second.send("question");
    other.body();
    other.answer("answer");
    connected.poller.wait_undisturbed(std::nullopt);
    CHECK(second.dealer.receive(second.incoming) == Received::body);
}

}  // namespace
}  // namespace rpcbroker::transport::test
