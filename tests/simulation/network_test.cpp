#include "tests/simulation/network.hpp"

#include <catch2/catch.hpp>

namespace rpcbroker::simulation {
namespace {

using namespace std::chrono_literals;

constexpr Place worker_place = 1;
constexpr Place broker_place = 0;

/// A broker's backend and one that connects to it.
struct Wire {
    EventQueue events;
    Trace trace{events, nullptr};
    Network network{events, trace, Random{1}};
    Router router{network, broker_place, true, [] {}};
    Dealer dealer{network, worker_place, broker_place, true, [] {}};

    explicit Wire(Duration delay = 1ms, Duration jitter = 0ms, std::size_t pipe = 100) {
        network.set_delay(delay, jitter, pipe);
        pass(0ms);
        CHECK(dealer.receive().what == Dealer::What::connected);
    }
    void pass(Duration time) {
        const auto end = events.now() + time;
        while (events.step(end)) continue;
    }
    Sent send(const std::string& bytes) { return dealer.send({{}, bytes}); }
    /// All that is there for the router; the last sender is in `peer`.
    std::string read() {
        std::string all;
        Packet packet;
        while (router.receive(peer, packet)) all += packet.bytes;
        return all;
    }
    std::string read_dealer() {
        std::string all;
        while (dealer.next() == Dealer::What::body) all += dealer.receive().packet.bytes;
        return all;
    }
    PeerId peer{};
};

TEST_CASE("event queue: what is to happen at the same time happens in the order in which it was added") {
    EventQueue events;
    std::string order;
    events.after(2ms, [&] { order += 'c'; });
    events.after(1ms, [&] { order += 'a'; });
    events.after(1ms, [&] { order += 'b'; });
    while (events.step(events.now() + 1s)) continue;
    CHECK(order == "abc");
    CHECK(events.happened() == 3);
}

TEST_CASE("event queue: an event beyond the end waits, and it is the end then") {
    EventQueue events;
    const auto start = events.now();
    bool happened = false;
    events.after(2ms, [&] { happened = true; });
    CHECK_FALSE(events.step(start + 1ms));
    CHECK(events.now() == start + 1ms);
    CHECK_FALSE(happened);
    CHECK(events.step(start + 2ms));
    CHECK(happened);
}

TEST_CASE("event queue: what lies in the past happens now") {
    EventQueue events;
    const auto start = events.now();
    events.at(start - 1s, [] {});
    CHECK(events.step(start));
    CHECK(events.now() == start);
}

TEST_CASE("network: a body arrives after the delay, not before") {
    Wire wire{5ms};
    wire.send("a");
    wire.pass(4999us);
    CHECK(wire.read().empty());
    wire.pass(1us);
    CHECK(wire.read() == "a");
}

TEST_CASE("network: bodies stay in order, however their delays differ") {
    Wire wire{1ms, 50ms};
    for (const char c : std::string{"abcdefgh"}) wire.send({c});
    wire.pass(1s);
    CHECK(wire.read() == "abcdefgh");
    for (const char c : std::string{"abcdefgh"}) wire.router.send(wire.peer, {{}, {c}});
    wire.pass(1s);
    CHECK(wire.read_dealer() == "abcdefgh");
}

TEST_CASE("network: a cut one way holds up that direction, and no other") {
    Wire wire;
    wire.send("hello");
    wire.pass(1ms);
    CHECK(wire.read() == "hello");
    wire.network.cut(worker_place, broker_place, wire.events.now() + 100ms);
    wire.send("a");
    wire.router.send(wire.peer, {{}, "b"});
    wire.pass(99ms);
    CHECK(wire.read().empty());
    CHECK(wire.read_dealer() == "b");
    wire.pass(2ms);
    CHECK(wire.read() == "a");
}

TEST_CASE("network: what a cut held up arrives once all is healed, in its order") {
    Wire wire;
    wire.network.cut(worker_place, broker_place, wire.events.now() + 10s);
    wire.send("a");
    wire.send("b");
    wire.pass(10ms);
    CHECK(wire.read().empty());
    wire.network.heal_all();
    wire.pass(1ms);
    CHECK(wire.read() == "ab");
    wire.pass(10s);
    CHECK(wire.read().empty());
}

TEST_CASE("network: a full pipe takes nothing until it is read") {
    Wire wire{1ms, 0ms, 2};
    CHECK(wire.send("a") == Sent::yes);
    CHECK(wire.send("b") == Sent::yes);
    CHECK(wire.send("c") == Sent::would_block);
    wire.pass(1s);
    CHECK(wire.send("c") == Sent::would_block);
    CHECK(wire.read() == "ab");
    CHECK(wire.send("c") == Sent::yes);
}

TEST_CASE("network: a connection that breaks loses what is under way, and is made again") {
    Wire wire{10ms};
    wire.send("a");
    wire.pass(10ms);
    CHECK(wire.read() == "a");
    const PeerId before = wire.peer;
    wire.send("b");
    wire.router.send(before, {{}, "c"});
    wire.network.break_any();
    wire.pass(5s);
    CHECK(wire.network.lost() == 2);
    CHECK(wire.read().empty());
    PeerId gone;
    CHECK(wire.router.next_closed(gone));
    CHECK(gone == before);
    CHECK_FALSE(wire.router.next_closed(gone));
    CHECK(wire.router.send(before, {{}, "d"}) == Sent::gone);
    CHECK(wire.dealer.receive().what == Dealer::What::closed);
    CHECK(wire.dealer.receive().what == Dealer::What::connected);
    CHECK(wire.send("e") == Sent::yes);
    wire.pass(10ms);
    CHECK(wire.read() == "e");
    CHECK(wire.peer.slot == before.slot);
    CHECK(wire.peer != before);
}

TEST_CASE("network: what arrived before a connection closed is read before that is told") {
    Wire wire;
    wire.send("a");
    wire.pass(1ms);
    wire.network.break_any();
    wire.pass(50ms);
    PeerId gone;
    CHECK_FALSE(wire.router.next_closed(gone));
    CHECK(wire.read() == "a");
}

TEST_CASE("network: nobody connects to a place where nothing runs") {
    Wire wire;
    wire.network.set_running(broker_place, false);
    Dealer other{wire.network, 2, broker_place, true, [] {}};
    wire.pass(1s);
    CHECK(other.next() == Dealer::What::nothing);
    wire.network.set_running(broker_place, true);
    wire.pass(1s);
    CHECK(other.next() == Dealer::What::connected);
}

}  // namespace
}  // namespace rpcbroker::simulation
