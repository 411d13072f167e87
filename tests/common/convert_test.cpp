#include <rpcbroker/convert.hpp>

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

using namespace rpcbroker;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

template <class T>
std::string packed(const T& value) {
    std::string out;
    pack_value(out, value);
    return out;
}

template <class T>
T unpacked(std::string_view bytes) {
    auto value = unpack_value<T>(bytes, "value");
    if (!value) FAIL(value.error().message());
    return *value;
}

template <class T>
std::string problem(std::string_view bytes) {
    const auto value = unpack_value<T>(bytes, "value");
    if (value) return "none";
    CHECK(value.error().code() == Code::invalid_argument);
    return value.error().message();
}

template <class T>
void check_both_ways(const T& value, const std::string& bytes, const std::string& type) {
    INFO(type);
    CHECK(packed(value) == bytes);
    CHECK(unpacked<T>(bytes) == value);
    CHECK(Convert<T>::type_name() == type);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        CHECK(problem<T>(std::string_view{bytes}.substr(0, size)) != "none");
    CHECK(problem<T>(bytes + '\x00') == "value: more than one value");
}

template <class T>
void check_integer_edges() {
    using Limits = std::numeric_limits<T>;
    CHECK(unpacked<T>(packed(Limits::min())) == Limits::min());
    CHECK(unpacked<T>(packed(Limits::max())) == Limits::max());
    CHECK(Convert<T>::type_name() == "int");
    const auto range =
        "value: expected int from " + std::to_string(Limits::min()) + " to " + std::to_string(Limits::max());
    if constexpr (Limits::max() < std::numeric_limits<std::int64_t>::max()) {
        const auto above = std::int64_t{Limits::max()} + 1;
        CHECK(problem<T>(packed(above)) == range + ", got " + std::to_string(above));
        const auto below = std::int64_t{Limits::min()} - 1;
        CHECK(problem<T>(packed(below)) == range + ", got " + std::to_string(below));
    }
}

// 2^32 - 1 elements, and nothing that they could be in.
const std::string huge_list = "\xdd\xff\xff\xff\xff"s;
const std::string huge_map = "\xdf\xff\xff\xff\xff"s;

}  // namespace

TEST_CASE("every type goes both ways, and a cut off value is an error") {
    check_both_ways(true, "\xc3", "bool");
    check_both_ways(5, "\x05", "int");
    check_both_ways(-1, "\xff", "int");
    check_both_ways(2.5, "\xcb\x40\x04\x00\x00\x00\x00\x00\x00"s, "float");
    check_both_ways(2.5F, "\xca\x40\x20\x00\x00"s, "float");
    check_both_ways("abc"s,
                    "\xa3"
                    "abc",
                    "str");
    check_both_ways(Bytes{"a\xff"},
                    "\xc4\x02"
                    "a\xff",
                    "bytes");
    check_both_ways(RawValue{"\x92\x01\x02"}, "\x92\x01\x02", "any");
    check_both_ways(nullptr, "\xc0", "nil");
    check_both_ways(std::optional{"a"s},
                    "\xa1"
                    "a",
                    "optional<str>");
    check_both_ways(std::vector{1, 2}, "\x92\x01\x02", "list<int>");
    check_both_ways(std::vector{true, false}, "\x92\xc3\xc2", "list<bool>");
    check_both_ways(std::array{1, 2}, "\x92\x01\x02", "list<int>");
    check_both_ways(std::pair{1, "a"s},
                    "\x92\x01\xa1"
                    "a",
                    "tuple<int, str>");
    check_both_ways(std::tuple{1, "a"s, true},
                    "\x93\x01\xa1"
                    "a\xc3",
                    "tuple<int, str, bool>");
    check_both_ways(std::map<std::string, int>{{"a", 1}, {"b", 2}},
                    "\x82\xa1"
                    "a\x01\xa1"
                    "b\x02",
                    "map<str, int>");
    check_both_ways(std::unordered_map<int, bool>{{1, true}}, "\x81\x01\xc3", "map<int, bool>");
    check_both_ways(std::map<std::string, std::vector<std::optional<int>>>{{"a", {1, std::nullopt}}},
                    "\x81\xa1"
                    "a\x92\x01\xc0",
                    "map<str, list<optional<int>>>");
}

