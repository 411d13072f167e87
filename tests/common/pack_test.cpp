// The bytes in hexadecimal were written by another implementation: Python's msgpack.
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <rpcbroker/pack.hpp>

#include "tests/support/hex.hpp"

using namespace rpcbroker;
using rpcbroker::test::from_hex;
using rpcbroker::test::to_hex;

namespace {

template <class Write>
std::string packed(Write write) {
    std::string out;
    Packer packer(out);
    write(packer);
    return to_hex(out);
}

const std::vector<std::pair<std::int64_t, std::string>> signed_numbers{
    {0, "00"},
    {1, "01"},
    {127, "7f"},
    {128, "cc80"},
    {255, "ccff"},
    {256, "cd0100"},
    {65535, "cdffff"},
    {65536, "ce00010000"},
    {-1, "ff"},
    {-32, "e0"},
    {-33, "d0df"},
    {-128, "d080"},
    {-129, "d1ff7f"},
    {-32768, "d18000"},
    {-32769, "d2ffff7fff"},
    {-2147483648LL, "d280000000"},
    {-2147483649LL, "d3ffffffff7fffffff"},
    {4294967295LL, "ceffffffff"},
    {4294967296LL, "cf0000000100000000"},
    {std::numeric_limits<std::int64_t>::max(), "cf7fffffffffffffff"},
    {std::numeric_limits<std::int64_t>::min(), "d38000000000000000"},
};

/// How a head and its fill of `size` bytes or elements begins, as hexadecimal.
using Sized = std::tuple<std::size_t, std::string>;

}  // namespace

TEST_CASE("integers are written in their shortest form") {
    for (const auto& [value, hex] : signed_numbers) {
        CHECK(packed([value = value](Packer& packer) { packer.integer(value); }) == hex);
    }
    CHECK(packed([](Packer& packer) { packer.unsigned_integer(9223372036854775808U); }) == "cf8000000000000000");
    CHECK(packed([](Packer& packer) { packer.unsigned_integer(18446744073709551615U); }) == "cfffffffffffffffff");
}

TEST_CASE("a fixed integer has five bytes whatever its value") {
    CHECK(packed([](Packer& packer) { packer.fixed_u32(7); }) == "ce00000007");
    CHECK(packed([](Packer& packer) { packer.fixed_u32(0xfffffff0); }) == "cefffffff0");
}

TEST_CASE("nil, booleans and floats are written as others write them") {
    CHECK(packed([](Packer& packer) { packer.nil().boolean(true).boolean(false); }) == "c0c3c2");
    CHECK(packed([](Packer& packer) { packer.real(1.5); }) == "cb3ff8000000000000");
    CHECK(packed([](Packer& packer) { packer.real(-0.0); }) == "cb8000000000000000");
    CHECK(packed([](Packer& packer) { packer.real(std::numeric_limits<double>::infinity()); }) == "cb7ff0000000000000");
    CHECK(packed([](Packer& packer) { packer.real(0.1); }) == "cb3fb999999999999a");
    CHECK(packed([](Packer& packer) { packer.real(0.1F); }) == "ca3dcccccd");
}

TEST_CASE("strings of every width are written and read") {
    const auto [size, head] =
        GENERATE(Sized{0, "a0"}, Sized{1, "a1"}, Sized{31, "bf"}, Sized{32, "d920"}, Sized{255, "d9ff"},
                 Sized{256, "da0100"}, Sized{65535, "daffff"}, Sized{65536, "db00010000"});
    std::string bytes;
    Packer(bytes).string(std::string(size, 'a'));
    REQUIRE(to_hex(bytes) == head + to_hex(std::string(size, 'a')));
    Unpacker in(bytes);
    CHECK(in.peek() == Kind::string);
    CHECK(in.take_string() == std::string(size, 'a'));
    CHECK(in.at_end());
}

TEST_CASE("bytes of every width are written and read") {
    const auto [size, head] = GENERATE(Sized{0, "c400"}, Sized{255, "c4ff"}, Sized{256, "c50100"},
                                       Sized{65535, "c5ffff"}, Sized{65536, "c600010000"});
    std::string bytes;
    Packer(bytes).binary(std::string(size, 'a'));
    REQUIRE(to_hex(bytes) == head + to_hex(std::string(size, 'a')));
    Unpacker in(bytes);
    CHECK(in.peek() == Kind::binary);
    CHECK_FALSE(in.take_string());
    CHECK(in.take_binary() == std::string(size, 'a'));
    CHECK(in.at_end());
}

