#include "gateway/openapi.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "gateway/error_table.hpp"
#include "gateway/http/message.hpp"
#include "gateway/openapi_schema.hpp"
#include "tests/gateway/http_talk.hpp"

namespace rpcbroker {
namespace {

using nlohmann::json;
using openapi::Direction;

constexpr std::string_view services = R"([{"name": "S", "methods": [
    {"name": "Count", "params": ["text: str", "most: int"], "result": "int", "doc": "Counts.", "idempotent": true},
    {"name": "Tick", "params": ["str"], "result": "bytes", "stream": true, "doc": "Ticks.\nFor ever."},
    {"name": "Now", "params": [], "result": "nil"}]}])";

json document(std::string_view text, const MethodFilter& filter = {}, bool wants_token = false) {
    return json::parse(openapi::document(json_to_msgpack(text).value(), filter, wants_token).value());
}

json body_schema(const json& document, const std::string& path) {
    return document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
}

TEST_CASE("openapi: a method's parameters by place and by name, and its result") {
    const auto all = document(services);
    CHECK(all["openapi"] == "3.0.3");
    CHECK_FALSE(all["info"]["version"].get<std::string>().empty());
    const auto& count = all["paths"]["/call/S.Count"]["post"];
    CHECK(count["summary"] == "Counts.");
    CHECK(count["x-idempotent"] == true);
    const auto forms = body_schema(all, "/call/S.Count")["oneOf"];
    CHECK(forms[0] == json::parse(R"({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                                      "minItems": 2, "maxItems": 2})"));
    CHECK(forms[1]["properties"] == json::parse(R"({"text": {"type": "string"}, "most": {"type": "integer"}})"));
    CHECK(forms[1]["required"] == json{"most", "text"});
    CHECK(count["responses"]["200"]["content"]["application/json"]["schema"] == json{{"type", "integer"}});
}

TEST_CASE("openapi: what has no names is sent in a list, what takes nothing needs no body") {
    const auto all = document(services);
    CHECK(body_schema(all, "/call/S.Tick") ==
          json::parse(R"({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1})"));
    CHECK(body_schema(all, "/call/S.Now")["maxItems"] == 0);
    CHECK(all["paths"]["/call/S.Now"]["post"]["requestBody"]["required"] == false);
    const auto twice = document(R"([{"name": "S", "methods": [{"name": "M", "params": ["a: int", "a: int"]}]}])");
    CHECK_FALSE(body_schema(twice, "/call/S.M").contains("oneOf"));
}

TEST_CASE("openapi: a stream comes in lines or as events") {
    const auto tick = document(services)["paths"]["/call/S.Tick"]["post"];
    const auto& content = tick["responses"]["200"]["content"];
    CHECK(content.size() == 2);
    CHECK(content.contains("application/x-ndjson"));
    CHECK(content["text/event-stream"]["x-item-schema"]["anyOf"].size() == 2);
    CHECK(tick["description"] == "Ticks.\nFor ever.");
    CHECK(tick["parameters"].back() == json{{"$ref", "#/components/parameters/stream"}});
}

TEST_CASE("openapi: every status of the table of errors, with its codes") {
    const auto all = document(services);
    for (const auto& row : error_table) {
        const auto status = std::to_string(row.http_status);
        CHECK(all["paths"]["/call/S.Now"]["post"]["responses"].contains(status));
        const auto codes = all["components"]["responses"][status]["description"].get<std::string>();
        CHECK(codes.find(name_of(row.code)) != std::string::npos);
    }
}

TEST_CASE("openapi: only what may be called is in it") {
    CHECK(document(services, MethodFilter{{"S.N*"}})["paths"].size() == 1);
    CHECK(document(services, MethodFilter{{"T.*"}})["paths"] == json::object());
    CHECK(document("[]")["paths"] == json::object());
}

TEST_CASE("openapi: a token is asked for where one is wanted") {
    CHECK_FALSE(document(services).contains("security"));
    const auto all = document(services, {}, true);
    CHECK(all["security"] == json::parse(R"([{"token": []}])"));
    CHECK(all["components"]["securitySchemes"]["token"]["scheme"] == "bearer");
}