TEST_CASE("empty values go both ways") {
    check_both_ways(""s, "\xa0", "str");
    check_both_ways(Bytes{}, "\xc4\x00"s, "bytes");
    check_both_ways(RawValue{}, "\xc0", "any");
    check_both_ways(std::optional<int>{}, "\xc0", "optional<int>");
    check_both_ways(std::vector<int>{}, "\x90", "list<int>");
    check_both_ways(std::tuple<>{}, "\x90", "tuple<>");
    check_both_ways(std::map<int, int>{}, "\x80", "map<int, int>");
}

TEST_CASE("views point into the message") {
    const std::string bytes =
        "\x93\xa3"
        "abc\xc4\x01z\x91\x01";
    const auto [text, blob, raw] = unpacked<std::tuple<std::string_view, BytesView, RawView>>(bytes);
    CHECK(text == "abc");
    CHECK(text.data() == bytes.data() + 2);
    CHECK(blob.value.data() == bytes.data() + 7);
    CHECK(raw.packed == "\x91\x01");
    CHECK(raw.packed.data() == bytes.data() + 8);
}

TEST_CASE("types that hold views are told from those that own") {
    CHECK(borrows<std::string_view>);
    CHECK(borrows<std::vector<std::optional<BytesView>>>);
    CHECK(borrows<std::array<RawView, 2>>);
    CHECK(borrows<std::map<std::string, std::pair<int, RawView>>>);
    CHECK_FALSE(borrows<int>);
    CHECK_FALSE(borrows<std::map<std::string, std::vector<RawValue>>>);
}

TEST_CASE("integers of every width are checked at their edges") {
    check_integer_edges<std::int8_t>();
    check_integer_edges<std::int16_t>();
    check_integer_edges<std::int32_t>();
    check_integer_edges<std::int64_t>();
    check_integer_edges<std::uint8_t>();
    check_integer_edges<std::uint16_t>();
    check_integer_edges<std::uint32_t>();
    check_integer_edges<std::uint64_t>();
    CHECK(problem<std::int64_t>(packed(std::numeric_limits<std::uint64_t>::max())) ==
          "value: expected int from -9223372036854775808 to 9223372036854775807, got 18446744073709551615");
    CHECK(problem<std::uint64_t>(packed(-1)) == "value: expected int from 0 to 18446744073709551615, got -1");
}

TEST_CASE("integers are taken in any width and signedness of the wire") {
    for (const auto& bytes :
         {"\x05"s, "\xcc\x05"s, "\xcd\x00\x05"s, "\xce\x00\x00\x00\x05"s, "\xcf\x00\x00\x00\x00\x00\x00\x00\x05"s,
          "\xd0\x05"s, "\xd1\x00\x05"s, "\xd2\x00\x00\x00\x05"s, "\xd3\x00\x00\x00\x00\x00\x00\x00\x05"s}) {
        CHECK(unpacked<std::int8_t>(bytes) == 5);
        CHECK(unpacked<std::uint8_t>(bytes) == 5);
        CHECK(unpacked<std::int64_t>(bytes) == 5);
        CHECK(unpacked<double>(bytes) == 5.0);
    }
}

TEST_CASE("a float takes the integers that it holds exactly") {
    CHECK(unpacked<double>(packed(std::int64_t{1} << 53)) == 9007199254740992.0);
    CHECK(unpacked<double>(packed(std::numeric_limits<std::int64_t>::min())) == -9223372036854775808.0);
    CHECK(unpacked<float>(packed(1 << 24)) == 16777216.0F);
    CHECK(unpacked<double>("\x00"s) == 0.0);
    const auto text = "value: expected float, got an int that no float holds exactly"s;
    CHECK(problem<double>(packed((std::int64_t{1} << 53) + 1)) == text);
    CHECK(problem<double>(packed(std::numeric_limits<std::int64_t>::max())) == text);
    CHECK(problem<float>(packed((1 << 24) + 1)) == text);
}

TEST_CASE("a float takes doubles within its range") {
    CHECK(unpacked<float>(packed(0.1)) == 0.1F);
    CHECK(std::isinf(unpacked<float>(packed(std::numeric_limits<double>::infinity()))));
    CHECK(std::isnan(unpacked<float>(packed(std::numeric_limits<double>::quiet_NaN()))));
    CHECK(problem<float>(packed(1e300)) == "value: expected float of 32 bits, got one that is out of its range");
    CHECK(problem<int>(packed(2.0)) == "value: expected int, got float");
}

TEST_CASE("bytes take a str, a str takes no bytes") {
    CHECK(unpacked<Bytes>("\xa1"
                          "a")
              .value == "a");
    CHECK(problem<std::string>("\xc4\x01"
                               "a") == "value: expected str, got bytes");
}

