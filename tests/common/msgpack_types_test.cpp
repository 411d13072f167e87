#include <rpcbroker/msgpack_types.hpp>

#include <catch2/catch.hpp>

#include <set>

using namespace rpcbroker;
using namespace std::string_literals;

namespace {

struct Point {
    int x = 0;
    int y = 0;
    bool operator==(const Point&) const = default;
    MSGPACK_DEFINE_MAP(x, y)
};

struct Line {
    Point from;
    std::vector<Point> through;
    bool operator==(const Line&) const = default;
    MSGPACK_DEFINE(from, through)
};

struct Named {
    std::string_view name;
    MSGPACK_DEFINE(name)
};

enum class Color { red, green };

// Cannot be packed in its default state, and takes no value at all.
struct Moody {
    bool ready = false;
    template <class P>
    void msgpack_pack(P& packer) const {
        if (!ready) throw std::runtime_error{"not ready"};
        packer.pack(1);
    }
    void msgpack_unpack(const msgpack::object&) { throw std::bad_alloc{}; }
};

template <class T>
std::string packed(const T& value) {
    std::string out;
    pack_value(out, value);
    return out;
}

template <class T>
std::string problem(std::string_view bytes) {
    const auto value = unpack_value<T>(bytes, "value");
    return value ? "none" : value.error().message();
}

}  // namespace

MSGPACK_ADD_ENUM(Color)
template <>
inline constexpr std::string_view rpcbroker::rpc_type_name<Line> = "Line";

TEST_CASE("a struct with msgpack's macros goes both ways") {
    CHECK(packed(Point{1, 2}) == "\x82\xa1x\x01\xa1y\x02");
    CHECK(*unpack_value<Point>("\x82\xa1x\x01\xa1y\x02", "value") == Point{1, 2});
    const Line line{{1, 2}, {{3, 4}, {5, 6}}};
    CHECK(*unpack_value<Line>(packed(line), "value") == line);
}

TEST_CASE("structs stand in containers and among parameters") {
    const std::map<std::string, std::vector<Point>> points = {{"a", {{1, 2}}}};
    CHECK(*unpack_value<std::map<std::string, std::vector<Point>>>(packed(points), "value") == points);
    std::tuple<int, std::optional<Point>> out;
    std::string bytes;
    pack_params(bytes, 7, Point{1, 2});
    REQUIRE(unpack_params(bytes, out, {}));
    CHECK(std::get<1>(out) == Point{1, 2});
}

TEST_CASE("an enum with msgpack's macro is an int") {
    CHECK(packed(Color::green) == "\x01");
    CHECK(*unpack_value<Color>("\x01", "value") == Color::green);
    CHECK(Convert<Color>::type_name() == "int");
    CHECK(problem<Color>("\xa0") == "value: expected int, got str");
}

TEST_CASE("standard types that only msgpack-c knows go through it") {
    const std::set<int> numbers = {1, 2};
    CHECK(packed(numbers) == "\x92\x01\x02");
    CHECK(*unpack_value<std::set<int>>("\x92\x01\x02", "value") == numbers);
}

TEST_CASE("string_view members point into the message") {
    const std::string bytes =
        "\x91\xa3"
        "abc";
    const auto value = unpack_value<Named>(bytes, "value");
    REQUIRE(value);
    CHECK(value->name.data() == bytes.data() + 2);
}

TEST_CASE("a struct is called by what it is packed as, or by the name it was given") {
    CHECK(Convert<Point>::type_name() == "map");
    CHECK(Convert<Line>::type_name() == "Line");
    CHECK(Convert<std::vector<Line>>::type_name() == "list<Line>");
    CHECK(Convert<Moody>::type_name() == "any");
}

TEST_CASE("what does not fit a struct is an error") {
    CHECK(problem<Point>("\x05") == "value: expected map, got int");
    CHECK(problem<Point>("\x81\xa1x\xa1y") == "value: expected map, got a map that does not fit it");
    CHECK(problem<Line>("\x80") == "value: expected Line, got map");
    CHECK(problem<Line>("\x91\x05") == "value: expected Line, got a list that does not fit it");
    CHECK(problem<std::vector<Point>>("\x92\x80\x05") == "value, element 2: expected map, got int");
    CHECK(problem<Moody>("\x01") == "value: expected any, got int");
}

TEST_CASE("hostile bytes for a struct reserve nothing and are errors") {
    const auto malformed = "value: expected map, got malformed MessagePack"s;
    CHECK(problem<Point>("") == "value: expected map, got nothing");
    CHECK(problem<Point>("\xdf\xff\xff\xff\xff") == malformed);
    CHECK(problem<Point>("\x81\xa1x\xdd\xff\xff\xff\xff") == malformed);
    CHECK(problem<Point>("\x81\xa1x\xdb\xff\xff\xff\xff") == malformed);
    CHECK(problem<Point>("\x81\xa1x\xc6\xff\xff\xff\xff") == malformed);
    CHECK(problem<Point>("\xc1") == malformed);
    CHECK(problem<Point>("\x81\xa1x" + std::string(100, '\x91') + '\x01') == malformed);
    const auto deep = "\x81\xa1x" + std::string(63, '\x91') + '\x01';
    CHECK(problem<Point>(deep) == "value: expected map, got a map that does not fit it");
}

TEST_CASE("a struct is cut off nowhere without an error") {
    const auto bytes = packed(Line{{1, 2}, {{3, 4}}});
    for (std::size_t size = 0; size < bytes.size(); ++size) CHECK(problem<Line>(bytes.substr(0, size)) != "none");
}
