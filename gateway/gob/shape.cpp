#include "gateway/gob/shape.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "gateway/type_cursor.hpp"

namespace rpcbroker::gob {

namespace {

Error no_type(std::string_view what) {
    return Error{Code::internal, "the result has no type in Go: " + std::string{what}, By::client, Ran::maybe};
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }

bool is_identifier(std::string_view name) {
    const auto rest = [](char c) { return is_letter(c) || (c >= '0' && c <= '9'); };
    return !name.empty() && is_letter(name[0]) && name[0] != '_' && std::ranges::all_of(name, rest);
}

/// What both are; false where there is no such shape.
bool unify(Shape& into, const Shape& other);

bool unify_structs(Shape& into, const Shape& other) {
    for (std::size_t i = 0; i < other.names.size(); ++i) {
        const auto found = std::ranges::find(into.names, other.names[i]);
        const auto at = static_cast<std::size_t>(found - into.names.begin());
        if (found == into.names.end()) {
            into.names.push_back(other.names[i]);
            into.parts.push_back(other.parts[i]);
        } else if (!unify(into.parts[at], other.parts[i])) {
            return false;
        }
    }
    return true;
}

bool is_number(ShapeKind kind) {
    return kind == ShapeKind::integer || kind == ShapeKind::unsigned_integer || kind == ShapeKind::real;
}

bool unify(Shape& into, const Shape& other) {
    if (other.kind == ShapeKind::open || into == other) return true;
    if (into.kind == ShapeKind::open) return into = other, true;
    if (is_number(into.kind) && is_number(other.kind)) {
        if (into.kind != other.kind && into.kind != ShapeKind::real) into.kind = std::max(into.kind, other.kind);
        return true;
    }
    if (into.kind != other.kind || into.parts.empty() || other.parts.empty()) return false;
    if (into.kind == ShapeKind::structure) return unify_structs(into, other);
    for (std::size_t i = 0; i < into.parts.size(); ++i)
        if (!unify(into.parts[i], other.parts[i])) return false;
    return true;
}

Result<Shape> learn(const Shape& shape, Unpacker& in);

Result<Shape> learn_slice(const Shape& element, Unpacker& in) {
    const auto size = in.take_array();
    if (!size) return no_type("a list was declared");
    Shape slice{ShapeKind::slice, {Shape{}}};
    for (std::uint32_t i = 0; i < *size; ++i) {
        auto part = learn(element, in);
        if (!part) return part;
        if (!unify(slice.parts[0], *part)) return no_type("a list of values of different types");
    }
    return slice;
}

struct Entries {
    Shape keys;
    Shape values;
    Shape as_struct{ShapeKind::structure};
    bool alike = true;        ///< all values have one shape
    bool identifiers = true;  ///< all keys could be names of fields
    bool capitals = true;
};

Result<void> learn_entry(Entries& entries, const Shape& key, const Shape& value, Unpacker& in) {
    const auto before = in;
    const auto key_shape = learn(key, in);
    if (!key_shape) return key_shape.error();
    if (!unify(entries.keys, *key_shape)) return no_type("a map with keys of different types");
    auto value_shape = learn(value, in);
    if (!value_shape) return value_shape.error();
    entries.alike = entries.alike && unify(entries.values, *value_shape);
    const auto name = Unpacker{before}.take_string().value_or("");
    constexpr std::size_t most_fields = 1000;
    entries.identifiers = entries.identifiers && is_identifier(name) && entries.as_struct.names.size() < most_fields;
    entries.capitals = entries.capitals && !name.empty() && is_capital(name[0]);
    if (value_shape->kind == ShapeKind::open || !entries.identifiers) return {};  // nil: Go leaves it out
    entries.as_struct.names.emplace_back(name);
    entries.as_struct.parts.push_back(std::move(*value_shape));
    return {};
}

Result<Shape> learn_entries(const Shape& shape, Unpacker& in) {
    const auto size = in.take_map();
    if (!size) return no_type("a map was declared");
    const bool is_map = shape.kind == ShapeKind::map;
    Entries entries;
    for (std::uint32_t i = 0; i < *size; ++i) {
        const auto open = Shape{};
        auto read = learn_entry(entries, is_map ? shape.parts[0] : open, is_map ? shape.parts[1] : open, in);
        if (!read) return read.error();
    }
    const bool is_record = shape.kind == ShapeKind::record || (*size > 0 && (entries.capitals || !entries.alike));
    if (!is_map && is_record && entries.identifiers) return std::move(entries.as_struct);
    if (!entries.alike) return no_type("a map of values of different types");
    return Shape{ShapeKind::map, {std::move(entries.keys), std::move(entries.values)}};
}

Result<Shape> learn_structure(const Shape& shape, Unpacker& in) {
    Shape learned = shape;
    const auto size = in.take_map();
    if (!size) return no_type("a struct was declared");
    for (std::uint32_t i = 0; i < *size; ++i) {
        const auto name = in.take_string();
        const auto found = std::ranges::find(shape.names, name.value_or(""));
        if (!name || found == shape.names.end()) {
            if (!name) in.skip_value();
            in.skip_value();
            continue;
        }
        const auto at = static_cast<std::size_t>(found - shape.names.begin());
        auto part = learn(shape.parts[at], in);
        if (!part) return part;
        learned.parts[at] = std::move(*part);
    }
    return learned;
}

Result<Shape> learn_open(const Shape& shape, Unpacker& in) {
    const auto take = [&in](ShapeKind kind) {
        in.skip_value();
        return Shape{kind};
    };
    switch (in.peek()) {
    case Kind::nil: return take(ShapeKind::open);
    case Kind::boolean: return take(ShapeKind::boolean);
    case Kind::integer:
        return Unpacker{in}.take_integer() ? take(ShapeKind::integer) : take(ShapeKind::unsigned_integer);
    case Kind::real: return take(ShapeKind::real);
    case Kind::string: return take(ShapeKind::string);
    case Kind::binary: return take(ShapeKind::bytes);
    case Kind::array: return learn_slice(Shape{}, in);
    case Kind::map: return learn_entries(shape, in);
    default: return no_type("an extension");
    }
}

Result<Shape> learn(const Shape& shape, Unpacker& in) {
    if (in.peek() == Kind::nil || shape.complete()) {
        in.skip_value();
        return shape;
    }
    switch (shape.kind) {
    case ShapeKind::slice: return learn_slice(shape.parts[0], in);
    case ShapeKind::map:
    case ShapeKind::record: return learn_entries(shape, in);
    case ShapeKind::structure: return learn_structure(shape, in);
    default: return learn_open(shape, in);
    }
}

/// What a value, an empty list or nil, left open is something all the same.
void settle(Shape& shape) {
    for (auto& part : shape.parts) settle(part);
    if (shape.kind == ShapeKind::record) shape.kind = ShapeKind::nothing;
    if (shape.kind != ShapeKind::open) return;
    shape.kind = ShapeKind::string;
}

/// Parses a declared type.
class TypeText {
public:
    explicit TypeText(std::string_view text) : in_(text) {}

