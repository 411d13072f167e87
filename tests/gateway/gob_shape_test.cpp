#include "gateway/gob/shape.hpp"

#include <catch2/catch.hpp>

#include "client/json_msgpack.hpp"

namespace rpcbroker::gob {
namespace {

std::string go_type(std::string_view type, const std::string& json = "null") {
    const auto shape = completed(declared_shape(type), json_to_msgpack(json).value());
    return shape ? name_of(*shape) : shape.error().message();
}

TEST_CASE("declared types are read") {
    CHECK(go_type("int") == "int");
    CHECK(go_type("uint") == "uint");
    CHECK(go_type("float") == "float64");
    CHECK(go_type("bytes") == "[]uint8");
    CHECK(go_type("list<map<str, list<bool>>>") == "[]map[string][]bool");
    CHECK(go_type("optional<list<int>>") == "[]int");
    CHECK(go_type("{quo: int, Rem: list<str>}") == "struct { Quo int; Rem []string }");
    CHECK(go_type("nil") == "struct {}");
    CHECK(go_type("tuple<int, int>", "[1, 2]") == "[]int");
}

TEST_CASE("what is not understood is taken from the value") {
    for (const auto* type :
         {"", "any", "list", "list<", "{", "{a", "{a:", "{1: int}", "map<str", "<>", ",", "{}}", "list<any>"})
        CHECK_NOTHROW(declared_shape(type));
    CHECK(go_type("any", "[1]") == "[]int");
    CHECK(go_type("list<Point>", R"([{"x": 1}])") == "[]struct { X int }");
    CHECK(go_type("map<str, any>", R"({"x": [true]})") == "map[string][]bool");
    CHECK(go_type("{a: any}", R"({"a": 1.5})") == "struct { A float64 }");
}

TEST_CASE("a declared type nested without end is not followed") {
    std::string type;
    for (int i = 0; i < 10'000; ++i) type += "list<";
    CHECK_FALSE(declared_shape(type).complete());
}

}  // namespace
}  // namespace rpcbroker::gob
