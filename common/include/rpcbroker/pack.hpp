// MessagePack, read in place and written by appending: a cursor and a writer without allocation of their own.
//
// For user types see convert.hpp; this is what that, and the messages of the protocol, are made of. Format:
// https://github.com/msgpack/msgpack/blob/master/spec.md. Not thread-safe; use one per thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rpcbroker {

/// Values nested deeper than this are malformed (docs/PROTOCOL.md, "Limits").
inline constexpr int max_nesting = 64;

/// Appends values to a string that the caller owns and keeps alive. Numbers take their shortest form.
class Packer {
public:
    explicit Packer(std::string& out) noexcept : out_(&out) {}

    Packer& nil();
    Packer& boolean(bool value);
    Packer& integer(std::int64_t value);
    Packer& unsigned_integer(std::uint64_t value);
    /// The five-byte form 0xce, which a later hop can rewrite in place.
    Packer& fixed_u32(std::uint32_t value);
    Packer& real(double value);
    Packer& real(float value);
    Packer& string(std::string_view value);
    Packer& binary(std::string_view value);
    /// The head only: `size` values must follow.
    Packer& array(std::size_t size);
    /// The head only: `size` pairs of key and value must follow.
    Packer& map(std::size_t size);
    /// `value` is one or more complete MessagePack values, taken as they are.
    Packer& raw(std::string_view value);

    [[nodiscard]] std::string& out() noexcept { return *out_; }

private:
    void head(std::uint8_t byte) { out_->push_back(static_cast<char>(byte)); }
    template <class T>
    void headed(std::uint8_t head, T value);  ///< `head`, then `value` as big-endian bytes
    void long_head(std::uint8_t head_of_16, std::size_t size);
    std::string* out_;
};

enum class Kind : std::uint8_t { end, nil, boolean, integer, real, string, binary, array, map, extension, invalid };

/// What error messages call it: "nil", "bool", "int", "float", "str", "bytes", "list", "map", "ext".
std::string_view name_of(Kind kind) noexcept;

/// A cursor over bytes that the caller keeps alive. Every take_… moves past one value (of an array or map: its head)
/// and returns it, or returns nothing and stays where it is when the next value is of another kind, does not fit, or is
/// cut off. Views that it returns point into those bytes. It never reads past their end, whatever they hold.
class Unpacker {
public:
    explicit Unpacker(std::string_view bytes) noexcept : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    /// The kind of the next value by its first byte; `end` when nothing is left, `invalid` for 0xc1.
    [[nodiscard]] Kind peek() const noexcept;
    [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }
    [[nodiscard]] std::string_view rest() const noexcept { return {at_, static_cast<std::size_t>(end_ - at_)}; }
    [[nodiscard]] const char* position() const noexcept { return at_; }

    bool take_nil() noexcept;
    std::optional<bool> take_boolean() noexcept;
    /// Any integer that fits, of either signedness on the wire.
    std::optional<std::int64_t> take_integer() noexcept;
    std::optional<std::uint64_t> take_unsigned() noexcept;
    /// Floats of both widths; integers are not taken.
    std::optional<double> take_real() noexcept;
    /// Not checked for UTF-8: see is_utf8.
    std::optional<std::string_view> take_string() noexcept;
    std::optional<std::string_view> take_binary() noexcept;
    /// The number of values that follow. More than bytes are left for (one a value): nothing, so that a bomb
    /// reserves no memory.
    std::optional<std::uint32_t> take_array() noexcept;
    /// The number of pairs that follow, with the same check (two bytes a pair).
    std::optional<std::uint32_t> take_map() noexcept;
    /// One whole value of any kind, as its bytes. Iterative. Nothing when it is malformed, cut off or nested deeper
    /// than max_nesting (a scalar has nesting 0, [] has 1).
    std::optional<std::string_view> take_value(int nesting_left = max_nesting) noexcept;
    /// Moves past what take_value would return; false where that returns nothing.
    bool skip_value(int nesting_left = max_nesting) noexcept;

    /// The same for hot loops, where the compilers at hand pass an optional through memory at some cost: false, and
    /// `out` as it was, where the others return nothing.
    bool take(std::uint64_t& out) noexcept;
    bool take(std::string_view& out) noexcept;  ///< a string
    bool take_array(std::uint32_t& out) noexcept;
    bool take_map(std::uint32_t& out) noexcept;
    bool take_value(std::string_view& out, int nesting_left = max_nesting) noexcept;

private:
    // The short forms, which nearly all values of the protocol have, are read inline; the others, and all that is cut
    // off, by the take_long… functions.
    [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
    [[nodiscard]] unsigned first() const noexcept { return static_cast<unsigned char>(*at_); }
    /// Moves past the next value if it is nil, a bool, a one-byte integer or a short string.
    bool skip_short() noexcept;
    bool skip_flat(int nesting_left) noexcept;
    bool skip_long(int nesting_left) noexcept;
    bool take_long_unsigned(std::uint64_t& out) noexcept;
    bool take_long(Kind kind, std::string_view& out) noexcept;
    bool take_long_head(Kind kind, std::uint32_t& out) noexcept;
    const char* at_;
    const char* end_;
};

inline bool Unpacker::take(std::uint64_t& out) noexcept {
    if (at_end() || first() > 0x7f) return take_long_unsigned(out);
    out = first();
    ++at_;
    return true;
}

inline bool Unpacker::take(std::string_view& out) noexcept {
    if (at_end() || (first() & 0xe0) != 0xa0) return take_long(Kind::string, out);
    const std::size_t size = first() & 0x1f;
    if (size >= left()) return false;
    out = {at_ + 1, size};
    at_ += 1 + size;
    return true;
}

inline bool Unpacker::take_array(std::uint32_t& out) noexcept {
    if (at_end() || (first() & 0xf0) != 0x90 || (first() & 0x0f) >= left()) return take_long_head(Kind::array, out);
    out = first() & 0x0f;
    ++at_;
    return true;
}

inline bool Unpacker::take_map(std::uint32_t& out) noexcept {
    if (at_end() || (first() & 0xf0) != 0x80 || (first() & 0x0f) * 2 >= left()) return take_long_head(Kind::map, out);
    out = first() & 0x0f;
    ++at_;
    return true;
}

inline bool Unpacker::skip_short() noexcept {
    if (at_end()) return false;
    const unsigned byte = first();
    if ((byte & 0xe0) == 0xa0) {
        const std::size_t size = byte & 0x1f;
        if (size >= left()) return false;
        at_ += 1 + size;
        return true;
    }
    if (byte > 0x7f && byte < 0xe0 && byte != 0xc0 && (byte & 0xfe) != 0xc2) return false;
    ++at_;
    return true;
}

/// Most parameters are a short array of short values: those are passed without any bookkeeping.
inline bool Unpacker::skip_flat(int nesting_left) noexcept {
    if (nesting_left < 1 || at_end() || (first() & 0xf0) != 0x90) return false;
    const char* const start = at_;
    unsigned values = first() & 0x0f;
    for (++at_; values > 0 && skip_short(); --values) {
    }
    if (values == 0) return true;
    at_ = start;
    return false;
}

inline bool Unpacker::skip_value(int nesting_left) noexcept {
    return skip_flat(nesting_left) || skip_long(nesting_left);
}

inline bool Unpacker::take_value(std::string_view& out, int nesting_left) noexcept {
    const char* const start = at_;
    if (!skip_short() && !skip_value(nesting_left)) return false;
    out = {start, static_cast<std::size_t>(at_ - start)};
    return true;
}

/// Whether `text` is well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF).
bool is_utf8(std::string_view text) noexcept;

}  // namespace rpcbroker
