#include "broker/handling_time.hpp"

#include <catch2/catch.hpp>

namespace rpcbroker::broker {
namespace {

using namespace std::chrono_literals;

/// A method whose calls are answered one after the other, a second apart.
struct Handled {
    HandlingTime handling;
    TimePoint now{std::chrono::hours(1)};

    void finishes(int calls, Duration took) {
        for (int i = 0; i < calls; ++i) handling.finish(took, now);
    }
    [[nodiscard]] double milliseconds() const {
        return std::chrono::duration<double, std::milli>(handling.usual(now).value()).count();
    }
};

TEST_CASE("handling time: nothing is known before a few calls were answered") {
    Handled method;
    CHECK_FALSE(method.handling.usual(method.now));
    method.finishes(7, 40ms);
    CHECK_FALSE(method.handling.usual(method.now));
    method.finishes(1, 40ms);
    CHECK(method.milliseconds() == Approx(40));
}

TEST_CASE("handling time: what varies is given the room to") {
    Handled method;
    for (int i = 0; i < 100; ++i) method.finishes(1, i % 2 == 0 ? 30ms : 50ms);
    CHECK(method.milliseconds() == Approx(50).margin(2));
}

TEST_CASE("handling time: a few slow calls among quick ones do not make those seem slow") {
    Handled method;
    for (int i = 0; i < 500; ++i) method.finishes(1, i % 10 == 0 ? 5s : 1ms);
    CHECK(method.milliseconds() < 2);
}

TEST_CASE("handling time: it follows a method that turns slow, or quick") {
    Handled method;
    method.finishes(100, 1ms);
    method.finishes(100, 500ms);
    CHECK(method.milliseconds() == Approx(500).epsilon(0.05));
    method.finishes(100, 1ms);
    CHECK(method.milliseconds() == Approx(1).epsilon(0.05));
}

TEST_CASE("handling time: a call that took no time at all is one of the shortest there are") {
    Handled method;
    method.finishes(100, 0ms);
    CHECK(method.milliseconds() < 0.003);
    method.finishes(200, 40ms);
    CHECK(method.milliseconds() == Approx(40).epsilon(0.05));
}

TEST_CASE("handling time: a call that was cut short tells only that it takes as long at least") {
    Handled method;
    method.finishes(50, 40ms);
    for (int i = 0; i < 50; ++i) method.handling.cut_short(5ms, method.now);
    CHECK(method.milliseconds() == Approx(40));
    for (int i = 0; i < 50; ++i) method.handling.cut_short(80ms, method.now);
    CHECK(method.milliseconds() == Approx(80).epsilon(0.05));
}

TEST_CASE("handling time: what was not measured for a while is forgotten") {
    Handled method;
    method.finishes(50, 40ms);
    method.now += 9999ms;
    CHECK(method.milliseconds() == Approx(40));
    method.now += 1ms;
    CHECK_FALSE(method.handling.usual(method.now));
    method.finishes(8, 1ms);
    CHECK(method.milliseconds() == Approx(1));
}

}  // namespace
}  // namespace rpcbroker::broker
