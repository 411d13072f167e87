// The types of a gob stream, as its sender describes them.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include <rpcbroker/result.hpp>

#include "gateway/gob/reader.hpp"

namespace rpcbroker::gob {

using TypeId = std::int64_t;

/// What every stream has without describing it; TypeId of a user's own type is larger than all of these.
enum : TypeId {
    id_bool = 1,
    id_int,
    id_uint,
    id_float,
    id_bytes,
    id_string,
    id_complex,
    id_interface,
    id_first_user = 64
};

/// `opaque`: bytes that a Go type wrote of itself (GobEncoder, encoding.BinaryMarshaler). `text`: the same as text.
enum class TypeKind : std::uint8_t {
    boolean,
    integer,
    unsigned_integer,
    real,
    bytes,
    string,
    complex,
    interface,
    array,
    slice,
    map,
    structure,
    opaque,
    text
};

struct Field {
    std::string name;
    TypeId type = 0;
};

struct Type {
    TypeKind kind = TypeKind::structure;
    TypeId key = 0;            ///< of a map
    TypeId element = 0;        ///< of an array, a slice, a map
    std::uint64_t length = 0;  ///< of an array
    std::vector<Field> fields{};
};

/// The types of one stream. Not thread-safe.
class Types {
public:
    Types();

    /// The description of a type, as it stands behind its id in a message, is moved past. The error: INVALID_ARGUMENT,
    /// or RESOURCE_EXHAUSTED.
    Result<void> define(TypeId id, Reader& in);
    /// The same, and where it was described before, that description stays.
    Result<void> define_again(TypeId id, Reader& in);
    /// Null when nobody described it.
    [[nodiscard]] const Type* find(TypeId id) const;

    static constexpr std::size_t most_types = 1000;
    static constexpr std::size_t most_bytes = 256 * 1024;  ///< of all descriptions

private:
    std::unordered_map<TypeId, Type> types_;
    std::size_t described_bytes_ = 0;
};

/// INVALID_ARGUMENT: what came is no gob that makes sense.
Error malformed(std::string_view what);

}  // namespace rpcbroker::gob
