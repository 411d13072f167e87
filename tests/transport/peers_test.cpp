#include "common/transport/peers.hpp"

#include <catch2/catch.hpp>

namespace rpcbroker::transport {
namespace {

std::string automatic(std::uint32_t number) {
    std::string id(5, '\0');
    for (int byte = 4; byte > 0; --byte, number >>= 8) id[static_cast<std::size_t>(byte)] = static_cast<char>(number);
    return id;
}

// What next_closed says once all was read.
std::vector<PeerId> closed(Peers& peers) {
    peers.drained();
    std::vector<PeerId> result;
    PeerId peer;
    while (peers.next_closed(peer)) result.push_back(peer);
    return result;
}

TEST_CASE("a peer is the same for all messages of its connection") {
    Peers peers;
    peers.accepted(7);
    const auto peer = peers.identify(automatic(1), 7);
    REQUIRE(peer);
    CHECK(peers.find(automatic(1)) == peer);
    CHECK(peers.identify(automatic(1), 7) == peer);
    CHECK(*peers.routing_id(*peer) == automatic(1));
    CHECK(peers.descriptor(*peer) == 7);
}

TEST_CASE("a peer that is over is reported when all was read, once, and cannot be sent to") {
    Peers peers;
    peers.accepted(7);
    const auto peer = *peers.identify(automatic(1), 7);
    peers.disconnected(7);
    PeerId reported;
    CHECK(!peers.next_closed(reported));
    CHECK(peers.has_closed());
    CHECK(peers.find(automatic(1)) == peer);  // its last messages
    CHECK(peers.routing_id(peer) == nullptr);
    CHECK(peers.descriptor(peer) == Peers::no_descriptor);
    CHECK(closed(peers) == std::vector{peer});
    CHECK(closed(peers).empty());
    CHECK(!peers.find(automatic(1)));
}

TEST_CASE("where there is always something to read, a peer that is over is reported once all had a turn") {
    using namespace std::chrono_literals;
    Peers peers;
    for (const int descriptor : {7, 8}) peers.accepted(descriptor);
    const auto goes = *peers.identify(automatic(1), 7);
    const auto stays = *peers.identify(automatic(2), 8);
    const auto read_others = [&] {
        for (int i = 0; i < 1000; ++i) peers.read(stays);
    };
    PeerId reported;
    const TimePoint start{1s};
    read_others();
    peers.read(goes);
    peers.disconnected(7);
    peers.settle(start);
    read_others();
    peers.settle(start + 10ms);
    CHECK(!peers.next_closed(reported));
    peers.read(goes);  // its last one
    peers.settle(start + 1s);
    CHECK(!peers.next_closed(reported));
    read_others();
    peers.settle(start + 1s);
    CHECK(peers.next_closed(reported));
    CHECK(reported == goes);
    CHECK(!peers.has_closed());
}

TEST_CASE("a peer that is held is reported later, and its slot is nobody else's before") {
    Peers peers;
    for (const int descriptor : {7, 8}) peers.accepted(descriptor);
    const auto held = *peers.identify(automatic(1), 7);
    const auto other = *peers.identify(automatic(2), 8);
    for (const int descriptor : {8, 7}) peers.disconnected(descriptor);
    peers.drained();
    const auto is_held = [&](PeerId peer) { return peer == held; };
    PeerId reported;
    CHECK(peers.next_closed(reported, is_held));
    CHECK(reported == other);
    CHECK_FALSE(peers.next_closed(reported, is_held));
    CHECK(peers.has_closed());
    peers.accepted(9);
    CHECK(peers.identify(automatic(3), 9)->slot == other.slot);
    peers.accepted(10);
    CHECK(peers.identify(automatic(4), 10)->slot != held.slot);
    CHECK(peers.next_closed(reported));
    CHECK(reported == held);
    CHECK_FALSE(peers.has_closed());
}

TEST_CASE("a slot is used again under another generation") {
    Peers peers;
    peers.accepted(7);
    const auto first = *peers.identify(automatic(1), 7);
    peers.disconnected(7);
    closed(peers);
    peers.accepted(7);
    const auto second = *peers.identify(automatic(2), 7);
    CHECK(second.slot == first.slot);
    CHECK(second.generation != first.generation);
    CHECK(peers.routing_id(first) == nullptr);
}

TEST_CASE("a late close does not end the peer that has the descriptor now") {
    Peers peers;
    peers.accepted(7);
    const auto first = *peers.identify(automatic(1), 7);
    peers.disconnected(7);
    peers.accepted(7);
    const auto second = *peers.identify(automatic(2), 7);
    CHECK(closed(peers) == std::vector{first});
    CHECK(peers.descriptor(second) == 7);
}

TEST_CASE("a peer whose first message is read after its connection closed is over") {
    Peers peers;
    peers.accepted(7);
    peers.disconnected(7);
    const auto peer = *peers.identify(automatic(1), 7);
    CHECK(peers.find(automatic(1)) == peer);
    CHECK(closed(peers) == std::vector{peer});
}

TEST_CASE("of two peers with one descriptor the one that connected first is over, whoever is read first") {
    Peers peers;
    peers.accepted(7);
    peers.disconnected(7);
    peers.accepted(7);
    const std::uint32_t number = GENERATE(1U, 0xffffffffU);  // libzmq's count wraps around
    SECTION("the earlier one") {
        const auto early = *peers.identify(automatic(number), 7);
        const auto late = *peers.identify(automatic(number + 1), 7);
        CHECK(closed(peers) == std::vector{early});
        CHECK(peers.descriptor(late) == 7);
    }
    SECTION("the later one") {
        const auto late = *peers.identify(automatic(number + 1), 7);
        const auto early = *peers.identify(automatic(number), 7);
        CHECK(closed(peers) == std::vector{early});
        CHECK(peers.descriptor(late) == 7);
    }
}

TEST_CASE("a peer that comes again with the id it chose is another one") {
    Peers peers;
    peers.accepted(7);
    const auto first = *peers.identify("mine", 7);
    CHECK(peers.identify("mine", 7) == first);
    SECTION("by another descriptor") {
        peers.disconnected(7);
        peers.accepted(8);
        const auto second = *peers.identify("mine", 8);
        CHECK(second != first);
        CHECK(closed(peers) == std::vector{first});
        CHECK(peers.find("mine") == second);
    }
    SECTION("by the same descriptor") {
        peers.disconnected(7);
        CHECK(peers.identify("mine", 7) == first);  // its last messages
        peers.accepted(7);
        const auto second = *peers.identify("mine", 7);
        CHECK(second != first);
        CHECK(closed(peers) == std::vector{first});
        CHECK(peers.find("mine") == second);
        CHECK(peers.descriptor(second) == 7);
    }
}

TEST_CASE("what a refused connection sends is nobody's, until the descriptor is another's") {
    Peers peers;
    peers.accepted(7);
    peers.refuse(7);
    CHECK(peers.is_refused(7));
    CHECK(!peers.identify(automatic(1), 7));
    peers.disconnected(7);
    CHECK(!peers.is_refused(7));
    peers.accepted(7);
    CHECK(peers.identify(automatic(2), 7));
}

TEST_CASE("peers without a descriptor are never over") {
    Peers peers;
    const auto one = *peers.identify(automatic(1), Peers::no_descriptor);
    const auto other = *peers.identify("chosen", Peers::no_descriptor);
    CHECK(peers.identify("chosen", Peers::no_descriptor) == other);
    CHECK(one != other);
    CHECK(closed(peers).empty());
    CHECK(peers.routing_id(one));
}

}  // namespace
}  // namespace rpcbroker::transport