TEST_CASE("another kind is named, with what was expected") {
    CHECK(problem<bool>("\x01") == "value: expected bool, got int");
    CHECK(problem<int>("\xa1"
                       "a") == "value: expected int, got str");
    CHECK(problem<double>("\xc3") == "value: expected float, got bool");
    CHECK(problem<std::string>("\x05") == "value: expected str, got int");
    CHECK(problem<Bytes>("\x90") == "value: expected bytes, got list");
    CHECK(problem<std::nullptr_t>("\x80") == "value: expected nil, got map");
    CHECK(problem<std::vector<int>>("\xc0") == "value: expected list, got nil");
    CHECK(problem<std::tuple<int>>("\x05") == "value: expected list, got int");
    CHECK(problem<std::map<int, int>>("\x90") == "value: expected map, got list");
    CHECK(problem<std::optional<int>>("\xc3") == "value: expected int, got bool");
    CHECK(problem<int>("\xd4\x01\x02") == "value: expected int, got ext");
    CHECK(problem<int>("") == "value: expected int, got nothing");
    CHECK(problem<RawValue>("") == "value: expected any, got nothing");
    CHECK(problem<int>("\xc1") == "value: expected int, got malformed MessagePack");
    CHECK(problem<std::string>("\xa5"
                               "ab") == "value: expected str, got malformed MessagePack");
}

TEST_CASE("an error says where it is, from the outside in") {
    CHECK(problem<std::vector<int>>("\x93\x01\x02\xa1"
                                    "a") == "value, element 3: expected int, got str");
    CHECK(problem<std::vector<std::vector<int>>>("\x92\x90\x92\x01\xc0") ==
          "value, element 2, element 2: expected int, got nil");
    CHECK(problem<std::pair<int, bool>>("\x92\x01\x02") == "value, element 2: expected bool, got int");
    CHECK(problem<std::array<int, 2>>("\x92\xc0\x02") == "value, element 1: expected int, got nil");
    CHECK(problem<std::map<std::string, int>>("\x82\xa1"
                                              "a\x01\x05\x05") == "value, entry 2, key: expected str, got int");
    CHECK(problem<std::map<std::string, std::uint8_t>>("\x81\xa1"
                                                       "a\xcd\x01\x2c") ==
          "value, entry 1, value: expected int from 0 to 255, got 300");
}

TEST_CASE("tuples and arrays need as many elements as they have") {
    CHECK(problem<std::pair<int, int>>("\x91\x01") == "value: expected 2 elements, got 1");
    CHECK(problem<std::tuple<int>>("\x92\x01\x02") == "value: expected 1 element, got 2");
    CHECK(problem<std::tuple<>>("\x91\x01") == "value: expected no elements, got 1");
    CHECK(problem<std::array<int, 3>>("\x90") == "value: expected 3 elements, got 0");
}

TEST_CASE("the last of a key's values counts") {
    CHECK(unpacked<std::map<int, int>>("\x82\x01\x02\x01\x03") == std::map<int, int>{{1, 3}});
}

TEST_CASE("what was in a variable before is gone") {
    std::string bytes = packed(std::vector{1});
    std::vector<int> list{7, 8, 9};
    Mismatch mismatch;
    Unpacker in{bytes};
    REQUIRE(Convert<std::vector<int>>::unpack(in, list, mismatch));
    CHECK(list == std::vector{1});
}

TEST_CASE("sizes that nothing stands behind reserve nothing and are errors") {
    CHECK(problem<std::vector<std::string>>(huge_list) == "value: expected list, got malformed MessagePack");
    CHECK(problem<std::map<int, int>>(huge_map) == "value: expected map, got malformed MessagePack");
    CHECK(problem<std::array<int, 2>>(huge_list) == "value: expected list, got malformed MessagePack");
    CHECK(problem<std::string>("\xdb\xff\xff\xff\xff") == "value: expected str, got malformed MessagePack");
    CHECK(problem<RawValue>(huge_list) == "value: expected any, got malformed MessagePack");
}

TEST_CASE("a list that claims more than fits its elements fails at the first that does not fit") {
    using Wide = std::array<std::array<std::string, 16>, 16>;
    const auto nils = "\xdd\x00\x10\x00\x00"s + std::string(std::size_t{1} << 20, '\xc0');
    CHECK(problem<std::vector<Wide>>(nils) == "value, element 1: expected list, got nil");
}

