#include "gateway/catalog.hpp"

#include <catch2/catch.hpp>

#include "tests/gateway/fakes.hpp"

namespace rpcbroker {
namespace {

struct Shelf {
    test::FakeCalls calls;
    Catalog catalog{calls};
    std::size_t known = 0;
    std::size_t unknown = 0;

    void find(const std::string& method) {
        catalog.find(method, [this](const MethodInfoPtr& info) { ++(info->known ? known : unknown); });
    }
};

TEST_CASE("a method is asked for once, while many wait") {
    Shelf shelf;
    for (int i = 0; i < 3; ++i) shelf.find("S.M");
    CHECK(shelf.calls.calls.size() == 1);
    shelf.calls.end_with("rpc.describe", test::described_count);
    CHECK(shelf.known == 3);
    shelf.find("S.M");
    CHECK(shelf.known == 4);
    CHECK(shelf.calls.calls.empty());
}

TEST_CASE("what is old is used while it is asked for again") {
    Shelf shelf;
    shelf.find("S.M");
    shelf.calls.end_with("rpc.describe", test::described_count);
    shelf.catalog.grow_old();
    shelf.find("S.M");
    shelf.find("S.M");
    CHECK(shelf.known == 3);
    REQUIRE(shelf.calls.calls.size() == 1);
    shelf.calls.end("rpc.describe", test::error_of(Code::unavailable, By::client));
    shelf.find("S.M");
    CHECK(shelf.known == 4);
}

TEST_CASE("what is forgotten is asked for before it is used again, by all who wait for it") {
    Shelf shelf;
    shelf.catalog.forget("S.M");
    shelf.find("S.M");
    shelf.catalog.forget("S.M");
    shelf.find("S.M");
    REQUIRE(shelf.calls.calls.size() == 1);
    shelf.calls.end_with("rpc.describe", test::described_count);
    CHECK(shelf.known == 2);
    shelf.catalog.forget("S.M");
    shelf.find("S.M");
    CHECK(shelf.known == 2);
    CHECK(shelf.calls.calls.size() == 1);
}

TEST_CASE("what answers a question from before it was forgotten is not used") {
    Shelf shelf;
    shelf.find("S.M");
    shelf.calls.end_with("rpc.describe", test::described_count);
    shelf.catalog.grow_old();
    shelf.find("S.M");  // asks
    shelf.catalog.forget("S.M");
    shelf.find("S.M");  // asks again, and waits
    REQUIRE(shelf.calls.calls.size() == 2);
    CHECK(shelf.known == 2);
    shelf.calls.end_with("rpc.describe", test::described_count);
    CHECK(shelf.known == 2);
    shelf.calls.end_with("rpc.describe", test::described_count);
    CHECK(shelf.known == 3);
}

TEST_CASE("nothing is kept of what nobody registered") {
    Shelf shelf;
    shelf.find("S.M");
    shelf.calls.end("rpc.describe", test::error_of(Code::not_found, By::broker));
    CHECK(shelf.unknown == 1);
    shelf.find("S.M");
    CHECK(shelf.calls.calls.size() == 1);
}

}  // namespace
}  // namespace rpcbroker
