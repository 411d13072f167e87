#include "gateway/arguments.hpp"

#include <catch2/catch.hpp>

#include "client/json_msgpack.hpp"
#include "tests/gateway/fakes.hpp"

namespace rpcbroker {
namespace {

const MethodInfo count = read_method_info(json_to_msgpack(test::described_count).value());

std::string shown(const Result<std::string>& params) {
    return params ? msgpack_to_json(*params) : params.error().message();
}
std::string spread(const std::string& json, const MethodInfo& method) {
    return shown(spread_argument(json_to_msgpack(json).value(), method));
}
std::string named(const std::string& json, const MethodInfo& method = count) {
    return shown(named_parameters(json_to_msgpack(json).value(), method));
}

TEST_CASE("one argument is one parameter") {
    MethodInfo one{.known = true, .params = {"value"}};
    CHECK(spread("7", one) == "[7]");
    CHECK(spread(R"({"value":7})", one) == R"([{"value":7}])");
    CHECK(spread("7", MethodInfo{}) == "[7]");
    CHECK(spread("7", MethodInfo{.known = true}) == "[]");
    CHECK(spread("7", count) == "[7]");
}

TEST_CASE("a struct is spread over the parameters that it names") {
    CHECK(spread(R"({"Part":"a","Text":"b"})", count) == R"(["b","a"])");
    CHECK(spread(R"({"Text":"b"})", count) == "parameter part is missing");
}

TEST_CASE("named parameters are put in order") {
    CHECK(named(R"({"part":"a","text":"b"})") == R"(["b","a"])");
    CHECK(named(R"({"part":"a","text":"b","more":1})") == "more parameters than the method has");
    CHECK(named("7") == "named parameters are wanted, or a list");
    CHECK(named(R"({"a":1})", MethodInfo{}) == "the method does not declare the names of its parameters: send a list");
    CHECK(named(R"({"a_b":1})", MethodInfo{.known = true, .params = {"aB"}}) == "[1]");
}

}  // namespace
}  // namespace rpcbroker
