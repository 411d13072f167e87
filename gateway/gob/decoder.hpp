// Go's encoding/gob, decoded into MessagePack.
//
//     bool, int, uint, float, string    the same
//     []byte, and what a type wrote of itself (time.Time, …)    bytes
//     slice, array    array;    map    map;    struct    map by field names;    pointer    what it points to
//     interface    what is in it
//
// A field that was left out, because it has its zero value, is there with it; one that was a nil pointer is nil. Complex
// numbers, channels and functions are refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <rpcbroker/pack.hpp>
#include <rpcbroker/result.hpp>

#include "gateway/gob/types.hpp"

namespace rpcbroker::gob {

/// The values of one stream. Any bytes are data. After an error the stream makes no sense any more. Not thread-safe.
class Decoder {
public:
    /// `most_bytes`: of MessagePack, for one value.
    explicit Decoder(std::size_t most_bytes) : most_bytes_(most_bytes) {}

    /// A message without its length. Nothing: it described a type, or a value that the next one goes on with. The error: INVALID_ARGUMENT, or RESOURCE_EXHAUSTED.
    Result<std::optional<std::string>> message(std::string_view bytes);

private:
    Result<std::optional<std::string>> whole_message(std::string_view bytes);
    Result<std::optional<std::string>> wait_for_the_rest(std::string_view bytes);
    Result<void> value(TypeId type, Reader& in, int nesting_left);
    Result<void> single(TypeId type, Reader& in, int nesting_left);
    Result<void> scalar(TypeKind kind, Reader& in);
    Result<void> text(std::optional<std::string_view> bytes);
    Result<void> elements(const Type& type, Reader& in, int nesting_left);
    Result<void> entries(const Type& type, Reader& in, int nesting_left);
    Result<void> structure(const Type& type, Reader& in, int nesting_left);
    Result<void> interface(Reader& in, int nesting_left);
    Result<std::optional<TypeId>> concrete_type(Reader& in);
    void zero(TypeId type);

    Types types_;
    std::size_t most_bytes_;
    std::string out_;
    Packer packer_{out_};
    std::string begun_;   ///< of a value that goes on in the next message
    unsigned parts_ = 0;  ///< how many messages it has so far
    bool goes_on_ = false;
};

}  // namespace rpcbroker::gob
