#include "broker/latency_histogram.hpp"

#include <array>

#include <catch2/catch.hpp>

namespace rpcbroker::broker {
namespace {

TEST_CASE("latency histogram: empty, it says nothing took any time") {
    const LatencyHistogram histogram;
    CHECK(histogram.count() == 0);
    CHECK(histogram.quantile(0.5) == 0);
    CHECK(histogram.max() == 0);
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
        histogram.record(std::uint64_t{1} << 40);  // a quantile is never over the largest value, which is exact
        const auto told = histogram.quantile(0.5);
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

TEST_CASE("latency histogram: the largest value is told exactly, and no quantile is over it") {
    LatencyHistogram histogram;
    for (const std::uint64_t value : {1U, 1001U, 7U}) histogram.record(value);
    CHECK(histogram.max() == 1001);
    CHECK(histogram.quantile(1.0) == 1001);
}

TEST_CASE("latency histogram: sums hold the values of both, and what is cleared holds none") {
    LatencyHistogram one;
    LatencyHistogram two;
    one.add(two);
    CHECK(one.count() == 0);
    for (std::uint64_t i = 0; i < 50; ++i) two.record(10);
    one.add(two);
    for (std::uint64_t i = 0; i < 50; ++i) one.record(30);
    two.add(one);
    CHECK(two.count() == 150);
    CHECK(two.quantile(2.0 / 3) == 10);
    CHECK(two.quantile(0.67) == 30);
    CHECK(two.max() == 30);
    two.clear();
    CHECK(two.count() == 0);
    CHECK(two.max() == 0);
    CHECK(two.quantile(1.0) == 0);
    two.record(5);
    CHECK(two.quantile(1.0) == 5);
}

TEST_CASE("latency histogram: values up to a bound are counted, and all are added up") {
    constexpr std::array<std::uint64_t, 4> bounds{50, 1000, 2500, 1'000'000};
    LatencyHistogram histogram;
    CHECK(histogram.counts_up_to(bounds) == std::vector<std::uint64_t>{0, 0, 0, 0});
    for (const std::uint64_t value : {50U, 51U, 1000U, 1100U, 2500U, 2'000'000U}) histogram.record(value);
    CHECK(histogram.counts_up_to(bounds) == std::vector<std::uint64_t>{1, 3, 5, 5});
    CHECK(histogram.sum() == 50 + 51 + 1000 + 1100 + 2500 + 2'000'000);
    LatencyHistogram twice = histogram;
    twice.add(histogram);
    CHECK(twice.sum() == 2 * histogram.sum());
    twice.clear();
    CHECK(twice.sum() == 0);
}

TEST_CASE("latency histogram: what took more than 19 hours counts as the longest") {
    LatencyHistogram histogram;
    histogram.record(~std::uint64_t{0});
    CHECK(histogram.quantile(0.5) >= std::uint64_t{1} << 36);
}

}  // namespace
}  // namespace rpcbroker::broker
