#include "common/transport/poller.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>

#include <catch2/catch.hpp>

#include "tests/transport/support.hpp"

namespace rpcbroker::transport::test {
namespace {

TEST_CASE("a poller with nothing to wait for returns when its time is over") {
    Poller poller;
    const auto begin = Clock::now();
    poller.wait(std::chrono::microseconds(1500));
    CHECK(Clock::now() - begin >= std::chrono::microseconds(1500));  // rounded up, never down
    poller.wait(Duration::zero());
    poller.wait(-std::chrono::seconds(1));
}

TEST_CASE("a wakeup from another thread ends a wait, and shows what was done before it") {
    Poller poller;
    Wakeup wakeup;
    poller.add(wakeup);
    int handed_over = 0;
    std::thread other([&] {
        handed_over = 1;
        wakeup.signal();
    });
    poller.wait(std::nullopt);
    wakeup.clear();
    CHECK(handed_over == 1);
    other.join();
}

TEST_CASE("wakeups are never lost between two threads") {
    Poller poller;
    Wakeup wakeup;
    poller.add(wakeup);
    constexpr int many = 20000;
    std::atomic<int> done{0};
    std::thread other([&] {
        for (int count = 0; count < many; ++count) {
            done.fetch_add(1, std::memory_order_relaxed);
            wakeup.signal();
        }
    });
    REQUIRE(wait_until(poller, [&] {
        wakeup.clear();
        return done.load(std::memory_order_relaxed) == many;
    }));
    other.join();
}

TEST_CASE("signals before a wait are one, and none after clear") {
    Wakeup wakeup;
    wakeup.signal();
    wakeup.signal();
    Poller poller;
    poller.add(wakeup);
    poller.wait(std::nullopt);
    wakeup.clear();
    std::uint64_t count = 0;
    CHECK(::read(wakeup.descriptor(), &count, sizeof count) < 0);
}

TEST_CASE("a descriptor that is readable ends a wait") {
    const int descriptor = ::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    Poller poller;
    poller.add_descriptor(descriptor);
    poller.wait(std::nullopt);
    ::close(descriptor);
}

TEST_CASE("a body that came while others were sent ends a wait at once") {
    Bound bound;
    Connected connected(bound.endpoint);
    connected.send("hello");
    bound.body();
    // Sending takes libzmq's signal for the body away from the descriptor.
    for (int round = 0; round < 200; ++round) {
        connected.send("body");
        bound.answer("reply");
        CHECK(bound.body() == "body");
        CHECK(connected.body() == "reply");
    }
}

TEST_CASE("one poller waits for several sockets") {
    Bound one;
    Bound other;
    Poller both;
    both.add(one.router);
    both.add(other.router);
    Connected to_one(one.endpoint);
    Connected to_other(other.endpoint);
    to_other.send("to the other");
    CHECK(wait_until(both, [&] { return other.router.receive(other.incoming) == Received::body; }));
    to_one.send("to the one");
    CHECK(wait_until(both, [&] { return one.router.receive(one.incoming) == Received::body; }));
    CHECK(one.incoming.body.bytes() == "to the one");
}

TEST_CASE("after a wait, a router knows whether something may be there") {
    Bound one;
    Bound other;
    Poller both;
    both.add(one.router);
    both.add(other.router);
    Connected connected(one.endpoint);
    connected.send("first");
    REQUIRE(wait_until(both, [&] { return one.router.receive(one.incoming) == Received::body; }));
    while (one.router.may_have_bodies()) CHECK(one.router.receive(one.incoming) == Received::nothing);
    while (other.router.may_have_bodies()) CHECK(other.router.receive(other.incoming) == Received::nothing);

    connected.send("second");
    REQUIRE(wait_until(both, [&] { return one.router.may_have_bodies(); }));
    CHECK_FALSE(other.router.may_have_bodies());
    CHECK(one.router.receive(one.incoming) == Received::body);
    CHECK(one.incoming.body.bytes() == "second");
}

TEST_CASE("a wait of no time is enough to know who may have something") {
    Bound bound;
    Poller poller;
    poller.add(bound.router);
    Connected connected(bound.endpoint);
    connected.send("first");
    bound.body();
    CHECK(bound.router.receive(bound.incoming) == Received::nothing);
    connected.send("second");
    const auto late = Clock::now() + std::chrono::seconds(10);
    while (!bound.router.may_have_bodies() && Clock::now() < late) poller.wait(Duration::zero());
    CHECK(bound.body() == "second");
}

TEST_CASE("after a wait, a dealer knows whether a body or an event may be there") {
    Bound bound;
    Connected connected(bound.endpoint);
    Dealer& dealer = connected.dealer;
    connected.send("hello");
    bound.body();
    ConnectionEvent event;
    while (dealer.may_have_events()) dealer.next_event(event);
    while (dealer.may_have_bodies()) CHECK(dealer.receive(connected.incoming) == Received::nothing);

    bound.answer("body");
    REQUIRE(wait_until(connected.poller, [&] { return dealer.may_have_bodies(); }));
    CHECK(connected.poller.slept());
    CHECK_FALSE(dealer.may_have_events());
    CHECK(connected.body() == "body");

    bound.router.disconnect(bound.incoming.peer);
    REQUIRE(wait_until(connected.poller, [&] { return dealer.may_have_events(); }));
    CHECK(connected.event().what == ConnectionEvent::What::closed);
}

TEST_CASE("a wait does not sleep where a body is left") {
    Bound bound;
    Connected connected(bound.endpoint);
    connected.send("hello");
    bound.body();
    bound.answer("first");
    bound.answer("second");
    CHECK(connected.body() == "first");
    REQUIRE(wait_until(connected.poller, [&] { return !connected.poller.slept(); }));
    CHECK(connected.body() == "second");
}

TEST_CASE("a socket may be used by one thread after another") {
    Bound bound;
    Connected connected(bound.endpoint);
    for (int round = 0; round < 10; ++round) {
        std::thread thread([&] { connected.send("from a thread"); });
        thread.join();
        CHECK(bound.body() == "from a thread");
    }
}

}  // namespace
}  // namespace rpcbroker::transport::test
