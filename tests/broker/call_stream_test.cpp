#include "broker/call_stream.hpp"

#include <limits>

#include <catch2/catch.hpp>

namespace rpcbroker::broker {
namespace {

constexpr auto window = StreamCredit::window;
constexpr auto most = std::numeric_limits<std::uint64_t>::max();

void take(StreamCredit& credit, std::uint64_t items) {
    for (std::uint64_t i = 0; i < items; ++i) REQUIRE(credit.take_item());
}

TEST_CASE("a worker may send what the request grants, and not an item more") {
    StreamCredit credit(3);
    CHECK_FALSE(credit.take_item());
    credit.dispatched();
    CHECK_FALSE(credit.runs_low());
    CHECK_FALSE(credit.begun());
    take(credit, 3);
    CHECK(credit.begun());
    CHECK_FALSE(credit.take_item());
    CHECK_FALSE(credit.runs_low());
}

TEST_CASE("a worker is never ahead by more than a window, and is granted the rest when it has less than half of one") {
    StreamCredit credit(3 * window);
    credit.dispatched();
    take(credit, window / 2);
    CHECK_FALSE(credit.runs_low());
    take(credit, 1);
    CHECK(credit.runs_low());
    CHECK(credit.top_up() == window / 2 + 1);
    CHECK_FALSE(credit.runs_low());
    take(credit, window);
    CHECK(credit.top_up() == window);
    take(credit, window);
    CHECK(credit.top_up() == window / 2 - 1);
    CHECK_FALSE(credit.runs_low());
}

TEST_CASE("small grants are handed on one by one") {
    StreamCredit credit(0);
    credit.grant(2);
    credit.dispatched();
    CHECK(credit.runs_low());
    CHECK(credit.top_up() == 2);
    credit.grant(1);
    CHECK(credit.top_up() == 1);
    take(credit, 3);
    CHECK_FALSE(credit.take_item());
}

TEST_CASE("grants add up to the most that a counter holds") {
    StreamCredit credit(5);
    credit.grant(most - 3);
    credit.grant(most);
    credit.dispatched();
    CHECK(credit.top_up() == window - 5);
    CHECK_FALSE(credit.runs_low());
    take(credit, window);
    CHECK(credit.top_up() == window);
}

TEST_CASE("what a worker gives back is granted to the next") {
    StreamCredit credit(2);
    credit.grant(10);
    credit.dispatched();
    CHECK(credit.top_up() == 10);
    credit.returned();
    CHECK_FALSE(credit.take_item());
    credit.dispatched();
    CHECK(credit.top_up() == 10);
    take(credit, 12);
    CHECK_FALSE(credit.take_item());
}

}  // namespace
}  // namespace rpcbroker::broker
