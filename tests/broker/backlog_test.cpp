#include "broker/backlog.hpp"

#include <catch2/catch.hpp>

namespace rpcbroker::broker {
namespace {

constexpr PeerId alice{1, 1};
constexpr PeerId bob{2, 1};

struct Shelf {
    void add(PeerId peer, std::string body, std::size_t from = 0) {
        transport::Incoming incoming{peer, "envelope", Body{std::move(body)}, 0};
        backlog.add(incoming, from);
        CHECK(incoming.body.size() == 0);
    }
    /// The body whose turn it is, which is done with.
    std::string take() {
        std::string body{backlog.front().incoming.body.bytes()};
        backlog.took(0);
        return body;
    }

    Backlog backlog;
};

TEST_CASE("a peer's bodies come in their order, and peers take turns") {
    Shelf shelf;
    CHECK(shelf.backlog.empty());
    shelf.add(alice, "a1", 1);
    shelf.add(alice, "a2");
    shelf.add(bob, "b1");
    CHECK(shelf.backlog.holds(alice));
    CHECK(shelf.backlog.front().from == 1);
    CHECK(shelf.backlog.front().incoming.envelope == "envelope");
    shelf.backlog.took(2);
    CHECK(shelf.take() == "b1");
    CHECK_FALSE(shelf.backlog.holds(bob));
    CHECK(shelf.backlog.front().from == 2);
    CHECK(shelf.take() == "a1");
    CHECK(shelf.backlog.front().from == 0);
    CHECK(shelf.take() == "a2");
    CHECK(shelf.backlog.empty());
}

constexpr std::size_t mebibyte = std::size_t{1} << 20;

TEST_CASE("a backlog is full by its bytes, also of bodies that were moved out of it, and says whose are most") {
    Shelf shelf;
    shelf.add(alice, std::string(160 * mebibyte, 'x'));
    CHECK_FALSE(shelf.backlog.is_full());
    shelf.add(bob, std::string(60 * mebibyte, 'x'));
    shelf.add(bob, std::string(60 * mebibyte, 'x'));
    CHECK(shelf.backlog.is_full());
    CHECK(shelf.backlog.largest() == alice);
    const Body moved{std::move(shelf.backlog.front().incoming.body)};
    shelf.backlog.took(0);
    CHECK_FALSE(shelf.backlog.is_full());
    CHECK(shelf.backlog.largest() == bob);
    shelf.add(alice, std::string(100 * mebibyte, 'x'));
    CHECK_FALSE(shelf.backlog.is_full());
    CHECK(shelf.backlog.largest() == bob);
}

TEST_CASE("bodies of nothing take room in a backlog, too") {
    Shelf shelf;
    transport::Incoming incoming{alice, {}, {}, 0};
    for (int i = 0; i < 2'000'000; ++i) shelf.backlog.add(incoming, 0);
    CHECK(shelf.backlog.is_full());
}

TEST_CASE("what a peer has in a backlog goes with it") {
    Shelf shelf;
    shelf.add(alice, std::string(270 * mebibyte, 'x'));
    shelf.add(bob, "b1");
    shelf.backlog.drop(alice);
    shelf.backlog.drop(alice);
    CHECK_FALSE(shelf.backlog.is_full());
    CHECK(shelf.take() == "b1");
    CHECK(shelf.backlog.empty());
}

}  // namespace
}  // namespace rpcbroker::broker
