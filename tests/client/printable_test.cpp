// Strangers' texts on a terminal.
#include <catch2/catch.hpp>

#include "client/printable.hpp"

using namespace rpcbroker;

TEST_CASE("control characters and what is not UTF-8 are escaped") {
    CHECK(printable("plain \u00fc") == "plain \u00fc");
    CHECK(printable("a\nb\x1b[2J\x7f") == "a\\nb\\x1b[2J\\x7f");
    CHECK(printable("\xff\xc2\x9b\xe2\x82") == "\\xff\\xc2\\x9b\\xe2\\x82");
}

TEST_CASE("what turns the direction of writing is escaped") {
    CHECK(printable("a\u202eb\u202c") == "a\\xe2\\x80\\xaeb\\xe2\\x80\\xac");
    for (const auto* text : {"\u061c", "\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069"})
        CHECK(printable(text).starts_with("\\x"));
    for (const auto* text : {"\u05d0\u05d1", "\u200d", "\u2010", "\u2065", "\u206a"}) CHECK(printable(text) == text);
}

TEST_CASE("a text is measured in cells of a terminal") {
    CHECK(cells_of("") == 0);
    CHECK(cells_of("abc") == 3);
    CHECK(cells_of("\u00fcber") == 4);
    CHECK(cells_of("u\u0308") == 1);
    CHECK(cells_of("\u65e5\u672c") == 4);
    CHECK(cells_of("\U0001f600") == 2);
}

TEST_CASE("a text is cut by cells, and shows that it was") {
    CHECK(cut_to("abcdef", 6) == "abcdef");
    CHECK(cut_to("abcdef", 5) == "abcd…");
    CHECK(cut_to("abcdef", 1) == "…");
    CHECK(cut_to("abcdef", 0) == "");
    CHECK(cut_to("\u65e5\u672c\u8a9e", 4) == "\u65e5…");
    CHECK(cut_to("\u65e5\u672c\u8a9e", 5) == "\u65e5\u672c…");
}