TEST_CASE("arrays of every width are written and read") {
    const auto [size, head] = GENERATE(Sized{0, "90"}, Sized{15, "9f"}, Sized{16, "dc0010"}, Sized{65535, "dcffff"},
                                       Sized{65536, "dd00010000"});
    std::string bytes;
    Packer(bytes).array(size).raw(std::string(size, '\x01'));
    REQUIRE(to_hex(bytes) == head + to_hex(std::string(size, '\x01')));
    CHECK(Unpacker(bytes).take_value() == bytes);
    Unpacker in(bytes);
    CHECK_FALSE(in.take_map());
    CHECK(in.take_array() == size);
    CHECK(in.rest().size() == size);
}

TEST_CASE("maps of every width are written and read") {
    const auto [size, head] = GENERATE(Sized{0, "80"}, Sized{15, "8f"}, Sized{16, "de0010"}, Sized{65535, "deffff"},
                                       Sized{65536, "df00010000"});
    std::string bytes;
    Packer(bytes).map(size).raw(std::string(2 * size, '\x01'));
    REQUIRE(to_hex(bytes) == head + to_hex(std::string(2 * size, '\x01')));
    CHECK(Unpacker(bytes).take_value() == bytes);
    Unpacker in(bytes);
    CHECK_FALSE(in.take_array());
    CHECK(in.take_map() == size);
    CHECK(in.rest().size() == 2 * size);
}

TEST_CASE("signed integers are read from their shortest form") {
    for (const auto& [value, hex] : signed_numbers) {
        const auto bytes = from_hex(hex);
        Unpacker in(bytes);
        CHECK(in.take_integer() == value);
        CHECK(in.at_end());
        CHECK(Unpacker(bytes).take_unsigned().has_value() == (value >= 0));
    }
}

TEST_CASE("an unsigned integer is read from every width, of either signedness") {
    const auto hex = GENERATE("07", "cc07", "cd0007", "ce00000007", "cf0000000000000007", "d007", "d10007",
                              "d200000007", "d30000000000000007");
    const auto bytes = from_hex(hex);
    Unpacker in(bytes);
    CHECK(in.take_unsigned() == 7U);
    CHECK(in.at_end());
    CHECK(Unpacker(bytes).take_integer() == 7);
}

TEST_CASE("an integer that does not fit is not taken") {
    const auto huge = from_hex("cf8000000000000000");
    Unpacker in(huge);
    CHECK_FALSE(in.take_integer());
    CHECK(in.take_unsigned() == 9223372036854775808U);
    for (const auto* hex : {"ff", "d0ff", "d1ffff", "d2ffffffff", "d3ffffffffffffffff"}) {
        const auto negative = from_hex(hex);
        CHECK_FALSE(Unpacker(negative).take_unsigned());
        CHECK(Unpacker(negative).take_integer() == -1);
    }
}

TEST_CASE("floats of both widths are read, integers are not taken for floats") {
    const auto bytes = from_hex("ca3fc00000 cb3ff8000000000000 cb7ff8000000000000 01");
    Unpacker in(bytes);
    CHECK(in.take_real() == 1.5);
    CHECK(in.take_real() == 1.5);
    CHECK(std::isnan(in.take_real().value()));
    CHECK_FALSE(in.take_real());
    CHECK_FALSE(in.take_boolean());
    CHECK_FALSE(in.take_nil());
    CHECK(in.take_integer() == 1);
}

TEST_CASE("nil and booleans are read") {
    const auto bytes = from_hex("c0 c3 c2");
    Unpacker in(bytes);
    CHECK_FALSE(in.take_boolean());
    CHECK(in.take_nil());
    CHECK(in.take_boolean() == true);
    CHECK_FALSE(in.take_nil());
    CHECK(in.take_boolean() == false);
    CHECK_FALSE(in.take_nil());
    CHECK_FALSE(in.take_boolean());
}

