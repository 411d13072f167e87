// Who is over, and when that is told.
#include "tests/transport/support.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <set>
#include <thread>

#include <catch2/catch.hpp>

namespace rpcbroker::transport::test {
namespace {

TEST_CASE("a peer that closes is told, after its last bodies") {
    Directory directory;
    Bound bound(GENERATE(true, false) ? "tcp://127.0.0.1:*" : directory.ipc("socket"));
    constexpr int many = 300;
    {
        Foreign dealer(zmq::socket_type::dealer);
        dealer.socket.set(zmq::sockopt::linger, 10000);
        dealer.socket.connect(bound.endpoint);
        for (int count = 0; count < many; ++count) dealer.send({"body"});
        dealer.socket.close();
        dealer.context.close();
    }
    // Turns of bounded size: next_closed is asked although not all was read.
    int bodies = 0;
    PeerId closed;
    bool is_closed = false;
    REQUIRE(wait_until(bound.poller, [&] {
        for (int turn = 0; turn < 10; ++turn) bodies += bound.router.receive(bound.incoming) == Received::body ? 1 : 0;
        is_closed = bound.router.next_closed(closed);
        if (is_closed) CHECK(bodies == many);
        return is_closed;
    }));
    CHECK(closed == bound.incoming.peer);
    CHECK(bound.router.send(closed, {}, "too late") == Sent::gone);
}

TEST_CASE("a peer is found by its id as long as it lives, and never again") {
    Bound bound;
    CHECK(bound.router.send(PeerId{}, {}, "nobody") == Sent::gone);
    CHECK(bound.router.send(PeerId{7, 1}, {}, "nobody") == Sent::gone);
    auto first = std::make_unique<Connected>(bound.endpoint);
    first->send("first");
    bound.body();
    const auto gone = bound.incoming.peer;
    first.reset();
    CHECK(bound.closed() == gone);
    Connected second(bound.endpoint);
    second.send("second");
    bound.body();
    CHECK(bound.incoming.peer.slot == gone.slot);
    CHECK(bound.incoming.peer != gone);
    CHECK(bound.router.send(gone, {}, "to the first") == Sent::gone);
    bound.answer("to the second");
    CHECK(second.body() == "to the second");
}

TEST_CASE("quick connections that use a descriptor again never end the peer that stays") {
    Directory directory;
    Bound bound(GENERATE(true, false) ? "tcp://127.0.0.1:*" : directory.ipc("socket"));
    Connected steady(bound.endpoint);
    steady.send("I stay");
    bound.body();
    const auto stays = bound.incoming.peer;

    // The router reads only now and then, so that closes, accepts and messages of several connections wait together.
    constexpr int rounds = 60;
    std::set<PeerId> seen;
    std::set<PeerId> over;
    zmq::context_t context;
    const auto read_all = [&] {
        while (bound.router.receive(bound.incoming) == Received::body) seen.insert(bound.incoming.peer);
        PeerId peer;
        while (bound.router.next_closed(peer)) over.insert(peer);
    };
    for (int round = 0; round < rounds; ++round) {
        zmq::socket_t quick(context, zmq::socket_type::dealer);
        quick.set(zmq::sockopt::linger, 10000);
        quick.connect(bound.endpoint);
        quick.send(zmq::str_buffer("quick"));
        quick.close();
        if (round % 5 == 4) read_all();
    }
    context.close();
    REQUIRE(wait_until(bound.poller, [&] { return read_all(), over.size() == rounds; }));
    CHECK(seen == over);
    CHECK(!over.contains(stays));
    CHECK(bound.router.send(stays, {}, "still here?") == Sent::yes);
    CHECK(steady.body() == "still here?");
}

TEST_CASE("a peer that comes again with the routing id it chose is another peer") {
    Bound bound;
    auto dealer = std::make_unique<Foreign>(zmq::socket_type::dealer, bound.endpoint, "mine");
    dealer->send({"first"});
    CHECK(bound.body() == "first");
    const auto first = bound.incoming.peer;
    dealer->send({"second"});
    CHECK(bound.body() == "second");
    CHECK(bound.incoming.peer == first);
    dealer.reset();
    CHECK(bound.closed() == first);
    dealer = std::make_unique<Foreign>(zmq::socket_type::dealer, bound.endpoint, "mine");
    dealer->send({"third"});
    CHECK(bound.body() == "third");
    const auto second = bound.incoming.peer;
    CHECK(second != first);
    CHECK(bound.router.send(first, {}, "to the first") == Sent::gone);
    bound.answer("to the second");
    CHECK(dealer->receive() == std::vector<std::string>{"to the second"});
}

TEST_CASE("who claims the routing id of a peer that is there gets nothing of it") {
    Bound bound;
    Foreign owner(zmq::socket_type::dealer, bound.endpoint, "mine");
    owner.send({"I am"});
    CHECK(bound.body() == "I am");
    const auto peer = bound.incoming.peer;
    Foreign thief(zmq::socket_type::dealer, bound.endpoint, "mine");
    thief.send({"so am I"});
    owner.send({"really"});
    CHECK(bound.body() == "really");
    CHECK(bound.incoming.peer == peer);
    bound.answer("to the owner");
    CHECK(owner.receive() == std::vector<std::string>{"to the owner"});
}

TEST_CASE("disconnect cuts a peer's connection") {
    Directory directory;
    Bound bound(GENERATE(true, false) ? "tcp://127.0.0.1:*" : directory.ipc("socket"));
    Connected other(bound.endpoint);
    other.send("other");
    bound.body();
    const auto stays = bound.incoming.peer;
    Connected connected(bound.endpoint);
    CHECK(connected.event().what == ConnectionEvent::What::connected);
    connected.send("hello");
    bound.body();
    const auto peer = bound.incoming.peer;
    bound.router.disconnect(peer);
    CHECK(bound.closed() == peer);
    bound.router.disconnect(peer);  // nobody any more
    CHECK(connected.event().what == ConnectionEvent::What::closed);
    CHECK(connected.event().what == ConnectionEvent::What::connected);  // it comes again by itself
    CHECK(bound.router.send(stays, {}, "still here?") == Sent::yes);
    CHECK(other.body() == "still here?");
}

TEST_CASE("a message without a connection's descriptor is nobody's") {
    Bound bound;
    const auto endpoint = to_connect(bound.endpoint);
    const int raw = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(raw >= 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(raw, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    // ZeroMQ's protocol of version 1: an empty routing id, and a body of one byte.
    const std::string_view bytes("\x01\x00\x02\x00x", 5);
    REQUIRE(::send(raw, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
    CHECK(bound.receive() == Received::nameless);
    ::close(raw);
}

TEST_CASE("after unbind_all nobody comes in, and those that are there stay") {
    Bound bound;
    Connected connected(bound.endpoint);
    connected.send("hello");
    bound.body();
    bound.router.unbind_all();
    Connected late(bound.endpoint);
    Poller both;
    both.add(bound.router);
    both.add(late.dealer);
    bool turned_away = false;
    ConnectionEvent event;
    REQUIRE(wait_until(both, [&] {
        CHECK(bound.router.receive(bound.incoming) != Received::body);
        PeerId nobody;
        CHECK(!bound.router.next_closed(nobody));
        while (late.dealer.next_event(event)) turned_away |= event.what != ConnectionEvent::What::connected;
        return turned_away;
    }));
    bound.router.receive(bound.incoming);
    connected.send("still here");
    REQUIRE(wait_until(bound.poller, [&] { return bound.router.receive(bound.incoming) == Received::body; }));
    bound.answer("so am I");
    CHECK(connected.body() == "so am I");
}

TEST_CASE("libzmq's own attempt to connect again does not come between a short connection and the next one") {
    std::optional<Bound> bound(std::in_place);
    Connected connected(bound->endpoint);
    for (int round = 0; round < 10; ++round) {
        REQUIRE(connected.event().what == ConnectionEvent::What::connected);
        const auto text = std::to_string(round);
        connected.send("I am " + text);
        REQUIRE(bound->body() == "I am " + text);
        std::this_thread::sleep_for(std::chrono::milliseconds(25));
        ConnectionEvent none;
        CHECK_FALSE(connected.dealer.next_event(none));
        bound->answer("you are " + text);
        CHECK(connected.body() == "you are " + text);
        const auto endpoint = bound->endpoint;
        bound.reset();
        bound.emplace(endpoint);
        std::this_thread::sleep_for(
            std::chrono::milliseconds(30));  // whoever is busy hears of it when libzmq is there again
        REQUIRE(connected.event().what == ConnectionEvent::What::closed);
    }
}

}  // namespace
}  // namespace rpcbroker::transport::test
