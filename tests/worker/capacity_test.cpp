#include "worker/capacity.hpp"

#include <catch2/catch.hpp>

using namespace rpcbroker;
using namespace std::chrono_literals;

namespace {

void start(Capacity& capacity, unsigned calls, Duration waited) {
    for (unsigned i = 0; i < calls; ++i) capacity.started(waited);
}

}  // namespace

TEST_CASE("capacity doubles while calls are started soon, up to its limit") {
    Capacity capacity{2, std::nullopt};
    CHECK(capacity.wanted() == 256);
    start(capacity, 255, 0ms);
    CHECK(capacity.wanted() == 256);
    start(capacity, 1, 0ms);
    CHECK(capacity.wanted() == 512);
    start(capacity, 10'000, 0ms);
    CHECK(capacity.wanted() == 1024);
}

TEST_CASE("capacity does not grow while calls wait") {
    Capacity capacity{2, std::nullopt};
    start(capacity, 10'000, 3ms);
    CHECK(capacity.wanted() == 256);
}

TEST_CASE("a slow handler leaves room for one call a thread and one more") {
    Capacity capacity{4, std::nullopt};
    capacity.slow();
    CHECK(capacity.wanted() == 5);
    start(capacity, 5, 0ms);
    CHECK(capacity.wanted() == 10);
}

TEST_CASE("a fixed capacity stays") {
    Capacity capacity{4, 7};
    start(capacity, 1000, 0ms);
    CHECK(capacity.wanted() == 7);
    capacity.slow();
    CHECK(capacity.wanted() == 7);
}

TEST_CASE("more threads than the limit have room for all of them") {
    Capacity capacity{2000, std::nullopt};
    CHECK(capacity.wanted() == 2001);
    start(capacity, 10'000, 0ms);
    CHECK(capacity.wanted() == 2001);
}
