#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "common/outbox.hpp"

using rpcbroker::Body;
using rpcbroker::Outbox;
using rpcbroker::Outgoing;
using rpcbroker::PeerId;

namespace {

constexpr PeerId peer{3, 1};
constexpr PeerId other{0, 1};
constexpr PeerId later{3, 2};

/// Takes all bodies for `to` out, as a loop does that can send them.
std::vector<std::string> send_all(Outbox& outbox, PeerId to) {
    std::vector<std::string> bodies;
    while (Outgoing* body = outbox.front(to)) {
        bodies.emplace_back(body->large.empty() ? std::string_view(body->bytes) : body->large.bytes());
        outbox.pop_front(to);
    }
    return bodies;
}

using Bodies = std::vector<std::string>;

}  // namespace

TEST_CASE("an outbox has nothing at first") {
    Outbox outbox;
    CHECK(outbox.dirty().empty());
    CHECK(outbox.front(peer) == nullptr);
    CHECK(outbox.waiting_bytes() == 0);
    CHECK(outbox.waiting_bytes(peer) == 0);
    CHECK(outbox.forget(peer) == 0);
    outbox.pop_front(peer);
    CHECK(outbox.dropped() == 0);
}

TEST_CASE("messages for a peer that takes no batches go out one by one, in order") {
    Outbox outbox;
    outbox.add(peer) += "one";
    outbox.add(peer) += "two";
    outbox.add(other) += "three";
    CHECK(send_all(outbox, peer) == Bodies{"one", "two"});
    CHECK(send_all(outbox, other) == Bodies{"three"});
}

TEST_CASE("messages for a peer that takes batches are joined") {
    Outbox outbox;
    outbox.set_batching(peer, true);
    outbox.add(peer) += "one";
    outbox.add(peer) += "two";
    REQUIRE(outbox.front(peer) != nullptr);
    CHECK(outbox.front(peer)->messages == 2);
    CHECK(outbox.front(peer)->bytes == "onetwo");
    outbox.set_batching(peer, false);
    outbox.add(peer) += "three";
    CHECK(send_all(outbox, peer) == Bodies{"onetwo", "three"});
}

TEST_CASE("a message with an envelope has a body of its own") {
    Outbox outbox;
    outbox.set_batching(peer, true);
    outbox.add(peer) += "one";
    outbox.add(peer, "envelope") += "two";
    outbox.add(peer) += "three";
    outbox.pop_front(peer);
    CHECK(outbox.front(peer)->envelope == "envelope");
    outbox.pop_front(peer);
    CHECK(outbox.front(peer)->envelope.empty());
    CHECK(send_all(outbox, peer) == Bodies{"three"});
}

TEST_CASE("a body is closed when it holds its number of messages") {
    Outbox outbox;
    outbox.set_batching(peer, true);
    for (unsigned i = 0; i < Outbox::batch_messages + 1; ++i) outbox.add(peer) += 'x';
    CHECK(send_all(outbox, peer) == Bodies{std::string(Outbox::batch_messages, 'x'), "x"});
}

TEST_CASE("a body is closed when it holds its number of bytes") {
    Outbox outbox;
    outbox.set_batching(peer, true);
    outbox.add(peer).append(Outbox::batch_bytes - 1, 'x');
    outbox.add(peer) += 'y';
    outbox.add(peer) += 'z';
    CHECK(send_all(outbox, peer) == Bodies{std::string(Outbox::batch_bytes - 1, 'x') + 'y', "z"});
}

TEST_CASE("a message that makes a body too large goes into one of its own") {
    Outbox outbox;
    outbox.set_batching(peer, true);
    const std::string large(Outbox::batch_bytes, 'y');
    outbox.add(peer) += "one";
    outbox.add(peer) += "two";
    outbox.add(peer) += large;
    CHECK(outbox.waiting_bytes(peer) == 6 + large.size());
    outbox.add(peer) += "three";
    CHECK(outbox.waiting_bytes(peer) == 11 + large.size());
    CHECK(outbox.front(peer)->messages == 2);
    CHECK(send_all(outbox, peer) == Bodies{"onetwo", large, "three"});
    CHECK(outbox.waiting_bytes() == 0);
}