TEST_CASE("any value is taken up to the nesting limit") {
    const auto nested = [](int depth) { return std::string(static_cast<std::size_t>(depth), '\x91') + '\x01'; };
    CHECK(unpacked<RawValue>(nested(max_nesting)).packed == nested(max_nesting));
    CHECK(problem<RawValue>(nested(max_nesting + 1)) == "value: expected any, got malformed MessagePack");
}

TEST_CASE("parameters are one list") {
    std::string out;
    const char* text = "y";
    pack_params(out, "this is test", 5, std::string_view{"x"}, text);
    CHECK(out ==
          "\x94\xac"
          "this is test\x05\xa1x\xa1y");
    out.clear();
    pack_params(out);
    CHECK(out == "\x90");
}

TEST_CASE("parameters are unpacked into the types of a handler") {
    std::tuple<std::string_view, int, std::vector<double>> parameters;
    std::string bytes;
    pack_params(bytes, "abc", 7, std::vector{1.5});
    REQUIRE(unpack_params(bytes, parameters, {}));
    CHECK(parameters == std::tuple{"abc"sv, 7, std::vector{1.5}});
    std::tuple<> none;
    CHECK(unpack_params("\x90", none, {}));
}

TEST_CASE("a parameter that does not fit is named") {
    const std::vector<std::string> names = {"text", "part"};
    std::tuple<std::string_view, std::vector<int>> out;
    const auto message = [&](std::string_view bytes, std::span<const std::string> known) {
        const auto result = unpack_params(bytes, out, known);
        REQUIRE_FALSE(result);
        CHECK(result.error().code() == Code::invalid_argument);
        return result.error().message();
    };
    CHECK(message("\x92\x05\x90", names) == "parameter 1 (text): expected str, got int");
    CHECK(message("\x92\x05\x90", {}) == "parameter 1: expected str, got int");
    CHECK(message("\x92\xa0\x91\xc0", names) == "parameter 2 (part), element 1: expected int, got nil");
    CHECK(message("\x92\xa0\x05", std::span{names}.first(1)) == "parameter 2: expected list, got int");
    CHECK(message("\x91\xa0", names) == "expected 2 parameters (text, part), got 1");
    CHECK(message("\x93\xa0\x90\x01", {}) == "expected 2 parameters, got 3");
    CHECK(message("\x91\xa0", std::span{names}.first(1)) == "expected 2 parameters, got 1");
    CHECK(message("\x91\xa0", std::vector<std::string>{"a", ""}) == "expected 2 parameters, got 1");
    CHECK(message("\x05", names) == "parameters: expected one list of them, got int");
    CHECK(message("", names) == "parameters: expected one list of them, got nothing");
    CHECK(message("\x92\xa0\x90\xc0", names) == "parameters: expected one list of them, got more after it");
    CHECK(message("\x92\xa0", names) == "parameters: expected one list of them, got malformed MessagePack");
}

TEST_CASE("a method without parameters says so") {
    std::tuple<> none;
    CHECK(unpack_params("\x91\x01", none, {}).error().message() == "expected no parameters, got 1");
    std::tuple<int> one;
    CHECK(unpack_params("\x90", one, std::vector<std::string>{"n"}).error().message() ==
          "expected 1 parameter (n), got 0");
}

namespace {
struct Thrower {
    int what = 0;
};
}  // namespace

template <>
struct rpcbroker::Convert<Thrower> {
    static void pack(Packer& packer, const Thrower& value) { packer.integer(value.what); }
    static bool unpack(Unpacker& in, Thrower&, Mismatch&) {
        const auto what = in.take_integer().value_or(0);
        if (what == 1) throw std::bad_alloc{};
        if (what == 2) throw std::runtime_error{"no such thing"};
        throw what;
    }
    static std::string type_name() { return "Thrower"; }
};

TEST_CASE("a conversion of one's own is taken, and what it throws becomes an error") {
    CHECK(packed(std::vector{Thrower{3}}) == "\x91\x03");
    CHECK(Convert<std::vector<Thrower>>::type_name() == "list<Thrower>");
    CHECK(unpack_value<Thrower>("\x01", "result").error().code() == Code::resource_exhausted);
    CHECK(problem<Thrower>("\x02") == "value: no such thing");
    CHECK(problem<Thrower>("\x03") == "value: cannot be unpacked");
    std::tuple<Thrower> out;
    CHECK(unpack_params("\x91\x02", out, {}).error().message() == "parameters: no such thing");
}
