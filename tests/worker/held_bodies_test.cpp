#include "worker/held_bodies.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace rpcbroker;

TEST_CASE("a body is held until the last hold is released") {
    HeldBodies bodies;
    const auto index = bodies.add(Body{"first"});
    bodies.hold(index);
    bodies.release(index);
    CHECK(bodies.bytes(index) == "first");
    CHECK(bodies.size() == 1);
    bodies.release(index);
    CHECK(bodies.size() == 0);
}

TEST_CASE("bytes that are held do not move") {
    HeldBodies bodies;
    const auto index = bodies.add(Body{"short"});
    const char* bytes = bodies.bytes(index).data();
    for (int i = 0; i < 1000; ++i) bodies.add(Body{std::to_string(i)});
    CHECK(bodies.bytes(index).data() == bytes);
}

TEST_CASE("places of released bodies are used again") {
    HeldBodies bodies;
    const auto index = bodies.add(Body{"a"});
    bodies.release(index);
    CHECK(bodies.add(Body{"b"}) == index);
    CHECK(bodies.bytes(index) == "b");
}
