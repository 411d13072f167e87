#include "broker/key_table.hpp"

#include <catch2/catch.hpp>

using namespace rpcbroker;
using broker::KeyTable;
using broker::Side;

namespace {

AuthorizedKey key(std::string name, Role role, std::string pattern = "*") {
    AuthorizedKey made{name, role, "key of " + name, {}};
    REQUIRE(made.rights.add(pattern).empty());
    return made;
}

}  // namespace

TEST_CASE("workers are let in at the back, all others at the front") {
    KeyTable table({key("a", Role::client), key("b", Role::admin), key("w", Role::worker)});
    for (const auto* name : {"key of a", "key of b"}) {
        CHECK(table.admit(Side::front, name, "") != 0);
        CHECK(table.admit(Side::back, name, "") == 0);
    }
    CHECK(table.admit(Side::back, "key of w", "") != 0);
    CHECK(table.admit(Side::front, "key of w", "") == 0);
    CHECK(table.admit(Side::front, "another", "") == 0);
}

TEST_CASE("a number stands for its key, at its side") {
    KeyTable table({key("a", Role::client), key("w", Role::worker)});
    const auto a = table.admit(Side::front, "key of a", "");
    CHECK(table.find(Side::front, a)->name == "a");
    CHECK(!table.find(Side::back, a));
    CHECK(!table.find(Side::front, 0));
    CHECK(!table.find(Side::front, 99));
}

TEST_CASE("a key that stays keeps its number, and what did not change is the same") {
    KeyTable table({key("a", Role::client), key("b", Role::client)});
    const auto a = table.admit(Side::front, "key of a", "");
    const auto before = table.find(Side::front, a);
    table.replace({key("c", Role::client), key("a", Role::client)});
    CHECK(table.admit(Side::front, "key of a", "") == a);
    CHECK(table.find(Side::front, a) == before);
    table.replace({key("a", Role::client, "S.m")});
    CHECK(table.admit(Side::front, "key of a", "") == a);
    CHECK(table.find(Side::front, a) != before);
    CHECK(!table.find(Side::front, a)->rights.allow("S.n"));
    CHECK(before->rights.allow("S.n"));
}

TEST_CASE("a key that was taken out is nobody's, and is another one when it comes back") {
    KeyTable table({key("a", Role::client)});
    const auto a = table.admit(Side::front, "key of a", "");
    table.replace({});
    CHECK(!table.find(Side::front, a));
    CHECK(table.admit(Side::front, "key of a", "") == 0);
    table.replace({key("a", Role::client)});
    CHECK(!table.find(Side::front, a));
    CHECK(table.admit(Side::front, "key of a", "") != a);
}

TEST_CASE("a key whose role changed has changed sides") {
    KeyTable table({key("a", Role::client)});
    const auto a = table.admit(Side::front, "key of a", "");
    table.replace({key("a", Role::worker)});
    CHECK(!table.find(Side::front, a));
    CHECK(table.admit(Side::front, "key of a", "") == 0);
}

TEST_CASE("who is refused is told of, with the reason, and only counted after the first few") {
    KeyTable table({key("a", Role::client), key("w", Role::worker)});
    CHECK(table.admit(Side::front, "stranger", "10.0.0.1") == 0);
    CHECK(table.admit(Side::back, "key of a", "10.0.0.2") == 0);
    CHECK(table.admit(Side::front, "key of w", "10.0.0.3") == 0);
    auto refused = table.take_refused();
    REQUIRE(refused.first.size() == 3);
    CHECK(refused.count == 3);
    CHECK(refused.first[0].public_key == "stranger");
    CHECK(refused.first[0].address == "10.0.0.1");
    CHECK(refused.first[0].why == "its key is not in the authorized file");
    CHECK(refused.first[1].why == "its key is none of a worker");
    CHECK(refused.first[2].why == "its key is one of a worker");
    for (int i = 0; i < 100; ++i) CHECK(table.admit(Side::front, "stranger", "") == 0);
    refused = table.take_refused();
    CHECK(refused.first.size() == KeyTable::max_refused);
    CHECK(refused.count == 100);
    CHECK(table.take_refused().count == 0);
}