TEST_CASE("a large body is moved, between the messages before and after it") {
    Outbox outbox;
    outbox.set_batching(peer, true);
    Body body(std::string(1000, 'x'));
    const char* const data = body.data();
    outbox.add(peer) += "one";
    outbox.add_large(peer, "", std::move(body));
    outbox.add(peer) += "two";
    CHECK(outbox.waiting_bytes(peer) == 1006);
    outbox.pop_front(peer);
    REQUIRE(outbox.front(peer) != nullptr);
    CHECK(outbox.front(peer)->large.data() == data);
    CHECK(outbox.front(peer)->messages == 1);
    CHECK(outbox.front(peer)->size() == 1000);
    outbox.pop_front(peer);
    CHECK(outbox.waiting_bytes(peer) == 3);
    CHECK(send_all(outbox, peer) == Bodies{"two"});
}

TEST_CASE("a large body keeps its envelope") {
    Outbox outbox;
    outbox.add_large(peer, "envelope", Body(std::string("x")));
    CHECK(outbox.front(peer)->envelope == "envelope");
}

TEST_CASE("waiting bytes are right while a message is being appended") {
    Outbox outbox;
    outbox.set_batching(peer, true);
    std::string& message = outbox.add(peer);
    CHECK(outbox.waiting_bytes() == 0);
    message += "one";
    CHECK(outbox.waiting_bytes() == 3);
    CHECK(outbox.waiting_bytes(peer) == 3);
    CHECK(outbox.waiting_bytes(other) == 0);
    outbox.add(other) += "three";
    outbox.add(peer) += "two";
    CHECK(outbox.waiting_bytes() == 11);
    CHECK(outbox.waiting_bytes(peer) == 6);
    CHECK(outbox.waiting_bytes(other) == 5);
    CHECK(outbox.waiting_bytes(later) == 0);
}

TEST_CASE("waiting bytes go when a body is sent, though the loop has moved it out") {
    Outbox outbox;
    outbox.add(peer) += "one";
    outbox.add_large(peer, "", Body(std::string(1000, 'x')));
    const std::string sent = std::move(outbox.front(peer)->bytes);
    outbox.pop_front(peer);
    CHECK(outbox.waiting_bytes(peer) == 1000);
    const Body moved = std::move(outbox.front(peer)->large);
    outbox.pop_front(peer);
    CHECK(outbox.waiting_bytes(peer) == 0);
    CHECK(outbox.waiting_bytes() == 0);
}

TEST_CASE("waiting bodies are counted by peer") {
    Outbox outbox;
    outbox.set_batching(other, true);
    outbox.add(peer) += "one";
    outbox.add(peer) += "two";
    outbox.add(other) += "three";
    outbox.add(other) += "four";
    CHECK(outbox.waiting_bodies(peer) == 2);
    CHECK(outbox.waiting_bodies(other) == 1);
    CHECK(outbox.waiting_bodies(later) == 0);
    outbox.pop_front(peer);
    CHECK(outbox.waiting_bodies(peer) == 1);
    outbox.forget(peer);
    CHECK(outbox.waiting_bodies(peer) == 0);
}

TEST_CASE("a peer is dirty once for all that was added since the last time") {
    Outbox outbox;
    outbox.add(peer) += "one";
    outbox.add(other) += "two";
    outbox.add(peer) += "three";
    CHECK(outbox.dirty() == std::vector<PeerId>{peer, other});
    CHECK(outbox.dirty().empty());
    CHECK(outbox.front(peer) != nullptr);
    outbox.add(peer) += "four";
    outbox.add_large(other, "", Body(std::string("five")));
    CHECK(outbox.dirty() == std::vector<PeerId>{peer, other});
}

TEST_CASE("a message that joins a body that waits makes its peer dirty again") {
    Outbox outbox;
    outbox.set_batching(peer, true);
    outbox.add(peer) += "one";
    CHECK(outbox.dirty().size() == 1);
    outbox.add(peer) += "two";
    CHECK(outbox.dirty() == std::vector<PeerId>{peer});
    CHECK(send_all(outbox, peer) == Bodies{"onetwo"});
}

TEST_CASE("the list of dirty peers stays as it is while messages are added") {
    Outbox outbox;
    outbox.add(peer) += "one";
    auto& dirty = outbox.dirty();
    outbox.add(other) += "two";
    outbox.add(peer) += "three";
    CHECK(dirty == std::vector<PeerId>{peer});
    dirty.clear();
    CHECK(outbox.dirty() == std::vector<PeerId>{other, peer});
}

