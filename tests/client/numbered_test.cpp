#include "client/numbered.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <string>

using rpcbroker::Numbered;

TEST_CASE("numbers ascend, find what they were given for, and find nothing once erased") {
    Numbered<std::uint64_t, std::string> table;
    CHECK_FALSE(table.find(1));
    const auto a = table.add("a");
    const auto b = table.add("b");
    CHECK(a < b);
    CHECK(table.at(table.add()).empty());
    CHECK(table.find(a) == &table.at(a));
    CHECK(table.at(a) == "a");
    table.erase(a);
    table.erase(a);
    table.erase(0);
    CHECK_FALSE(table.find(a));
    CHECK(table.find(b) == &table.at(b));
    CHECK(table.at(b) == "b");
    CHECK(table.size() == 2);
    CHECK(table.numbers().size() == 2);
}

TEST_CASE("a number is not given out again before the others were, also past the last one") {
    Numbered<std::uint8_t, int> table;
    const auto lasting = table.add(-1);
    std::uint8_t before = lasting;
    for (int i = 0; i < 1000; ++i) {
        const auto number = table.add(i);
        CHECK(number != 0);
        CHECK(number != lasting);
        CHECK(number != before);
        CHECK(table.find(number) == &table.at(number));
        CHECK(table.at(number) == i);
        table.erase(number);
        before = number;
    }
    CHECK(table.find(lasting) == &table.at(lasting));
    CHECK(table.at(lasting) == -1);
}

TEST_CASE("a table that grows keeps everything") {
    Numbered<std::uint32_t, int> table;
    std::map<std::uint32_t, int> expected;
    for (int i = 0; i < 5000; ++i) {
        expected[table.add(i)] = i;
        if (i % 3 == 0) {
            table.erase(expected.begin()->first);
            expected.erase(expected.begin());
        }
    }
    CHECK(table.size() == expected.size());
    for (const auto& [number, value] : expected) {
        REQUIRE(table.find(number) == &table.at(number));
        CHECK(table.at(number) == value);
    }
}
