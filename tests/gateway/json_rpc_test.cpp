// Every example of https://www.jsonrpc.org/specification, section 7, through POST /rpc.
#include "gateway/json_rpc.hpp"

#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "gateway/http/session.hpp"
#include "tests/gateway/http_talk.hpp"

namespace rpcbroker {
namespace {

using Json = nlohmann::json;

/// The service of the specification's examples, as a broker's answers.
Result<RawReply> served(const test::FakeCalls::Call& call) {
    const auto reply = [](const Json& value) { return RawReply{json_to_msgpack(value.dump()).value(), {}}; };
    const auto params = Json::parse(call.params);
    if (call.method == "rpc.describe") {
        if (params[0] == "Spec.subtract")
            return reply({{"name", "subtract"}, {"params", {"minuend: int", "subtrahend: int"}}});
        return test::error_of(Code::not_found, By::broker);
    }
    if (call.method == "Spec.subtract") return reply(params[0].get<int>() - params[1].get<int>());
    if (call.method == "Spec.sum") return reply(params[0].get<int>() + params[1].get<int>() + params[2].get<int>());
    if (call.method == "Spec.get_data") return reply(Json::array({"hello", 5}));
    return test::error_of(Code::not_found, By::broker);
}

/// Errors without "data", which the specification leaves to the server.
Json without_data(Json json) {
    if (json.is_array())
        for (auto& each : json) each = without_data(each);
    else if (json.contains("error"))
        json["error"] = {{"code", json["error"]["code"]}};
    return json;
}

struct Example {
    const char* name;
    const char* sent;
    const char* answered;
};

const Example examples[] = {
    {"positional parameters", R"({"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1})",
     R"({"jsonrpc": "2.0", "result": 19, "id": 1})"},
    {"positional parameters the other way", R"({"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2})",
     R"({"jsonrpc": "2.0", "result": -19, "id": 2})"},
    {"named parameters",
     R"({"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3})",
     R"({"jsonrpc": "2.0", "result": 19, "id": 3})"},
    {"named parameters in another order",
     R"({"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4})",
     R"({"jsonrpc": "2.0", "result": 19, "id": 4})"},
    {"a notification", R"({"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]})", ""},
    {"a notification of nothing", R"({"jsonrpc": "2.0", "method": "foobar"})", ""},
    {"a method that is not there", R"({"jsonrpc": "2.0", "method": "foobar", "id": "1"})",
     R"({"jsonrpc": "2.0", "error": {"code": -32601}, "id": "1"})"},
    {"invalid JSON", R"({"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz])",
     R"({"jsonrpc": "2.0", "error": {"code": -32700}, "id": null})"},
    {"an invalid request", R"({"jsonrpc": "2.0", "method": 1, "params": "bar"})",
     R"({"jsonrpc": "2.0", "error": {"code": -32600}, "id": null})"},
    {"a batch of invalid JSON",
     R"([{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method")",
     R"({"jsonrpc": "2.0", "error": {"code": -32700}, "id": null})"},
    {"an empty array", "[]", R"({"jsonrpc": "2.0", "error": {"code": -32600}, "id": null})"},
    {"an invalid batch", "[1]", R"([{"jsonrpc": "2.0", "error": {"code": -32600}, "id": null}])"},
    {"an invalid batch of three", "[1,2,3]",
     R"([{"jsonrpc": "2.0", "error": {"code": -32600}, "id": null}, {"jsonrpc": "2.0", "error": {"code": -32600}, "id": null},
         {"jsonrpc": "2.0", "error": {"code": -32600}, "id": null}])"},
    {"a batch",
     R"([{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
         {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
         {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"}, {"foo": "boo"},
         {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
         {"jsonrpc": "2.0", "method": "get_data", "id": "9"}])",
     R"([{"jsonrpc": "2.0", "result": 7, "id": "1"}, {"jsonrpc": "2.0", "result": 19, "id": "2"},
         {"jsonrpc": "2.0", "error": {"code": -32600}, "id": null},
         {"jsonrpc": "2.0", "error": {"code": -32601}, "id": "5"}, {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"}])"},
    {"a batch of notifications",
     R"([{"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]}, {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}])",
     ""},
};

TEST_CASE("every example of the specification") {
    for (const auto& [name, sent, answered] : examples) {
        INFO(name);
        test::HttpTalk talk;
        talk.routes.default_service = "Spec";
        talk.post("/rpc", sent);
        talk.serve(served);
        const auto response = talk.take();
        if (*answered == '\0') {
            CHECK(response.starts_with("HTTP/1.1 204 No Content\r\n"));
            continue;
        }
        CHECK(response.starts_with("HTTP/1.1 200 OK\r\n"));
        CHECK(without_data(Json::parse(test::body_of(response))) == Json::parse(answered));
    }
}

TEST_CASE("a notification is called, and outlives its connection") {
    test::HttpTalk talk;
    talk.post("/rpc", R"({"jsonrpc": "2.0", "method": "S.Update", "params": [1]})");
    talk.session.reset();
    talk.calls.end("rpc.describe", test::error_of(Code::not_found, By::broker));
    REQUIRE(talk.calls.calls.size() == 1);
    CHECK(talk.calls.calls[0].method == "S.Update");
    CHECK(talk.calls.cancelled.empty());
}

TEST_CASE("a batch that is too large is one invalid request") {
    CHECK(json_rpc::read("[1,2,3]", 2).requests.size() == 1);
}

}  // namespace
}  // namespace rpcbroker
