// What a value looks like in Go: a result's declared type, and where that says too little, the value itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <rpcbroker/pack.hpp>
#include <rpcbroker/result.hpp>

namespace rpcbroker::gob {

/// `open`: as the value is. `record`: a struct whose fields are those of the value. `nothing`: struct{}.
enum class ShapeKind : std::uint8_t {
    open,
    nothing,
    boolean,
    integer,
    unsigned_integer,
    real,
    bytes,
    string,
    slice,
    map,
    record,
    structure
};

struct Shape {
    ShapeKind kind = ShapeKind::open;
    std::vector<Shape>
        parts{};  ///< of a slice its elements'; of a map its keys' and its values'; of a struct its fields'
    std::vector<std::string> names{};  ///< of a struct's fields, as the value has them

    /// Whether nothing is left to be learned from a value.
    [[nodiscard]] bool complete() const;
    bool operator==(const Shape&) const = default;
};

/// A declared type as workers write it: "int", "uint", "float", "bool", "str", "bytes", "nil", "any", "list<int>",
/// "map<str, int>", "optional<int>", "{Quo: int, Rem: int}". "map", and any other name: a struct. It never fails: what is
/// not understood is open.
Shape declared_shape(std::string_view type);

/// `shape`, with what it leaves open taken from `packed`, one MessagePack value. The error (INTERNAL): Go has no such
/// type; a list of numbers and texts, for one.
Result<Shape> completed(const Shape& shape, std::string_view packed);

/// As Go must call a field for anybody to see it: "x" is "X".
std::string exported(std::string_view name);

/// As Go writes the type: "[]int", "map[string]int", "struct { X int }".
std::string name_of(const Shape& shape);

}  // namespace rpcbroker::gob