TEST_CASE("what is cut off or of another kind is not taken and moves nothing") {
    for (const auto* hex : {"a3616",    "d9",   "d90361", "da00", "db000000", "c4",       "c40261", "cc",   "cd00",
                            "ce000000", "cf00", "ca00",   "cb00", "dc00",     "dd0000",   "de",     "df00", "93",
                            "81",       "c1",   "c7",     "d4",   "d401",     "c70201ff", "c8ff",   ""}) {
        CAPTURE(hex);
        const auto bytes = from_hex(hex);
        Unpacker in(bytes);
        CHECK_FALSE(in.take_nil());
        CHECK_FALSE(in.take_boolean());
        CHECK_FALSE(in.take_integer());
        CHECK_FALSE(in.take_unsigned());
        CHECK_FALSE(in.take_real());
        CHECK_FALSE(in.take_string());
        CHECK_FALSE(in.take_binary());
        CHECK_FALSE(in.take_array());
        CHECK_FALSE(in.take_map());
        CHECK_FALSE(in.take_value());
        CHECK_FALSE(in.skip_value());
        CHECK(in.position() == bytes.data());
    }
}

TEST_CASE("the kind of every first byte is known") {
    const auto kind_of = [](unsigned byte) {
        const std::string bytes(1, static_cast<char>(byte));
        return Unpacker(bytes).peek();
    };
    CHECK(Unpacker("").peek() == Kind::end);
    CHECK(kind_of(0x00) == Kind::integer);
    CHECK(kind_of(0x7f) == Kind::integer);
    CHECK(kind_of(0x80) == Kind::map);
    CHECK(kind_of(0x8f) == Kind::map);
    CHECK(kind_of(0x90) == Kind::array);
    CHECK(kind_of(0x9f) == Kind::array);
    CHECK(kind_of(0xa0) == Kind::string);
    CHECK(kind_of(0xbf) == Kind::string);
    const std::vector<Kind> long_forms{
        Kind::nil,       Kind::invalid,   Kind::boolean,   Kind::boolean,   Kind::binary,    Kind::binary,
        Kind::binary,    Kind::extension, Kind::extension, Kind::extension, Kind::real,      Kind::real,
        Kind::integer,   Kind::integer,   Kind::integer,   Kind::integer,   Kind::integer,   Kind::integer,
        Kind::integer,   Kind::integer,   Kind::extension, Kind::extension, Kind::extension, Kind::extension,
        Kind::extension, Kind::string,    Kind::string,    Kind::string,    Kind::array,     Kind::array,
        Kind::map,       Kind::map};
    for (unsigned i = 0; i < long_forms.size(); ++i) CHECK(kind_of(0xc0 + i) == long_forms[i]);
    CHECK(kind_of(0xe0) == Kind::integer);
    CHECK(kind_of(0xff) == Kind::integer);
}

TEST_CASE("kinds have the names that error messages use") {
    CHECK(name_of(Kind::end) == "nothing");
    CHECK(name_of(Kind::nil) == "nil");
    CHECK(name_of(Kind::boolean) == "bool");
    CHECK(name_of(Kind::integer) == "int");
    CHECK(name_of(Kind::real) == "float");
    CHECK(name_of(Kind::string) == "str");
    CHECK(name_of(Kind::binary) == "bytes");
    CHECK(name_of(Kind::array) == "list");
    CHECK(name_of(Kind::map) == "map");
    CHECK(name_of(Kind::extension) == "ext");
    CHECK(name_of(Kind::invalid) == "invalid");
}

TEST_CASE("a whole value is taken with all that is in it") {
    const auto hex = GENERATE("83a1619301fe81a162c0a163c4020001a164a9c3a4e282acf09f9880", "d40561", "d5056161",
                              "d60561616161", "c70305616161", "d80561616161616161616161616161616161", "c0", "90",
                              "cb3ff8000000000000", "c403616263", "92929090c3");
    const auto value = from_hex(hex);
    const std::string bytes = value + "\x05";
    Unpacker in(bytes);
    CHECK(in.take_value() == value);
    CHECK(in.rest() == "\x05");
}

