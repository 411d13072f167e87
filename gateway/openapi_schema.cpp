#include "gateway/openapi_schema.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "gateway/type_cursor.hpp"

namespace rpcbroker::openapi {

namespace {

using nlohmann::json;

json bytes_schema(Direction direction) {
    json text{{"type", "string"}};
    if (direction == Direction::sent) return text;
    const json wrapped{{"type", "object"},
                       {"properties", {{"$bytes", {{"type", "string"}, {"format", "byte"}}}}},
                       {"required", {"$bytes"}}};
    return {{"anyOf", {text, wrapped}}};
}

json named_schema(std::string_view name, Direction direction) {
    if (name == "str") return {{"type", "string"}};
    if (name == "int") return {{"type", "integer"}};
    if (name == "uint") return {{"type", "integer"}, {"minimum", 0}};
    if (name == "float") return {{"type", "number"}};
    if (name == "bool") return {{"type", "boolean"}};
    if (name == "bytes") return bytes_schema(direction);
    if (name == "nil") return {{"nullable", true}, {"enum", {nullptr}}};
    if (name == "map") return {{"type", "object"}};
    if (name == "list") return {{"type", "array"}, {"items", json::object()}};
    return json::object();
}

/// In OpenAPI 3.0 only what has a type can be null; what is not described may be anything.
json nullable(json schema) {
    json& typed = schema.contains("anyOf") ? schema["anyOf"][0] : schema;
    if (typed.contains("type")) typed["nullable"] = true;
    return schema;
}

/// Reads a type from the left.
class TypeText {
public:
    TypeText(std::string_view text, Direction direction) : in_(text), direction_(direction) {}

    json type(int nesting_left) {
        if (nesting_left == 0) return json::object();
        if (in_.take('{')) return fields(nesting_left);
        const auto name = in_.word();
        if (!in_.take('<')) return named_schema(name, direction_);
        auto parts = arguments(nesting_left);
        if (name == "optional" && parts.size() == 1) return nullable(std::move(parts[0]));
        if (name == "list" && parts.size() == 1) return {{"type", "array"}, {"items", std::move(parts[0])}};
        if (name == "map" && parts.size() == 2)
            return {{"type", "object"}, {"additionalProperties", std::move(parts[1])}};
        if (name == "tuple") return list_of(parts);
        return json::object();
    }
    [[nodiscard]] bool at_end() { return in_.at_end(); }

private:
    json arguments(int nesting_left) {
        json parts = json::array();
        do parts.push_back(type(nesting_left - 1));
        while (in_.take(','));
        in_.take('>');
        return parts;
    }

    json fields(int nesting_left) {
        json properties = json::object();
        while (!in_.take('}') && !in_.at_end()) {
            const std::string name{in_.word()};
            if (name.empty() || !in_.take(':')) return json::object();
            properties[name] = type(nesting_left - 1);
            in_.take(',');
        }
        return {{"type", "object"}, {"properties", std::move(properties)}};
    }

    TypeCursor in_;
    Direction direction_;
};

}  // namespace

json schema_of(std::string_view type, Direction direction) {
    constexpr int deepest = 16;
    TypeText text{type, direction};
    auto schema = text.type(deepest);
    return text.at_end() ? schema : json::object();
}

json list_of(const json& schemas) {
    json kinds = json::array();
    for (const auto& schema : schemas)
        if (std::ranges::find(kinds, schema) == kinds.end()) kinds.push_back(schema);
    json items = json::object();
    if (kinds.size() == 1) items = kinds[0];
    if (kinds.size() > 1) items["anyOf"] = std::move(kinds);
    return {{"type", "array"}, {"items", std::move(items)}, {"minItems", schemas.size()}, {"maxItems", schemas.size()}};
}

}  // namespace rpcbroker::openapi
