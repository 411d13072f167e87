#include "common/lines.hpp"

#include <catch2/catch.hpp>

using namespace rpcbroker;

using Words = std::vector<std::string_view>;

TEST_CASE("words are parted by blanks, and a carriage return is one") {
    Lines lines("one\ttwo  three \r\n");
    CHECK(lines.next() == Words{"one", "two", "three"});
    CHECK(!lines.next());
}

TEST_CASE("empty lines and comments are passed over, and counted") {
    Lines lines("\n  \n# a comment\n   # another\nword\nlast");
    CHECK(lines.next() == Words{"word"});
    CHECK(lines.number() == 5);
    CHECK(lines.next() == Words{"last"});
    CHECK(lines.number() == 6);
    CHECK(!lines.next());
    CHECK(lines.number() == 6);
}

TEST_CASE("a # inside of a line is a character like any other") {
    Lines lines("one #two th#ree");
    CHECK(lines.next() == Words{"one", "#two", "th#ree"});
}