TEST_CASE("openapi: types that workers declare") {
    const auto is = [](std::string_view type, std::string_view schema) {
        INFO(type);
        CHECK(openapi::schema_of(type, Direction::received) == json::parse(schema));
    };
    is("str", R"({"type": "string"})");
    is("uint", R"({"type": "integer", "minimum": 0})");
    is("float", R"({"type": "number"})");
    is(" bool ", R"({"type": "boolean"})");
    is("nil", R"({"nullable": true, "enum": [null]})");
    is("any", "{}");
    is("", "{}");
    is("Point", "{}");
    is("optional<int>", R"({"type": "integer", "nullable": true})");
    is("optional<any>", "{}");
    is("list<list<str>>", R"({"type": "array", "items": {"type": "array", "items": {"type": "string"}}})");
    is("map<str, int>", R"({"type": "object", "additionalProperties": {"type": "integer"}})");
    is("tuple<int, int>", R"({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2})");
    is("{Quo: int, Names: list<str>}", R"({"type": "object", "properties": {"Quo": {"type": "integer"},
                                           "Names": {"type": "array", "items": {"type": "string"}}}})");
    CHECK(openapi::schema_of("optional<bytes>", Direction::received)["anyOf"][0]["nullable"] == true);
    CHECK(openapi::schema_of("bytes", Direction::sent) == json{{"type", "string"}});
}

TEST_CASE("openapi: a type that makes no sense may be anything") {
    for (const std::string type : {"<", ">", "list<", "map<int", "{", "{:", "{a}", "int int", "optional<int, int>",
                                   "{a: int", "list<int>>", "str | None", "\xff"})
        CHECK_NOTHROW(
            openapi::schema_of(type, Direction::received).dump(-1, ' ', false, json::error_handler_t::replace));
    CHECK(openapi::schema_of("str | None", Direction::received) == json::object());
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "list<";
    CHECK_NOTHROW(openapi::schema_of(deep, Direction::received));
}

TEST_CASE("openapi: hostile names make paths that lead back to them") {
    for (const std::string name : {"a/b?c#d", "{id}", "\"<b>", "..a", "%2F", "é 漢", "$ref", "~1"}) {
        CAPTURE(name);
        const json method{{"name", name}, {"params", {name + ": " + name}}, {"result", name}, {"doc", name}};
        const json list = json::array({{{"name", "S"}, {"methods", {method}}}});
        const auto all = document(list.dump());
        REQUIRE(all["paths"].size() == 1);
        const auto path = all["paths"].begin().key();
        CHECK(path.find_first_of("{}?#\" ") == std::string::npos);
        CHECK(http::decoded(path, false) == "/call/S." + name);
        CHECK(all["paths"][path]["post"]["operationId"] == "S." + name);
    }
}

TEST_CASE("openapi: texts that are no UTF-8 do no harm") {
    std::string packed;
    Packer out{packed};
    out.array(1).map(2).string("name").string("S").string("methods").array(1).map(2);
    out.string("name").string("M").string("doc").string("\xff\xfe");
    const auto all = json::parse(openapi::document(packed, {}, false).value());
    CHECK(all["paths"].contains("/call/S.M"));
    CHECK_FALSE(openapi::document("\xc1", {}, false));
}

TEST_CASE("openapi: it is asked of the broker") {
    test::HttpTalk talk;
    talk.get("/openapi.json");
    talk.calls.end_with("rpc.services", services);
    CHECK(json::parse(test::body_of(talk.take()))["paths"].size() == 3);
    talk.get("/openapi.json");
    talk.calls.end("rpc.services", test::error_of(Code::unavailable, By::client));
    CHECK(talk.take().starts_with("HTTP/1.1 503 "));
}

TEST_CASE("a parameter's name is what stands before its type, not a part of it") {
    const auto read = [](std::string_view text) {
        const auto parameter = read_parameter(text);
        return std::pair{parameter.name, parameter.type};
    };
    CHECK(read("text: str") == std::pair<std::string, std::string>{"text", " str"});
    CHECK(read("str") == std::pair<std::string, std::string>{"", "str"});
    CHECK(read("{Quo: int}") == std::pair<std::string, std::string>{"", "{Quo: int}"});
    CHECK(read("list<{Quo: int}>") == std::pair<std::string, std::string>{"", "list<{Quo: int}>"});
}

}  // namespace
}  // namespace rpcbroker
