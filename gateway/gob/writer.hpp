// The numbers and texts of Go's encoding/gob, written by appending.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace rpcbroker::gob {

/// Appends to a string that the caller owns and keeps alive.
class Writer {
public:
    explicit Writer(std::string& out) noexcept : out_(&out) {}

    Writer& unsigned_integer(std::uint64_t value) {
        if (value < 0x80) return byte(value);
        const auto bytes = static_cast<unsigned>(std::bit_width(value) + 7) / 8;
        byte(0x100 - bytes);
        for (unsigned i = bytes; i-- > 0;) byte(value >> (8 * i));
        return *this;
    }
    Writer& integer(std::int64_t value) {
        const auto bits = static_cast<std::uint64_t>(value);
        return unsigned_integer(value < 0 ? (~bits << 1) | 1 : bits << 1);
    }
    Writer& real(double value) { return unsigned_integer(__builtin_bswap64(std::bit_cast<std::uint64_t>(value))); }
    Writer& bytes(std::string_view value) {
        unsigned_integer(value.size());
        out_->append(value);
        return *this;
    }
    /// A message: its length, then itself.
    Writer& frame(std::string_view message) { return bytes(message); }

private:
    Writer& byte(std::uint64_t value) {
        out_->push_back(static_cast<char>(static_cast<unsigned char>(value)));
        return *this;
    }
    std::string* out_;
};

}  // namespace rpcbroker::gob
