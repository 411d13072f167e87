#include "common/transport/flush.hpp"

#include <catch2/catch.hpp>

#include "tests/transport/support.hpp"

namespace rpcbroker::transport::test {
namespace {

TEST_CASE("what a core wants sent goes to its peers, batched and large") {
    Bound bound;
    Connected connected(bound.endpoint);
    connected.send("call");
    bound.body();
    const auto peer = bound.incoming.peer;
    Outbox outbox;
    Flush flush;
    outbox.set_batching(peer, true);
    outbox.add(peer) += "one";
    outbox.add(peer) += "two";
    outbox.add_large(peer, {}, Body(std::string(100000, 'x')));
    const auto flushed = flush(outbox, bound.router);
    CHECK(flushed.bodies == 2);
    CHECK(flushed.blocked == 0);
    CHECK(connected.body() == "onetwo");
    CHECK(connected.body().size() == 100000);
    CHECK(outbox.waiting_bytes() == 0);
    CHECK(flush(outbox, bound.router).bodies == 0);
}

TEST_CASE("what waits for a peer that is gone stays for the core, and is said each time that it is tried") {
    Bound bound;
    Outbox outbox;
    Flush flush;
    const PeerId nobody{3, 1};
    outbox.add(nobody) += "one";
    outbox.add(nobody) += "two";
    const auto flushed = flush(outbox, bound.router);
    CHECK(flushed.bodies == 0);
    CHECK(flushed.blocked == 0);
    CHECK(flush.gone() == std::vector{nobody});
    CHECK(outbox.waiting_bodies(nobody) == 2);
    flush(outbox, bound.router);
    CHECK(flush.gone().empty());
    outbox.add(nobody) += "three";
    flush(outbox, bound.router);
    CHECK(flush.gone() == std::vector{nobody});
    CHECK(outbox.forget(nobody) == 3);
}

TEST_CASE("what a peer does not take yet is kept, in order, and holds up nobody") {
    RouterOptions options;
    options.high_water_mark = 5;
    Bound bound("tcp://127.0.0.1:*", options);
    DealerOptions slow_options;
    slow_options.high_water_mark = 5;
    Connected slow(bound.endpoint, slow_options);
    Connected quick(bound.endpoint);
    slow.send("slow");
    bound.body();
    const auto slow_peer = bound.incoming.peer;
    quick.send("quick");
    bound.body();
    const auto quick_peer = bound.incoming.peer;

    Outbox outbox;
    Flush flush;
    Flushed flushed;
    std::size_t added = 0;
    // More than the sockets and the system's buffers can ever hold: blocked for a moment is not blocked for good.
    constexpr std::size_t too_much = std::size_t{64} << 20;
    for (; outbox.waiting_bytes(slow_peer) < too_much; ++added) {
        auto& body = outbox.add(slow_peer);
        body += std::to_string(added) + ' ';
        body.append(1'000'000, 'x');
        flushed = flush(outbox, bound.router);
    }
    CHECK(flushed.blocked == 1);
    outbox.add(slow_peer) += std::to_string(added++) + ' ';
    outbox.add(quick_peer) += "at once";
    flushed = flush(outbox, bound.router);
    CHECK(flushed.blocked == 1);
    CHECK(quick.body() == "at once");

    std::size_t received = 0;
    REQUIRE(wait_until(slow.poller, [&] {
        flush(outbox, bound.router);
        while (slow.dealer.receive(slow.incoming) == Received::body) {
            const auto bytes = slow.incoming.body.bytes();
            CHECK(bytes.substr(0, bytes.find(' ')) == std::to_string(received));
            ++received;
        }
        return received == added;
    }));
    CHECK(flush(outbox, bound.router).blocked == 0);
}

TEST_CASE("a dealer's outbox waits for the connection") {
    Outbox outbox;
    const PeerId broker{0, 1};
    outbox.add(broker) += "call";
    std::string endpoint;
    { endpoint = Bound().endpoint; }
    Connected connected(endpoint);
    CHECK(flush(outbox, broker, connected.dealer).blocked == 1);
    Bound bound(endpoint);
    CHECK(connected.event().what == ConnectionEvent::What::connected);
    std::size_t sent = 0;
    REQUIRE(
        wait_until(connected.poller, [&] { return (sent += flush(outbox, broker, connected.dealer).bodies) == 1; }));
    CHECK(bound.body() == "call");
    CHECK(outbox.waiting_bytes() == 0);
}

}  // namespace
}  // namespace rpcbroker::transport::test
