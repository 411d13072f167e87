#include "common/histogram.hpp"

#include <catch2/catch.hpp>

using namespace rpcbroker;

TEST_CASE("histogram: empty, everything is 0") {
    const Histogram histogram{8, 40};
    CHECK(histogram.count() == 0);
    CHECK(histogram.min() == 0);
    CHECK(histogram.max() == 0);
    CHECK(histogram.mean() == 0);
    CHECK(histogram.quantile(0.5) == 0);
}

TEST_CASE("histogram: small values are exact, and so are least, largest and mean") {
    Histogram histogram{5, 36};
    for (std::uint64_t value = 1; value < 64; ++value) histogram.record(value);
    CHECK(histogram.quantile(0.0) == 1);
    CHECK(histogram.quantile(0.5) == 32);
    CHECK(histogram.quantile(1.0) == 63);
    CHECK(histogram.min() == 1);
    CHECK(histogram.max() == 63);
    CHECK(histogram.mean() == 32);
}

TEST_CASE("histogram: every value is told within its precision, and never too low") {
    const auto bits = GENERATE(5U, 8U);
    for (std::uint64_t value = 1; value < (std::uint64_t{1} << 39); value += value / 7 + 1) {
        Histogram histogram{bits, 40};
        histogram.record(value);
        histogram.record(std::uint64_t{1} << 41);  // a quantile is never over the largest value, which is exact
        const auto told = histogram.quantile(0.5);
        REQUIRE(told >= value);
        REQUIRE(told - value <= value >> bits);
    }
}

TEST_CASE("histogram: what is too large is counted as the largest that it knows") {
    Histogram histogram{8, 20};
    histogram.record(std::uint64_t{1} << 50);
    histogram.record(3);
    CHECK(histogram.count() == 2);
    CHECK(histogram.max() == std::uint64_t{1} << 50);
    CHECK(histogram.quantile(1) >= std::uint64_t{1} << 20);
    CHECK(histogram.quantile(0.5) == 3);
}

TEST_CASE("histogram: one added to another is as if all had been recorded in one") {
    Histogram apart[2] = {{8, 40}, {8, 40}};
    Histogram whole{8, 40};
    for (std::uint64_t value = 0; value < 10'000; value += 3) {
        apart[value % 2].record(value * value);
        whole.record(value * value);
    }
    Histogram both{8, 40};
    both.add(apart[1]);
    both.add(Histogram{8, 40});
    both.add(apart[0]);
    CHECK(both.count() == whole.count());
    CHECK(both.min() == whole.min());
    CHECK(both.max() == whole.max());
    CHECK(both.mean() == whole.mean());
    for (const double quantile : {0.0, 0.1, 0.5, 0.9, 0.999, 1.0})
        CHECK(both.quantile(quantile) == whole.quantile(quantile));
}

TEST_CASE("histogram: quantiles of a known distribution") {
    Histogram histogram{8, 40};
    for (int i = 0; i < 9'990; ++i) histogram.record(100);
    for (int i = 0; i < 10; ++i) histogram.record(500);
    CHECK(histogram.quantile(0.5) == 100);
    CHECK(histogram.quantile(0.999) == 100);
    CHECK(histogram.quantile(0.9991) == 500);
}
