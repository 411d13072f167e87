#include "gateway/gob/types.hpp"

namespace rpcbroker::gob {

namespace {

// wireType of Go's encoding/gob/type.go: which of its fields is there says what the type is.
enum : std::uint32_t { wire_array, wire_slice, wire_struct, wire_map, wire_gob_encoder, wire_binary, wire_text };

bool take_id(Reader& in, TypeId& out) {
    const auto id = in.take_signed();
    if (!id || *id <= 0) return false;
    out = *id;
    return true;
}

/// The name and the id that every description begins with; both are of no use here.
bool skip_common(Reader& in) {
    return in.take_fields([&](std::uint32_t field) {
        return field == 0 ? in.take_bytes().has_value() : field == 1 && in.take_signed().has_value();
    });
}

bool take_field(Reader& in, Field& out) {
    return in.take_fields([&](std::uint32_t field) {
        if (field != 0) return field == 1 && take_id(in, out.type);
        const auto name = in.take_bytes();
        if (name) out.name = *name;
        return name.has_value();
    });
}

bool take_struct_fields(Reader& in, std::vector<Field>& out) {
    const auto size = in.take_unsigned();
    if (!size || *size > in.rest().size()) return false;
    for (std::uint64_t i = 0; i < *size; ++i)
        if (!take_field(in, out.emplace_back())) return false;
    return true;
}

bool take_length(Reader& in, std::uint64_t& out) {
    const auto length = in.take_signed();
    if (!length || *length < 0) return false;
    out = static_cast<std::uint64_t>(*length);
    return true;
}

/// Field `field` of the description of a type that is of kind `type.kind` already.
bool take_part(Reader& in, std::uint32_t field, Type& type) {
    if (field == 0) return skip_common(in);
    switch (type.kind) {
    case TypeKind::array: return field == 1 ? take_id(in, type.element) : field == 2 && take_length(in, type.length);
    case TypeKind::slice: return field == 1 && take_id(in, type.element);
    case TypeKind::map: return field == 1 ? take_id(in, type.key) : field == 2 && take_id(in, type.element);
    case TypeKind::structure: return field == 1 && take_struct_fields(in, type.fields);
    default: return false;
    }
}

std::optional<TypeKind> kind_of(std::uint32_t wire) {
    switch (wire) {
    case wire_array: return TypeKind::array;
    case wire_slice: return TypeKind::slice;
    case wire_struct: return TypeKind::structure;
    case wire_map: return TypeKind::map;
    case wire_gob_encoder:
    case wire_binary: return TypeKind::opaque;
    case wire_text: return TypeKind::text;
    default: return std::nullopt;
    }
}

bool take_type(Reader& in, Type& out) {
    bool found = false;
    const bool read = in.take_fields([&](std::uint32_t wire) {
        const auto kind = kind_of(wire);
        if (!kind || found) return false;
        found = true;
        out.kind = *kind;
        return in.take_fields([&](std::uint32_t field) { return take_part(in, field, out); });
    });
    return read && found;
}

bool is_complete(const Type& type) {
    const bool has_element = type.kind != TypeKind::array && type.kind != TypeKind::slice && type.kind != TypeKind::map;
    if (!has_element && type.element == 0) return false;
    if (type.kind == TypeKind::map && type.key == 0) return false;
    for (const auto& field : type.fields)
        if (field.type == 0) return false;
    return true;
}

}  // namespace

Error malformed(std::string_view what) {
    return Error{Code::invalid_argument, "malformed gob: " + std::string{what}, By::client, Ran::no};
}

Types::Types() {
    const auto add = [this](TypeId id, TypeKind kind) { types_[id].kind = kind; };
    add(id_bool, TypeKind::boolean);
    add(id_int, TypeKind::integer);
    add(id_uint, TypeKind::unsigned_integer);
    add(id_float, TypeKind::real);
    add(id_bytes, TypeKind::bytes);
    add(id_string, TypeKind::string);
    add(id_complex, TypeKind::complex);
    add(id_interface, TypeKind::interface);
}

Result<void> Types::define(TypeId id, Reader& in) {
    if (id < id_first_user || types_.contains(id)) return malformed("a type is described twice");
    Type type;
    const auto before = in.rest().size();
    if (!take_type(in, type) || !is_complete(type)) return malformed("the description of a type makes no sense");
    described_bytes_ += before - in.rest().size();
    if (described_bytes_ > most_bytes || types_.size() >= most_types)
        return Error{Code::resource_exhausted, "too many types on one connection", By::client, Ran::no};
    types_.emplace(id, std::move(type));
    return {};
}

Result<void> Types::define_again(TypeId id, Reader& in) {
    if (id < id_first_user || !types_.contains(id)) return define(id, in);
    Type same;
    return take_type(in, same) ? Result<void>{} : malformed("the description of a type makes no sense");
}

const Type* Types::find(TypeId id) const {
    const auto found = types_.find(id);
    return found == types_.end() ? nullptr : &found->second;
}

}  // namespace rpcbroker::gob
