// What is encoded is what Go encodes, and what our decoder, which knows Go's bytes, reads back.
#include "gateway/gob/encoder.hpp"

#include <catch2/catch.hpp>

#include "client/json_msgpack.hpp"
#include "gateway/gob/decoder.hpp"
#include "tests/gateway/gob_samples.hpp"
#include "tests/support/hex.hpp"

namespace rpcbroker::gob {
namespace {

Result<std::string> encoded(Encoder& encoder, std::string_view type, const std::string& json) {
    const auto packed = json_to_msgpack(json).value();
    const auto shape = completed(declared_shape(type), packed);
    if (!shape) return shape.error();
    std::string out;
    if (auto written = encoder.append(out, *shape, packed); !written) return written.error();
    return out;
}

/// Through both, as JSON.
std::string round_trip(std::string_view type, const std::string& json) {
    Encoder encoder;
    const auto out = encoded(encoder, type, json);
    if (!out) return out.error().message();
    Decoder decoder{1 << 20};
    std::string_view left{*out};
    while (true) {
        const auto frame = first_frame(left, 1 << 20);
        REQUIRE(frame.is == Frame::Is::whole);
        left.remove_prefix(frame.size);
        const auto value = decoder.message(frame.message);
        REQUIRE(value);
        if (*value) return msgpack_to_json(**value);
    }
}

TEST_CASE("scalars are encoded as by Go") {
    Encoder encoder;
    std::string integers;
    for (const auto* json : {"0", "1", "-1", "63", "-64", "64", "9223372036854775807", "-9223372036854775808"})
        integers += encoded(encoder, "int", json).value();
    CHECK(test::to_hex(integers) == samples::integers);
    std::string naturals;
    for (const auto* json : {"0", "127", "128", "18446744073709551615"})
        naturals += encoded(encoder, "uint", json).value();
    CHECK(test::to_hex(naturals) == samples::unsigned_integers);
    CHECK(test::to_hex(encoded(encoder, "bool", "true").value() + encoded(encoder, "", "false").value()) ==
          samples::booleans);
    CHECK(test::to_hex(encoded(encoder, "float", "0").value()) == std::string{samples::reals.substr(0, 8)});
}

TEST_CASE("a struct is described once, as by Go but for its name") {
    Encoder encoder;
    const auto* const json = R"({"ServiceMethod": "EchoUtil.CountString", "Seq": 1})";
    const auto first = encoded(encoder, "{ServiceMethod: str, Seq: uint}", json).value();
    const auto second = encoded(encoder, "{ServiceMethod: str, Seq: uint}", json).value();
    CHECK(first.ends_with(second));
    CHECK(samples::requests.find(test::to_hex(second)) != std::string_view::npos);
}

TEST_CASE("lists, maps and structs come back") {
    CHECK(round_trip("list<int>", "[1, -2]") == "[1,-2]");
    CHECK(round_trip("", "[[1, 2], []]") == "[[1,2],[]]");
    CHECK(round_trip("map<str, int>", R"({"A": 1})") == R"({"A":1})");
    CHECK(round_trip("", R"({"a": 1, "b": 2})") == R"({"a":1,"b":2})");
    CHECK(round_trip("map", R"({"a": 1, "b": 2})") == R"({"A":1,"B":2})");
    CHECK(round_trip("", R"({"Quo": 1, "Rem": null})") == R"({"Quo":1})");
    CHECK(round_trip("", R"({"name": "x", "pid": 7})") == R"({"Name":"x","Pid":7})");
    CHECK(round_trip("list<Point>", R"([{"x": 1}, {"y": 2.5}])") == R"([{"X":1,"Y":0.0},{"X":0,"Y":2.5}])");
    CHECK(round_trip("{A: {B: list<float>}, C: str}", R"({"C": "c", "A": {"B": [1]}, "D": 0})") ==
          R"({"A":{"B":[1.0]},"C":"c"})");
    CHECK(round_trip("optional<int>", "null") == "0");
    CHECK(round_trip("nil", "null") == "{}");
    CHECK(round_trip("", "null") == "{}");
}

TEST_CASE("numbers of a list that differ become what holds them all") {
    CHECK(round_trip("", "[1, 2.5]") == "[1.0,2.5]");
    CHECK(round_trip("", "[1, 18446744073709551615]") == "[1,18446744073709551615]");
}

TEST_CASE("what Go has no type for is an error") {
    CHECK(round_trip("", R"([1, "a"])") == "the result has no type in Go: a list of values of different types");
    CHECK(round_trip("int", R"("a")") == "the result has str where its type is int");
    CHECK(round_trip("list<int>", "7") == "the result has int where its type is []int");
    CHECK(round_trip("uint", "-1") == "the result has int where its type is uint");
    CHECK(round_trip("list<any>", "7") == "the result has no type in Go: a list was declared");
}

TEST_CASE("types on one connection are bounded") {
    Encoder encoder;
    std::string last;
    for (std::size_t i = 0; i <= Encoder::most_types && last.empty(); ++i) {
        const auto out = encoded(encoder, "map", R"({"f)" + std::to_string(i) + R"(": 1})");
        if (!out) last = out.error().message();
    }
    CHECK(last == "the results on this connection have too many types");
    CHECK(encoded(encoder, "int", "1"));
}

}  // namespace
}  // namespace rpcbroker::gob
