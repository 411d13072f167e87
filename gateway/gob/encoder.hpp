// MessagePack, encoded as Go's encoding/gob.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include <rpcbroker/pack.hpp>
#include <rpcbroker/result.hpp>

#include "gateway/gob/shape.hpp"
#include "gateway/gob/types.hpp"
#include "gateway/gob/writer.hpp"

namespace rpcbroker::gob {

/// The values of one stream: each type is described before its first value. Not thread-safe.
class Encoder {
public:
    /// Appends messages to `out` for `packed`, one MessagePack value, as what `shape` says; it must be complete. The error
    /// (INTERNAL): it is something else; `out` then has no value, but may have descriptions, and the stream goes on.
    Result<void> append(std::string& out, const Shape& shape, std::string_view packed);

    static constexpr std::size_t most_types = 1000;

private:
    Result<TypeId> id_of(std::string& out, const Shape& shape);
    Result<TypeId> describe(std::string& out, const Shape& shape);
    Result<void> write(Writer& to, const Shape& shape, Unpacker& in);
    Result<void> write_slice(Writer& to, const Shape& shape, Unpacker& in);
    Result<void> write_map(Writer& to, const Shape& shape, Unpacker& in);
    Result<void> write_structure(Writer& to, const Shape& shape, Unpacker& in);

    std::unordered_map<std::string, TypeId> ids_;
};

}  // namespace rpcbroker::gob