TEST_CASE("a forgotten peer's messages are dropped and counted") {
    Outbox outbox;
    outbox.set_batching(peer, true);
    outbox.add(other) += "stays";
    outbox.add(peer) += "one";
    outbox.add(peer) += "two";
    outbox.add_large(peer, "", Body(std::string("three")));
    CHECK(outbox.forget(peer) == 3);
    CHECK(outbox.waiting_bytes() == 5);
    CHECK(outbox.waiting_bytes(peer) == 0);
    CHECK(outbox.front(peer) == nullptr);
    CHECK(outbox.dirty() == std::vector<PeerId>{other});
    CHECK(outbox.forget(peer) == 0);
}

TEST_CASE("what was known of a forgotten peer is gone") {
    Outbox outbox;
    outbox.set_batching(peer, true);
    outbox.add(peer) += "one";
    CHECK(outbox.forget(peer) == 1);
    outbox.add(peer) += "two";
    outbox.add(peer) += "three";
    CHECK(outbox.dirty() == std::vector<PeerId>{peer});
    CHECK(send_all(outbox, peer) == Bodies{"two", "three"});
}

TEST_CASE("a later peer of the same slot gets nothing of the earlier one") {
    Outbox outbox;
    outbox.set_batching(peer, true);
    outbox.add(peer) += "one";
    outbox.add(peer) += "two";
    outbox.add(later) += "three";
    CHECK(outbox.dropped() == 2);
    CHECK(outbox.front(peer) == nullptr);
    CHECK(outbox.waiting_bytes(peer) == 0);
    CHECK(outbox.waiting_bytes() == 5);
    CHECK(outbox.dirty() == std::vector<PeerId>{later});
    outbox.add(later) += "four";
    CHECK(send_all(outbox, later) == Bodies{"three", "four"});
}

TEST_CASE("messages for an earlier peer of a slot are dropped and counted") {
    Outbox outbox;
    outbox.add(later) += "stays";
    outbox.add(peer) += "goes";
    outbox.add(peer) += "goes too";
    outbox.add_large(peer, "", Body(std::string("and this")));
    outbox.set_batching(peer, true);
    outbox.pop_front(peer);
    CHECK(outbox.forget(peer) == 0);
    CHECK(outbox.dropped() == 3);
    CHECK(outbox.waiting_bytes() == 5);
    CHECK(outbox.dirty() == std::vector<PeerId>{later});
    CHECK(send_all(outbox, later) == Bodies{"stays"});
}

TEST_CASE("a peer that reads slowly gets everything in order") {
    Outbox outbox;
    Bodies sent;
    Bodies expected;
    for (int i = 0; i < 1000; ++i) {
        expected.push_back(std::to_string(i));
        outbox.add(peer) += expected.back();
        if (i % 3 == 0) continue;
        sent.push_back(outbox.front(peer)->bytes);
        outbox.pop_front(peer);
    }
    CHECK(outbox.waiting_bytes(peer) > 0);
    for (auto& body : send_all(outbox, peer)) sent.push_back(std::move(body));
    CHECK(sent == expected);
    CHECK(outbox.waiting_bytes(peer) == 0);
}

TEST_CASE("what waits for a peer can be looked at, and what is large be moved out, before it is forgotten") {
    Outbox outbox;
    outbox.add(peer) = "sent";
    outbox.add_large(peer, {}, Body{std::string(100'000, 'x')});
    outbox.add(peer) = "last";
    outbox.add(other) = "another's";
    outbox.pop_front(peer);
    std::vector<std::string> seen;
    Body moved;
    outbox.for_each(peer, [&](Outgoing& body) {
        if (!body.large.empty()) moved = std::move(body.large);
        seen.push_back(body.bytes);
    });
    CHECK(moved.size() == 100'000);
    CHECK(seen == std::vector<std::string>{"", "last"});
    CHECK(outbox.forget(peer) == 2);
    CHECK(outbox.waiting_bytes() == std::string_view("another's").size());
    outbox.for_each(peer, [](Outgoing&) { FAIL("nothing waits any more"); });
}

TEST_CASE("strings are used again") {
    Outbox outbox;
    outbox.add(peer).append(1000, 'x');
    const char* const data = outbox.front(peer)->bytes.data();
    outbox.pop_front(peer);
    std::string& next = outbox.add(other);
    CHECK(next.empty());
    CHECK(next.data() == data);
    CHECK(next.capacity() >= 1000);
}

TEST_CASE("very large strings are not kept") {
    Outbox outbox;
    outbox.add(peer).append(4 * Outbox::batch_bytes, 'x');
    outbox.pop_front(peer);
    CHECK(outbox.add(peer).capacity() < 4 * Outbox::batch_bytes);
}
