#include "broker/rolling_latency.hpp"

#include <catch2/catch.hpp>

namespace rpcbroker::broker {
namespace {

using namespace std::chrono_literals;

const TimePoint start{std::chrono::hours(1)};

TEST_CASE("rolling latency: without values there is nothing to tell") {
    RollingLatency latency;
    CHECK(latency.all().count() == 0);
    CHECK(latency.recent(start).count() == 0);
    CHECK(latency.recent(start).quantile(0.99) == 0);
    CHECK(latency.recent(start).max() == 0);
}

TEST_CASE("rolling latency: what is recent is forgotten after two windows at most, the sum keeps it") {
    RollingLatency latency;
    latency.record(10, start);
    latency.record(20, start + 9s);
    CHECK(latency.recent(start + 9s).count() == 2);
    latency.record(30, start + 10s);
    CHECK(latency.recent(start + 19s).count() == 3);
    CHECK(latency.recent(start + 20s).count() == 1);
    CHECK(latency.recent(start + 20s).quantile(0.5) == 30);
    CHECK(latency.recent(start + 30s).count() == 0);
    CHECK(latency.all().count() == 3);
    CHECK(latency.all().max() == 30);
    CHECK(latency.all().quantile(0.5) == 20);
}

TEST_CASE("rolling latency: after a pause, nothing from before it is recent") {
    RollingLatency latency;
    latency.record(10, start);
    latency.record(20, start + 25s);
    CHECK(latency.recent(start + 25s).count() == 1);
    CHECK(latency.recent(start + 25s).max() == 20);
    CHECK(latency.all().count() == 2);
}

TEST_CASE("rolling latency: quantiles are told within a thirty-second part, whatever windows the values fell into") {
    RollingLatency latency;
    auto now = start;
    for (std::uint64_t value = 1; value <= 1000; ++value, now += 33ms) latency.record(value * 1000, now);
    for (const double quantile : {0.5, 0.9, 0.99, 0.999}) {
        const auto exact = quantile * 1'000'000;
        CHECK(static_cast<double>(latency.all().quantile(quantile)) == Approx(exact).epsilon(1.0 / 32));
    }
    CHECK(latency.all().max() == 1'000'000);
    CHECK(latency.recent(now).count() < 700);
    CHECK(latency.recent(now).quantile(0.0) > 300'000);
}

}  // namespace
}  // namespace rpcbroker::broker
