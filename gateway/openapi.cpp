#include "gateway/openapi.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "client/entry.hpp"
#include "gateway/error_table.hpp"
#include "gateway/method_info.hpp"
#include "gateway/openapi_schema.hpp"

namespace rpcbroker::openapi {

namespace {

using nlohmann::json;

/// Texts of others need not be UTF-8.
std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

/// As a part of a path; braces, too, which OpenAPI takes for a variable.
std::string percent_encoded(std::string_view name) {
    static constexpr std::string_view hex = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        const bool is_plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                              c == '.' || c == '_' || c == '~';
        if (is_plain)
            encoded += c;
        else
            ((encoded += '%') += hex[byte >> 4]) += hex[byte & 15];
    }
    return encoded;
}

json reference(std::string_view kind, std::string_view name) {
    return {{"$ref", "#/components/" + std::string{kind} + "/" + std::string{name}}};
}

json parameter(std::string_view name, std::string_view in, json schema, std::string_view description) {
    return {{"name", name}, {"in", in}, {"schema", std::move(schema)}, {"description", description}};
}

json parameters() {
    const json text{{"type", "string"}};
    const json flag{{"type", "boolean"}};
    const auto* const timeout = "The time that the call has: 250ms, 5s, 2m.";
    const auto* const idempotent = "Running it twice does no harm. Else it is as the method was registered.";
    const auto* const key = "Calls with the same key go to the same worker.";
    return {{"timeout", parameter("timeout", "query", text, timeout)},
            {"idempotent", parameter("idempotent", "query", flag, idempotent)},
            {"key", parameter("key", "query", text, key)},
            {"Rpc-Timeout", parameter("Rpc-Timeout", "header", text, timeout)},
            {"Rpc-Idempotent", parameter("Rpc-Idempotent", "header", flag, idempotent)},
            {"Rpc-Key", parameter("Rpc-Key", "header", text, key)},
            {"traceparent", parameter("traceparent", "header", text, "Handed to the handler.")},
            {"stream", parameter("stream", "query", {{"type", "string"}, {"enum", {"lines", "events"}}},
                                 "The form of a stream, where Accept does not say it.")}};
}

json error_schema() {
    json codes = json::array();
    for (const auto& row : error_table) codes.push_back(name_of(row.code));
    const json error{
        {"type", "object"},
        {"required", {"code", "message"}},
        {"properties",
         {{"code", {{"type", "string"}, {"enum", std::move(codes)}}},
          {"message", {{"type", "string"}}},
          {"by", {{"type", "string"}, {"enum", {"broker", "worker", "client"}}}},
          {"ran", {{"type", "string"}, {"enum", {"no", "maybe"}}}},
          {"retry_after", {{"type", "integer"}, {"description", "Milliseconds after which to try again."}}},
          {"data", json::object()}}}};
    return {{"type", "object"}, {"required", {"error"}}, {"properties", {{"error", error}}}};
}

/// One for each status, with the codes that have it.
std::map<std::string, std::string> error_statuses() {
    std::map<std::string, std::string> statuses;
    for (const auto& row : error_table) {
        auto& codes = statuses[std::to_string(row.http_status)];
        codes += (codes.empty() ? "" : ", ") + std::string{name_of(row.code)};
    }
    return statuses;
}

json error_response(const std::string& description) {
    const json retry{{"description", "Seconds after which to try again, where they are known."},
                     {"schema", {{"type", "integer"}}}};
    return {{"description", description},
            {"headers", {{"Retry-After", retry}}},
            {"content", {{"application/json", {{"schema", reference("schemas", "Error")}}}}}};
}

json components(bool wants_token) {
    json responses{{"Other", error_response("An error of the gateway itself.")}};
    for (const auto& [status, codes] : error_statuses()) responses[status] = error_response(codes);
    json all{
        {"schemas", {{"Error", error_schema()}}}, {"responses", std::move(responses)}, {"parameters", parameters()}};
    if (wants_token) all["securitySchemes"] = {{"token", {{"type", "http"}, {"scheme", "bearer"}}}};
    return all;
}

json request_body(const std::vector<Parameter>& params) {
    json schemas = json::array();
    json properties = json::object();
    for (const auto& param : params) {
        schemas.push_back(schema_of(param.type, Direction::sent));
        if (!param.name.empty()) properties[param.name] = schemas.back();
    }
    json schema = list_of(schemas);
    if (!params.empty() && properties.size() == params.size()) {
        json required = json::array();
        for (const auto& [name, each] : properties.items()) required.push_back(name);
        schema = {{"oneOf",
                   {std::move(schema),
                    {{"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}}}}};
    }
    return {{"required", !params.empty()}, {"content", {{"application/json", {{"schema", std::move(schema)}}}}}};
}

/// OpenAPI 3.0 cannot say what the lines and events of a stream hold.
json success(const std::string& type, bool streams) {
    auto schema = schema_of(type, Direction::received);
    if (!streams) return {{"description", "The result."}, {"content", {{"application/json", {{"schema", schema}}}}}};
    const json text{{"schema", {{"type", "string"}}}, {"x-item-schema", std::move(schema)}};
    return {{"description",
             "The items as they come, then the result: lines of {\"item\": …}, at last {\"result\": …} or {\"error\": "
             "…}; or events whose data are the items, at last one named result or error."},
            {"content", {{"application/x-ndjson", text}, {"text/event-stream", text}}}};
}

json responses(const std::string& type, bool streams) {
    static const auto statuses = error_statuses();
    json all{{"200", success(type, streams)}, {"default", reference("responses", "Other")}};
    for (const auto& [status, codes] : statuses) all[status] = reference("responses", status);
    return all;
}

json parameter_list(bool streams) {
    json list = json::array();
    for (const auto* const name :
         {"timeout", "idempotent", "key", "Rpc-Timeout", "Rpc-Idempotent", "Rpc-Key", "traceparent"})
        list.push_back(reference("parameters", name));
    if (streams) list.push_back(reference("parameters", "stream"));
    return list;
}

/// A short text of one line is a title, any other tells more.
bool is_title(std::string_view doc) {
    constexpr std::size_t longest = 120;
    return doc.size() <= longest && doc.find('\n') == std::string_view::npos;
}

json operation(const std::string& service, const std::string& full_name, const Entry& method) {
    std::vector<Parameter> params;
    for (const auto& text : method.get<std::vector<std::string>>("params")) params.push_back(read_parameter(text));
    const bool streams = method.get<bool>("stream");
    json post{{"operationId", full_name},
              {"tags", {service}},
              {"x-idempotent", method.get<bool>("idempotent")},
              {"parameters", parameter_list(streams)},
              {"requestBody", request_body(params)},
              {"responses", responses(method.get<std::string>("result"), streams)}};
    const auto doc = method.get<std::string>("doc");
    if (!doc.empty()) post[is_title(doc) ? "summary" : "description"] = doc;
    return {{"post", std::move(post)}};
}

json head(bool wants_token) {
    json all{{"openapi", "3.0.3"},
             {"info",
              {{"title", "rpcbroker"},
               {"version", RPCBROKER_VERSION},
               {"description", "What is registered at the broker, and this gateway lets be called."}}},
             {"servers", {{{"url", "/"}}}},
             {"components", components(wants_token)}};
    if (wants_token) all["security"] = json::array({{{"token", json::array()}}});
    return all;
}

}  // namespace

/// Methods may be a hundred thousand: each is made text at once.
Result<std::string> document(std::string_view services, const MethodFilter& filter, bool wants_token) {
    const auto entries = read_entries(services, "rpc.services");
    if (!entries) return entries.error();
    std::string paths;
    for (const auto& service : *entries) {
        const auto name = service.get<std::string>("name");
        for (const auto& method : service.entries("methods")) {
            const auto full_name = name + "." + method.get<std::string>("name");
            if (!filter.check(full_name)) continue;
            paths += paths.empty() ? "" : ",";
            paths += "\"/call/" + percent_encoded(full_name) + "\":" + text_of(operation(name, full_name, method));
        }
    }
    auto text = text_of(head(wants_token));
    text.pop_back();
    return text + ",\"paths\":{" + paths + "}}\n";
}

}  // namespace rpcbroker::openapi