    Shape type(int nesting_left) {
        if (nesting_left == 0) return {};
        if (in_.take('{')) return fields(nesting_left);
        const auto name = in_.word();
        auto parts = in_.take('<') ? arguments(nesting_left) : std::vector<Shape>{};
        if (name == "optional" && parts.size() == 1) return std::move(parts[0]);
        if (name == "list") return {ShapeKind::slice, {parts.size() == 1 ? std::move(parts[0]) : Shape{}}};
        if (name == "map" && parts.size() == 2) return {ShapeKind::map, std::move(parts)};
        if (name == "tuple") return {ShapeKind::slice, {Shape{}}};
        return named(name);
    }

private:
    static Shape named(std::string_view name) {
        static constexpr std::array<std::pair<std::string_view, ShapeKind>, 9> kinds{{
            {"", ShapeKind::open},
            {"any", ShapeKind::open},
            {"nil", ShapeKind::nothing},
            {"bool", ShapeKind::boolean},
            {"int", ShapeKind::integer},
            {"uint", ShapeKind::unsigned_integer},
            {"float", ShapeKind::real},
            {"str", ShapeKind::string},
            {"bytes", ShapeKind::bytes},
        }};
        const auto* const found = std::ranges::find(kinds, name, &decltype(kinds)::value_type::first);
        return {found == kinds.end() ? ShapeKind::record : found->second};
    }

    std::vector<Shape> arguments(int nesting_left) {
        std::vector<Shape> parts;
        do parts.push_back(type(nesting_left - 1));
        while (in_.take(','));
        in_.take('>');
        return parts;
    }

    Shape fields(int nesting_left) {
        Shape shape{ShapeKind::structure};
        while (!in_.take('}') && !in_.at_end()) {
            const auto name = in_.word();
            if (!is_identifier(name) || !in_.take(':')) return {};
            shape.names.emplace_back(name);
            shape.parts.push_back(type(nesting_left - 1));
            in_.take(',');
        }
        return shape.names.empty() ? Shape{ShapeKind::nothing} : shape;
    }

    TypeCursor in_;
};

}  // namespace

bool Shape::complete() const {
    return kind != ShapeKind::open && kind != ShapeKind::record && std::ranges::all_of(parts, &Shape::complete);
}

Shape declared_shape(std::string_view type) {
    constexpr int deepest = 16;
    return TypeText{type}.type(deepest);
}

Result<Shape> completed(const Shape& shape, std::string_view packed) {
    Unpacker in{packed};
    const bool is_nil = in.peek() == Kind::nil;
    auto learned = learn(shape, in);
    if (!learned) return learned;
    if (is_nil && !shape.complete()) return Shape{ShapeKind::nothing};
    settle(*learned);
    return learned;
}

std::string exported(std::string_view name) {
    std::string capital{name};
    if (!capital.empty() && capital[0] >= 'a' && capital[0] <= 'z')
        capital[0] = static_cast<char>(capital[0] - 'a' + 'A');
    return capital;
}

std::string name_of(const Shape& shape) {
    switch (shape.kind) {
    case ShapeKind::boolean: return "bool";
    case ShapeKind::integer: return "int";
    case ShapeKind::unsigned_integer: return "uint";
    case ShapeKind::real: return "float64";
    case ShapeKind::bytes: return "[]uint8";
    case ShapeKind::string: return "string";
    case ShapeKind::slice: return "[]" + name_of(shape.parts[0]);
    case ShapeKind::map: return "map[" + name_of(shape.parts[0]) + "]" + name_of(shape.parts[1]);
    case ShapeKind::structure: break;
    default: return "struct {}";
    }
    std::string text = "struct {";
    for (std::size_t i = 0; i < shape.names.size(); ++i)
        text += (i > 0 ? "; " : " ") + exported(shape.names[i]) + " " + name_of(shape.parts[i]);
    return text + " }";
}

}  // namespace rpcbroker::gob
