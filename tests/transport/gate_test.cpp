// Who may connect, by number, address and rate; and what a router does with those who may not.
#include <catch2/catch.hpp>

#include <memory>

#include "common/transport/gate.hpp"
#include "tests/transport/support.hpp"

namespace rpcbroker::transport::test {
namespace {

using namespace std::chrono_literals;
constexpr TimePoint start{std::chrono::hours(1)};

TEST_CASE("gate: no limits refuse nobody") {
    Gate gate{{}};
    for (int i = 0; i < 10'000; ++i) REQUIRE(!gate.refuses(Door::front, "a", start));
    CHECK(gate.open() == 10'000);
}

TEST_CASE("gate: each side leaves an eighth of the total to the other") {
    Gate gate{{.total = 16}};
    for (int i = 0; i < 14; ++i) REQUIRE(!gate.refuses(Door::front, "a", start));
    CHECK(gate.refuses(Door::front, "b", start));
    for (int i = 0; i < 2; ++i) REQUIRE(!gate.refuses(Door::back, "a", start));
    CHECK(gate.refuses(Door::back, "a", start)->find("--max-connections)") != std::string::npos);
    gate.left(Door::front, "a");
    CHECK(!gate.refuses(Door::back, "b", start));
    const auto refused = gate.take_refused();
    CHECK(refused.count == 2);
    CHECK(refused.address == "a");
    CHECK(gate.take_refused().count == 0);
}

TEST_CASE("gate: an address has no more connections than it may, and another one is not harmed") {
    Gate gate{{.per_address = 2}};
    REQUIRE(!gate.refuses(Door::front, "a", start));
    REQUIRE(!gate.refuses(Door::back, "a", start));
    CHECK(gate.refuses(Door::front, "a", start)->find("--max-connections-per-address") != std::string::npos);
    CHECK(!gate.refuses(Door::front, "b", start));
    gate.left(Door::back, "a");
    CHECK(!gate.refuses(Door::front, "a", start));
}

TEST_CASE("gate: an address may come five seconds' worth at once, then at its rate") {
    Gate gate{{.accepts_per_second = 10}};
    for (int i = 0; i < 50; ++i) REQUIRE(!gate.refuses(Door::front, "a", start));
    CHECK(gate.refuses(Door::front, "a", start)->find("--max-accept-rate") != std::string::npos);
    CHECK(!gate.refuses(Door::front, "b", start));
    CHECK(gate.refuses(Door::front, "a", start + 99ms));
    CHECK(!gate.refuses(Door::front, "a", start + 101ms));
    CHECK(gate.refuses(Door::front, "a", start + 102ms));
}

TEST_CASE("gate: addresses that are gone are forgotten, but not how often they just came") {
    Gate gate{{.accepts_per_second = 1}};
    for (int i = 0; i < 5; ++i) REQUIRE(!gate.refuses(Door::front, "often", start));
    for (int i = 0; i < 5; ++i) gate.left(Door::front, "often");
    for (int i = 0; i < 1100; ++i) {
        const auto address = std::to_string(i);
        REQUIRE(!gate.refuses(Door::front, address, start + 2s));
        gate.left(Door::front, address);
    }
    REQUIRE(!gate.refuses(Door::front, "often", start + 2s));
    REQUIRE(!gate.refuses(Door::front, "often", start + 2s));
    CHECK(gate.refuses(Door::front, "often", start + 2s));
    for (int i = 2000; i < 6000; ++i) {
        const auto address = std::to_string(i);
        REQUIRE(!gate.refuses(Door::front, address, start + std::chrono::hours(1) + std::chrono::seconds(i)));
        gate.left(Door::front, address);
    }
    CHECK(gate.addresses() < 2500);
}

TEST_CASE("gate: a router cuts who may not stay, and serves those who may") {
    RouterOptions options;
    options.gate = make_gate({.per_address = 1});
    Bound bound{"tcp://127.0.0.1:*", options};
    Connected first{bound.endpoint};
    first.send("first");
    CHECK(bound.body() == "first");
    {
        Connected second{bound.endpoint};
        PeerId peer;
        REQUIRE(wait_until(bound.poller, [&] {
            while (bound.router.next_closed(peer)) {
            }
            return take_refused(*options.gate).count > 0;
        }));
    }
    bound.answer("still here");
    CHECK(first.body() == "still here");
}

TEST_CASE("gate: who left makes room") {
    RouterOptions options;
    options.gate = make_gate({.per_address = 1});
    Bound bound{"tcp://127.0.0.1:*", options};
    for (int i = 0; i < 3; ++i) {
        auto one = std::make_unique<Connected>(bound.endpoint);
        one->send("hello");
        CHECK(bound.body() == "hello");
        one.reset();
        static_cast<void>(bound.closed());
    }
    CHECK(take_refused(*options.gate).count == 0);
}

}  // namespace
}  // namespace rpcbroker::transport::test