TEST_CASE("extensions with a length field are taken whole") {
    for (const auto* head : {"c8012c05", "c90000012c05"}) {
        const auto bytes = from_hex(head) + std::string(300, 'a');
        Unpacker in(bytes);
        CHECK(in.take_value() == bytes);
        CHECK_FALSE(Unpacker(std::string_view(bytes).substr(0, bytes.size() - 1)).take_value());
    }
}

TEST_CASE("a value cut off at any byte is not taken") {
    const auto bytes = from_hex("83a1619301fe81a162c0a163c4020001a164a9c3a4e282acf09f9880");
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const std::string part = bytes.substr(0, size);
        Unpacker in(part);
        CHECK_FALSE(in.take_value());
        CHECK(in.position() == part.data());
    }
}

TEST_CASE("an array or map that promises more than bytes are left is not taken") {
    for (const auto* hex : {"ddffffffff", "dfffffffff", "df80000000", "dd00000002 01", "df00000001 01", "dcffff 0102",
                            "93 0102", "82 010203", "9f", "8f 01"}) {
        const auto bytes = from_hex(hex);
        CHECK_FALSE(Unpacker(bytes).take_array());
        CHECK_FALSE(Unpacker(bytes).take_map());
        CHECK_FALSE(Unpacker(bytes).take_value());
    }
}

TEST_CASE("nesting is counted to 64 levels") {
    const auto nested = [](std::size_t levels) { return std::string(levels - 1, '\x91') + '\x90'; };
    CHECK(Unpacker(nested(64)).take_value().has_value());
    CHECK_FALSE(Unpacker(nested(65)).take_value());
    CHECK_FALSE(Unpacker(nested(100'000)).take_value());
    CHECK(Unpacker(nested(3)).take_value(3).has_value());
    CHECK_FALSE(Unpacker(nested(3)).take_value(2));
    CHECK(Unpacker("\x05").take_value(0).has_value());
    CHECK_FALSE(Unpacker("\x90").take_value(0));
    CHECK_FALSE(Unpacker("\x90").take_value(-1));
    CHECK_FALSE(Unpacker(nested(65)).take_value(1000));
}

TEST_CASE("siblings do not add to the nesting") {
    std::string bytes;
    Packer(bytes).array(1000);
    for (int i = 0; i < 1000; ++i) bytes += std::string(62, '\x91') + '\x90';
    CHECK(Unpacker(bytes).take_value() == bytes);
}

TEST_CASE("the forms for hot loops leave what they cannot fill") {
    const auto bytes = from_hex("ff");
    Unpacker in(bytes);
    std::uint64_t number = 5;
    std::uint32_t size = 6;
    std::string_view text = "seven";
    CHECK_FALSE(in.take(number));
    CHECK_FALSE(in.take(text));
    CHECK_FALSE(in.take_array(size));
    CHECK_FALSE(in.take_map(size));
    const std::string nothing;
    CHECK_FALSE(Unpacker(nothing).take_value(text));
    CHECK(number == 5);
    CHECK(size == 6);
    CHECK(text == "seven");
}

TEST_CASE("well-formed UTF-8 is known from what is not") {
    for (const auto* text : {"", "plain", "exactly8", "more than eight bytes of ASCII", "\xc3\xa4", "\xe2\x82\xac",
                             "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf", "\xe0\xa0\x80",
                             "\xf0\x90\x80\x80", "\xc2\x80", "seven..\xc3\xa4 and eight more"}) {
        CHECK(is_utf8(text));
    }
    for (const auto* text : {"\x80",
                             "\xbf",
                             "\xc0\xae",
                             "\xc1\xbf",
                             "\xc3",
                             "\xc3(",
                             "\xe2\x82",
                             "\xe2(\xac",
                             "\xe2\x82(",
                             "\xe0\x80\xae",
                             "\xe0\x9f\xbf",
                             "\xed\xa0\x80",
                             "\xed\xbf\xbf",
                             "\xf0\x80\x80\x80",
                             "\xf0\x8f\xbf\xbf",
                             "\xf4\x90\x80\x80",
                             "\xf5\x80\x80\x80",
                             "\xff",
                             "\xfe",
                             "\xf0\x9f\x98",
                             "\xf0\x9f\x98(",
                             "exactly8\x80",
                             "a\xc3"}) {
        CHECK_FALSE(is_utf8(text));
    }
    CHECK(is_utf8(std::string_view("\0", 1)));
}
