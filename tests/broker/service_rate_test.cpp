#include "broker/service_rate.hpp"

#include <catch2/catch.hpp>

namespace rpcbroker::broker {
namespace {

using namespace std::chrono_literals;

/// A service whose calls always wait, told of by the clock of the test.
struct Busy {
    ServiceRate rate;
    TimePoint now{std::chrono::hours(1)};

    Busy() { rate.begin(now); }
    void finishes(int calls, Duration each) {
        for (int i = 0; i < calls; ++i) {
            now += each;
            rate.finish(now);
        }
    }
    [[nodiscard]] double seconds_for(std::size_t calls) const {
        return std::chrono::duration<double>(rate.time_for(calls, now).value()).count();
    }
};

TEST_CASE("service rate: nothing is known before the first measurement is whole") {
    Busy busy;
    CHECK_FALSE(busy.rate.time_for(10, busy.now));
    busy.finishes(99, 1ms);
    CHECK_FALSE(busy.rate.time_for(10, busy.now));
    busy.finishes(1, 1ms);
    CHECK(busy.seconds_for(10) == Approx(0.01));
    CHECK(busy.seconds_for(0) == 0);
}

TEST_CASE("service rate: few calls are measured for longer") {
    Busy busy;
    busy.finishes(9, 100ms);
    CHECK_FALSE(busy.rate.time_for(1, busy.now));
    busy.finishes(1, 100ms);
    CHECK(busy.seconds_for(10) == Approx(1));
}

TEST_CASE("service rate: later measurements are blended in") {
    Busy busy;
    busy.finishes(100, 1ms);
    busy.finishes(10, 10ms);
    CHECK(busy.seconds_for(1) == Approx(0.7 * 0.001 + 0.3 * 0.010));
    for (int i = 0; i < 30; ++i) busy.finishes(10, 10ms);
    CHECK(busy.seconds_for(1) == Approx(0.010).epsilon(0.001));
}

TEST_CASE("service rate: time in which nothing waits is not measured") {
    Busy busy;
    busy.finishes(5, 10ms);
    busy.now += 5s;
    busy.rate.begin(busy.now);
    busy.finishes(9, 10ms);
    CHECK_FALSE(busy.rate.time_for(1, busy.now));
    busy.finishes(1, 10ms);
    CHECK(busy.seconds_for(1) == Approx(0.010));
}

TEST_CASE("service rate: a rate that is not measured again is forgotten") {
    Busy busy;
    busy.finishes(100, 1ms);
    CHECK(busy.rate.time_for(1, busy.now + 9999ms));
    CHECK_FALSE(busy.rate.time_for(1, busy.now + 10s));
    busy.now += 10s;
    busy.rate.begin(busy.now);
    busy.finishes(10, 20ms);
    CHECK(busy.seconds_for(1) == Approx(0.020));
}

TEST_CASE("service rate: the slowest service has an end, too") {
    Busy busy;
    busy.finishes(10, 24h * 365);
    CHECK(busy.seconds_for(4'000'000) == Approx(24.0 * 365 * 3600));
}

}  // namespace
}  // namespace rpcbroker::broker
