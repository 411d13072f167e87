#include "gateway/gob/encoder.hpp"

#include <vector>

namespace rpcbroker::gob {

namespace {

Error unfit(const Shape& shape, const Unpacker& in) {
    return Error{
        Code::internal,
        "the result has " + std::string{rpcbroker::name_of(in.peek())} + " where its type is " + name_of(shape),
        By::client, Ran::maybe};
}

std::optional<TypeId> built_in(ShapeKind kind) {
    switch (kind) {
    case ShapeKind::boolean: return id_bool;
    case ShapeKind::integer: return id_int;
    case ShapeKind::unsigned_integer: return id_uint;
    case ShapeKind::real: return id_float;
    case ShapeKind::bytes: return id_bytes;
    case ShapeKind::string: return id_string;
    default: return std::nullopt;
    }
}

bool is_struct(ShapeKind kind) { return kind == ShapeKind::structure || kind == ShapeKind::nothing; }

/// The name and the id that every description begins with.
void append_common(Writer& to, std::string_view name, TypeId id) {
    constexpr std::size_t longest = 200;
    to.unsigned_integer(1).unsigned_integer(1).bytes(name.substr(0, longest));
    to.unsigned_integer(1).integer(id).unsigned_integer(0);
}

void append_struct_fields(Writer& to, const Shape& shape, const std::vector<TypeId>& parts) {
    if (parts.empty()) return;
    to.unsigned_integer(1).unsigned_integer(parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i)
        to.unsigned_integer(1)
            .bytes(exported(shape.names[i]))
            .unsigned_integer(1)
            .integer(parts[i])
            .unsigned_integer(0);
}

/// wireType of Go's encoding/gob/type.go.
std::string description(const Shape& shape, std::string_view name, TypeId id, const std::vector<TypeId>& parts) {
    std::string message;
    Writer to{message};
    to.integer(-id);
    to.unsigned_integer(shape.kind == ShapeKind::slice ? 2 : shape.kind == ShapeKind::map ? 4 : 3);
    append_common(to, is_struct(shape.kind) ? std::string_view{} : name, id);
    if (is_struct(shape.kind))
        append_struct_fields(to, shape, parts);
    else
        for (const auto part : parts) to.unsigned_integer(1).integer(part);
    to.unsigned_integer(0).unsigned_integer(0);
    return message;
}

/// False where the value is of another kind. nil is the zero value.
bool write_scalar(Writer& to, ShapeKind kind, Unpacker& in) {
    const bool is_nil = in.take_nil();
    switch (kind) {
    case ShapeKind::boolean: {
        const auto truth = is_nil ? false : in.take_boolean();
        return truth && (to.unsigned_integer(*truth ? 1 : 0), true);
    }
    case ShapeKind::integer: {
        const auto number = is_nil ? 0 : in.take_integer();
        return number && (to.integer(*number), true);
    }
    case ShapeKind::unsigned_integer: {
        const auto number = is_nil ? 0 : in.take_unsigned();
        return number && (to.unsigned_integer(*number), true);
    }
    case ShapeKind::real: {
        if (in.peek() == Kind::integer) {
            const auto whole = in.take_integer();
            const auto number =
                whole ? static_cast<double>(*whole) : static_cast<double>(in.take_unsigned().value_or(0));
            return to.real(number), true;
        }
        const auto number = is_nil ? 0 : in.take_real();
        return number && (to.real(*number), true);
    }
    default: {
        if (is_nil) return to.bytes({}), true;
        const auto bytes = in.peek() == Kind::string ? in.take_string() : in.take_binary();
        return bytes && (to.bytes(*bytes), true);
    }
    }
}

}  // namespace

Result<void> Encoder::append(std::string& out, const Shape& shape, std::string_view packed) {
    const auto id = id_of(out, shape);
    if (!id) return id.error();
    std::string message;
    Writer to{message};
    to.integer(*id);
    if (!is_struct(shape.kind)) to.unsigned_integer(0);
    Unpacker in{packed};
    if (auto written = write(to, shape, in); !written) return written;
    Writer{out}.frame(message);
    return {};
}

Result<TypeId> Encoder::id_of(std::string& out, const Shape& shape) {
    if (const auto known = built_in(shape.kind)) return *known;
    return describe(out, shape);
}

Result<TypeId> Encoder::describe(std::string& out, const Shape& shape) {
    const auto name = name_of(shape);
    if (const auto found = ids_.find(name); found != ids_.end()) return found->second;
    std::vector<TypeId> parts;
    for (const auto& part : shape.parts) {
        auto id = id_of(out, part);
        if (!id) return id;
        parts.push_back(*id);
    }
    if (ids_.size() >= most_types)
        return Error{Code::internal, "the results on this connection have too many types", By::client, Ran::maybe};
    const auto id = id_first_user + 1 + static_cast<TypeId>(ids_.size());
    ids_.emplace(name, id);
    Writer{out}.frame(description(shape, name, id, parts));
    return id;
}

Result<void> Encoder::write(Writer& to, const Shape& shape, Unpacker& in) {
    switch (shape.kind) {
    case ShapeKind::slice: return write_slice(to, shape, in);
    case ShapeKind::map: return write_map(to, shape, in);
    case ShapeKind::structure:
    case ShapeKind::nothing: return write_structure(to, shape, in);
    default: break;
    }
    const auto before = in;
    return write_scalar(to, shape.kind, in) ? Result<void>{} : unfit(shape, before);
}

Result<void> Encoder::write_slice(Writer& to, const Shape& shape, Unpacker& in) {
    const auto size = in.take_nil() ? 0 : in.take_array();
    if (!size) return unfit(shape, in);
    to.unsigned_integer(*size);
    for (std::uint32_t i = 0; i < *size; ++i)
        if (auto written = write(to, shape.parts[0], in); !written) return written;
    return {};
}

Result<void> Encoder::write_map(Writer& to, const Shape& shape, Unpacker& in) {
    const auto size = in.take_nil() ? 0 : in.take_map();
    if (!size) return unfit(shape, in);
    to.unsigned_integer(*size);
    for (std::uint32_t i = 0; i < 2 * *size; ++i)
        if (auto written = write(to, shape.parts[i % 2], in); !written) return written;
    return {};
}

Result<void> Encoder::write_structure(Writer& to, const Shape& shape, Unpacker& in) {
    const auto size = shape.kind == ShapeKind::nothing ? (in.skip_value(), 0) : in.take_nil() ? 0 : in.take_map();
    if (!size) return unfit(shape, in);
    std::unordered_map<std::string_view, std::string_view> values;
    for (std::uint32_t i = 0; i < *size; ++i) {
        const auto name = in.take_string();
        if (!name) in.skip_value();
        const auto value = in.take_value();
        if (name && value) values.emplace(*name, *value);
    }
    std::uint64_t step = 1;
    for (std::size_t i = 0; i < shape.names.size(); ++i, ++step) {
        const auto found = values.find(shape.names[i]);
        if (found == values.end() || Unpacker{found->second}.peek() == Kind::nil) continue;
        to.unsigned_integer(std::exchange(step, 0));
        Unpacker value{found->second};
        if (auto written = write(to, shape.parts[i], value); !written) return written;
    }
    to.unsigned_integer(0);
    return {};
}

}  // namespace rpcbroker::gob
