#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "common/body.hpp"

using rpcbroker::Body;

namespace {

/// A holder as a transport has one: its bytes live elsewhere, and it counts how many of it there are.
struct Buffer {
    static inline int alive = 0;

    explicit Buffer(std::string text) : bytes(std::make_shared<std::string>(std::move(text))) { ++alive; }
    explicit Buffer(std::shared_ptr<std::string> shared) : bytes(std::move(shared)) { ++alive; }
    Buffer(Buffer&& other) noexcept : bytes(std::move(other.bytes)) { ++alive; }
    Buffer(const Buffer&) = delete;
    ~Buffer() { --alive; }

    std::shared_ptr<std::string> bytes;
};

Buffer& buffer_at(void* held) noexcept { return *std::launder(static_cast<Buffer*>(held)); }

constexpr Body::Operations buffer_operations{
    [](void* from, void* to) noexcept {
        new (to) Buffer(std::move(buffer_at(from)));
        buffer_at(from).~Buffer();
    },
    [](void* held) noexcept { buffer_at(held).~Buffer(); },
    [](void* held) noexcept { return buffer_at(held).bytes->data(); },
    [](const void* held) noexcept { return std::launder(static_cast<const Buffer*>(held))->bytes->size(); },
    [](void* held, void* to) noexcept { new (to) Buffer(buffer_at(held).bytes); },
};

Body buffer_body(std::string text) {
    Body body;
    new (body.emplace(buffer_operations)) Buffer(std::move(text));
    return body;
}

}  // namespace

TEST_CASE("a body that holds nothing is empty") {
    Body body;
    CHECK(body.empty());
    CHECK(body.size() == 0);
    CHECK(body.bytes().empty());
    CHECK(body.data() == nullptr);
    CHECK(body.holder(buffer_operations) == nullptr);
    body.reset();
    CHECK(body.empty());
}

TEST_CASE("a body made of a string holds its bytes, short or long") {
    const auto text = GENERATE(std::string("short"), std::string(1000, 'x'));
    Body body(text);
    CHECK(body.bytes() == text);
    CHECK(body.size() == text.size());
    CHECK_FALSE(body.empty());
}

TEST_CASE("the bytes of a body can be written over") {
    Body body(std::string("abc"));
    body.data()[1] = 'X';
    CHECK(body.bytes() == "aXc");
}

TEST_CASE("a body that was moved from is empty") {
    Body from(std::string("short"));
    Body to(std::move(from));
    CHECK(to.bytes() == "short");
    CHECK(from.empty());
    from = std::move(to);
    CHECK(from.bytes() == "short");
    CHECK(to.empty());
}

TEST_CASE("moving a body onto itself changes nothing") {
    Body body(std::string("short"));
    Body& same = body;
    body = std::move(same);
    CHECK(body.bytes() == "short");
}

TEST_CASE("moving a body over another one ends what that one held") {
    {
        Body first = buffer_body("first");
        Body second = buffer_body("second");
        CHECK(Buffer::alive == 2);
        first = std::move(second);
        CHECK(Buffer::alive == 1);
        CHECK(first.bytes() == "second");
        first = Body(std::string("text"));
        CHECK(Buffer::alive == 0);
        CHECK(first.bytes() == "text");
    }
    CHECK(Buffer::alive == 0);
}

TEST_CASE("a holder of another kind keeps its place in memory and is found again") {
    Body body = buffer_body("large");
    const char* const data = body.data();
    std::vector<Body> bodies;
    bodies.push_back(std::move(body));
    bodies.emplace_back(std::string("other"));
    CHECK(bodies.front().data() == data);
    REQUIRE(bodies.front().holder(buffer_operations) != nullptr);
    CHECK(*buffer_at(bodies.front().holder(buffer_operations)).bytes == "large");
    CHECK(bodies.back().holder(buffer_operations) == nullptr);
    bodies.clear();
    CHECK(Buffer::alive == 0);
}

TEST_CASE("a body that is given up ends its holder once") {
    Body body = buffer_body("large");
    CHECK(Buffer::alive == 1);
    body.reset();
    CHECK(Buffer::alive == 0);
    CHECK(body.empty());
    new (body.emplace(buffer_operations)) Buffer("again");
    new (body.emplace(buffer_operations)) Buffer("and again");
    CHECK(Buffer::alive == 1);
    CHECK(body.bytes() == "and again");
}

TEST_CASE("a shared body has the same bytes, for as long as one of its holders lives") {
    Body body = buffer_body("text");
    {
        const Body other = body.share();
        CHECK(other.bytes().data() == body.bytes().data());
        CHECK(Buffer::alive == 2);
        body.reset();
        CHECK(other.bytes() == "text");
    }
    CHECK(Buffer::alive == 0);
}

TEST_CASE("a body made of a string is not shared, nor is one that holds nothing") {
    Body text(std::string(1000, 'x'));
    CHECK(text.share().empty());
    CHECK(text.size() == 1000);
    CHECK(Body{}.share().empty());
}
