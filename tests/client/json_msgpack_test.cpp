#include "client/json_msgpack.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include <rpcbroker/convert.hpp>

using namespace rpcbroker;
using namespace std::string_literals;

namespace {

template <class T>
std::string json_of(const T& value) {
    std::string packed;
    pack_value(packed, value);
    return msgpack_to_json(packed);
}

std::string there_and_back(std::string_view json) { return msgpack_to_json(json_to_msgpack(json).value()); }

}  // namespace

TEST_CASE("JSON values keep what they are, both ways") {
    for (const auto* json :
         {"null", "true", "false", "0", "-1", "18446744073709551615", "-9223372036854775808", "0.1", "-1.5", "1e+300",
          "2.0", "\"\"", "\"\\\"\\\\\\n\"", "\"\u00fc\"", "[]", "{}", R"({"b":[1,{"c":null}],"a":"x"})"})
        CHECK(there_and_back(json) == json);
    CHECK(there_and_back(" [ 1 , 2 ] ") == "[1,2]");
}

TEST_CASE("JSON becomes the MessagePack that others make of it") {
    CHECK(json_to_msgpack(R"([1,-1,"a",null,true,{"k":1.5}])") ==
          "\x96\x01\xff\xa1\x61\xc0\xc3\x81\xa1k\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"s);
}

TEST_CASE("what is no JSON is nothing") {
    for (const auto* text : {"", " ", "hello", "{no json", "[1", "1 2", "01", "'a'", "NaN", "\"\xff\"", "1e400"})
        CHECK_FALSE(json_to_msgpack(text));
    CHECK(json_to_msgpack(std::string(64, '[') + std::string(64, ']')));
    CHECK_FALSE(json_to_msgpack(std::string(65, '[') + std::string(65, ']')));
    CHECK_FALSE(json_to_msgpack(std::string(100'000, '[') + std::string(100'000, ']')));
}

TEST_CASE("what JSON cannot hold has a form of its own") {
    CHECK(json_of(Bytes{"text"}) == "\"text\"");
    CHECK(json_of(Bytes{"\xff"}) == R"({"$bytes":"/w=="})");
    CHECK(json_of(Bytes{"\xff\xfe"}) == R"({"$bytes":"//4="})");
    CHECK(json_of(Bytes{"\xff\xfe\xfd"}) == R"({"$bytes":"//79"})");
    CHECK(json_of("\xff"s) == R"({"$bytes":"/w=="})");
    CHECK(json_of(std::nan("")) == R"({"$float":"NaN"})");
    CHECK(json_of(std::numeric_limits<double>::infinity()) == R"({"$float":"Infinity"})");
    CHECK(json_of(-std::numeric_limits<double>::infinity()) == R"({"$float":"-Infinity"})");
    CHECK(msgpack_to_json("\xd4\x05\xff"s) == R"({"$ext":5,"data":"/w=="})");
    CHECK(msgpack_to_json("\xc7\x02\xff\x61\x62"s) == R"({"$ext":-1,"data":"YWI="})");
    CHECK(msgpack_to_json("\xc8\x00\x01\x01\x61"s) == R"({"$ext":1,"data":"YQ=="})");
    CHECK(msgpack_to_json("\xc9\x00\x00\x00\x00\x01"s) == R"({"$ext":1,"data":""})");
}

TEST_CASE("keys that are no strings become strings") {
    CHECK(json_of(std::map<int, std::string>{{1, "one"}}) == R"({"1":"one"})");
    CHECK(json_of(std::map<bool, int>{{true, 1}}) == R"({"true":1})");
    CHECK(json_of(std::map<std::vector<int>, int>{{{1}, 1}}) == R"({"$msgpack:kQE=":1})");
    CHECK(json_of(std::map<std::string, int>{{"\xff", 1}}) == R"({"{\"$bytes\":\"/w==\"}":1})");
}

TEST_CASE("control characters are escaped") { CHECK(json_of("\x01\x1b\x7f\t\r"s) == R"("\u0001\u001b\u007f\t\r")"); }

TEST_CASE("indented JSON has a line an element") {
    const auto packed = json_to_msgpack(R"({"a":[1,2],"b":{},"c":[]})").value();
    CHECK(msgpack_to_json(packed, JsonLayout::indented) ==
          "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {},\n  \"c\": []\n}");
}

TEST_CASE("malformed MessagePack is null") {
    for (const auto& packed : {""s, "\xc1"s, "\x92\x01"s, "\xdd\xff\xff\xff\xff"s, std::string(65, '\x91')})
        CHECK(msgpack_to_json(packed) == "null");
}

TEST_CASE("maps nested in keys do not blow up") {
    std::string packed(60, '\x81');
    packed += '\x01';
    for (int i = 0; i < 60; ++i) packed += '\x01';
    CHECK(msgpack_to_json(packed).size() < 1000);
}
