#include "broker/latency_histogram.hpp"

#include <catch2/catch.hpp>

namespace rpcbroker::broker {
namespace {

TEST_CASE("latency histogram: empty, it says nothing took any time") {
    const LatencyHistogram histogram;
    CHECK(histogram.count() == 0);
    CHECK(histogram.quantile(0.5) == 0);
}

TEST_CASE("latency histogram: small values are exact") {
    LatencyHistogram histogram;
    for (std::uint64_t value = 0; value < 64; ++value) histogram.record(value);
    CHECK(histogram.quantile(0.0) == 0);
    CHECK(histogram.quantile(0.5) == 31);
    CHECK(histogram.quantile(1.0) == 63);
}

TEST_CASE("latency histogram: every value is told within a thirty-second part, and never too low") {
    for (std::uint64_t value = 1; value < (std::uint64_t{1} << 35); value += value / 7 + 1) {
        LatencyHistogram histogram;
        histogram.record(value);
        const auto told = histogram.quantile(0.99);
        REQUIRE(told >= value);
        REQUIRE(told - value <= value / 32);
    }
}

TEST_CASE("latency histogram: quantiles part the values as they are") {
    LatencyHistogram histogram;
    for (int i = 0; i < 900; ++i) histogram.record(10);
    for (int i = 0; i < 99; ++i) histogram.record(50);
    histogram.record(1'000'000);
    CHECK(histogram.count() == 1000);
    CHECK(histogram.quantile(0.5) == 10);
    CHECK(histogram.quantile(0.9) == 10);
    CHECK(histogram.quantile(0.901) == 50);
    CHECK(histogram.quantile(0.999) == 50);
    CHECK(histogram.quantile(1.0) >= 1'000'000);
}

TEST_CASE("latency histogram: what took more than 19 hours counts as the longest") {
    LatencyHistogram histogram;
    histogram.record(~std::uint64_t{0});
    CHECK(histogram.quantile(0.5) >= std::uint64_t{1} << 36);
}

}  // namespace
}  // namespace rpcbroker::broker
