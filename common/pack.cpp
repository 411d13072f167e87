#include <rpcbroker/pack.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

namespace rpcbroker {
namespace {

/// What the first byte of a value says of the rest.
struct Shape {
    Kind kind = Kind::invalid;
    std::uint8_t length_bytes = 0;  ///< of the length field behind it; 0: the length is `fixed`
    std::uint8_t fixed = 0;         ///< bytes of a scalar, values of an array, pairs of a map
    std::uint8_t type_bytes = 0;    ///< before the data of an extension
};

constexpr Shape shape_of_long_form(unsigned byte) noexcept {
    constexpr std::array<Shape, 0x20> shapes{{
        {Kind::nil, 0, 0, 0},        {},
        {Kind::boolean, 0, 0, 0},    {Kind::boolean, 0, 0, 0},
        {Kind::binary, 1, 0, 0},     {Kind::binary, 2, 0, 0},
        {Kind::binary, 4, 0, 0},     {Kind::extension, 1, 0, 1},
        {Kind::extension, 2, 0, 1},  {Kind::extension, 4, 0, 1},
        {Kind::real, 0, 4, 0},       {Kind::real, 0, 8, 0},
        {Kind::integer, 0, 1, 0},    {Kind::integer, 0, 2, 0},
        {Kind::integer, 0, 4, 0},    {Kind::integer, 0, 8, 0},
        {Kind::integer, 0, 1, 0},    {Kind::integer, 0, 2, 0},
        {Kind::integer, 0, 4, 0},    {Kind::integer, 0, 8, 0},
        {Kind::extension, 0, 1, 1},  {Kind::extension, 0, 2, 1},
        {Kind::extension, 0, 4, 1},  {Kind::extension, 0, 8, 1},
        {Kind::extension, 0, 16, 1}, {Kind::string, 1, 0, 0},
        {Kind::string, 2, 0, 0},     {Kind::string, 4, 0, 0},
        {Kind::array, 2, 0, 0},      {Kind::array, 4, 0, 0},
        {Kind::map, 2, 0, 0},        {Kind::map, 4, 0, 0},
    }};
    return shapes[byte - 0xc0];
}

constexpr Shape shape_of(unsigned byte) noexcept {
    if (byte <= 0x7f || byte >= 0xe0) return {Kind::integer, 0, 0, 0};
    if (byte <= 0x8f) return {Kind::map, 0, static_cast<std::uint8_t>(byte & 0x0f), 0};
    if (byte <= 0x9f) return {Kind::array, 0, static_cast<std::uint8_t>(byte & 0x0f), 0};
    if (byte <= 0xbf) return {Kind::string, 0, static_cast<std::uint8_t>(byte & 0x1f), 0};
    return shape_of_long_form(byte);
}

constexpr auto shapes = [] {
    std::array<Shape, 256> table{};
    for (unsigned byte = 0; byte < table.size(); ++byte) table[byte] = shape_of(byte);
    return table;
}();

constexpr std::uint8_t byte_at(const char* at) noexcept { return static_cast<std::uint8_t>(*at); }

std::uint32_t load_u16(const char* at) noexcept { return std::uint32_t{byte_at(at)} << 8 | byte_at(at + 1); }

std::uint32_t load_u32(const char* at) noexcept {
    return std::uint32_t{byte_at(at)} << 24 | std::uint32_t{byte_at(at + 1)} << 16 |
           std::uint32_t{byte_at(at + 2)} << 8 | byte_at(at + 3);
}

/// `width` bytes, 1, 2, 4 or 8, the first one highest.
std::uint64_t load(const char* at, std::uint64_t width) noexcept {
    switch (width) {
    case 1: return byte_at(at);
    case 2: return load_u16(at);
    case 4: return load_u32(at);
    default: return std::uint64_t{load_u32(at)} << 32 | load_u32(at + 4);
    }
}

/// A value's first byte and length field, read; `size` bytes, values or pairs follow at `payload`, and the bytes (one
/// for each value, at least) are there. `end` where they are not.
struct Head {
    Kind kind = Kind::end;
    const char* payload = nullptr;
    std::uint64_t size = 0;

    [[nodiscard]] bool is_container() const noexcept { return kind == Kind::array || kind == Kind::map; }
    [[nodiscard]] std::uint64_t values() const noexcept { return kind == Kind::map ? 2 * size : size; }
};

Head read_head(const char* at, const char* end) noexcept {
    if (at == end) return {};
    const Shape shape = shapes[byte_at(at)];
    ++at;
    if (end - at < shape.length_bytes) return {};
    Head head{shape.kind, at + shape.length_bytes, shape.fixed};
    if (shape.length_bytes != 0) head.size = load(at, shape.length_bytes);
    head.size += shape.type_bytes;
    if (head.values() > static_cast<std::uint64_t>(end - head.payload)) return {};
    return head;
}

/// As two's complement in `bits`.
struct Integer {
    std::uint64_t bits = 0;
    bool negative = false;
};

Integer sign_extended(std::int64_t value) noexcept { return {static_cast<std::uint64_t>(value), value < 0}; }

Integer decode_signed(const char* payload, std::uint64_t size) noexcept {
    const auto bits = load(payload, size);
    switch (size) {
    case 1: return sign_extended(static_cast<std::int8_t>(bits));
    case 2: return sign_extended(static_cast<std::int16_t>(bits));
    case 4: return sign_extended(static_cast<std::int32_t>(bits));
    default: return sign_extended(static_cast<std::int64_t>(bits));
    }
}

/// `head` is that of the integer at `at`.
Integer decode_integer(const char* at, const Head& head) noexcept {
    const auto first = byte_at(at);
    if (head.size == 0) return sign_extended(static_cast<std::int8_t>(first));
    if (first >= 0xd0) return decode_signed(head.payload, head.size);
    return {load(head.payload, head.size), false};
}

/// The length of the well-formed sequence that starts at `at`; 0 if there is none. `at` is not ASCII.
std::size_t utf8_sequence(const char* at, std::size_t left) noexcept {
    const auto first = byte_at(at);
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || left < length) return 0;
    // The second byte is what keeps out overlong forms, surrogates and what lies over U+10FFFF.
    const unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (byte_at(at + 1) < low || byte_at(at + 1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if ((byte_at(at + i) & 0xc0) != 0x80) return 0;
    }
    return length;
}

}  // namespace

// --- Packer ----------------------------------------------------------------------------------------------------------

template <class T>
void Packer::headed(std::uint8_t head, T value) {
    std::array<char, 1 + sizeof(T)> bytes{};
    bytes[0] = static_cast<char>(head);
    for (std::size_t i = 0; i < sizeof(T); ++i) bytes[sizeof(T) - i] = static_cast<char>(value >> (8 * i) & 0xff);
    out_->append(bytes.data(), bytes.size());
}

Packer& Packer::nil() {
    head(0xc0);
    return *this;
}

Packer& Packer::boolean(bool value) {
    head(value ? 0xc3 : 0xc2);
    return *this;
}

Packer& Packer::integer(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    if (value >= 0) return unsigned_integer(bits);
    if (value >= -32) {
        head(static_cast<std::uint8_t>(bits));
    } else if (value >= std::numeric_limits<std::int8_t>::min()) {
        headed(0xd0, static_cast<std::uint8_t>(bits));
    } else if (value >= std::numeric_limits<std::int16_t>::min()) {
        headed(0xd1, static_cast<std::uint16_t>(bits));
    } else if (value >= std::numeric_limits<std::int32_t>::min()) {
        headed(0xd2, static_cast<std::uint32_t>(bits));
    } else {
        headed(0xd3, bits);
    }
    return *this;
}

Packer& Packer::unsigned_integer(std::uint64_t value) {
    if (value <= 0x7f) {
        head(static_cast<std::uint8_t>(value));
    } else if (value <= 0xff) {
        headed(0xcc, static_cast<std::uint8_t>(value));
    } else if (value <= 0xffff) {
        headed(0xcd, static_cast<std::uint16_t>(value));
    } else if (value <= 0xffff'ffff) {
        headed(0xce, static_cast<std::uint32_t>(value));
    } else {
        headed(0xcf, value);
    }
    return *this;
}

Packer& Packer::fixed_u32(std::uint32_t value) {
    headed(0xce, value);
    return *this;
}

Packer& Packer::real(double value) {
    headed(0xcb, std::bit_cast<std::uint64_t>(value));
    return *this;
}

Packer& Packer::real(float value) {
    headed(0xca, std::bit_cast<std::uint32_t>(value));
    return *this;
}

Packer& Packer::string(std::string_view value) {
    if (value.size() <= 0x1f) {
        head(static_cast<std::uint8_t>(0xa0 | value.size()));
    } else if (value.size() <= 0xff) {
        headed(0xd9, static_cast<std::uint8_t>(value.size()));
    } else {
        long_head(0xda, value.size());
    }
    return raw(value);
}

Packer& Packer::binary(std::string_view value) {
    if (value.size() <= 0xff) {
        headed(0xc4, static_cast<std::uint8_t>(value.size()));
    } else {
        long_head(0xc5, value.size());
    }
    return raw(value);
}

Packer& Packer::array(std::size_t size) {
    if (size <= 0x0f) {
        head(static_cast<std::uint8_t>(0x90 | size));
    } else {
        long_head(0xdc, size);
    }
    return *this;
}

Packer& Packer::map(std::size_t size) {
    if (size <= 0x0f) {
        head(static_cast<std::uint8_t>(0x80 | size));
    } else {
        long_head(0xde, size);
    }
    return *this;
}

Packer& Packer::raw(std::string_view value) {
    out_->append(value);
    return *this;
}

void Packer::long_head(std::uint8_t head_of_16, std::size_t size) {
    if (size <= 0xffff) {
        headed(head_of_16, static_cast<std::uint16_t>(size));
    } else {
        headed(static_cast<std::uint8_t>(head_of_16 + 1), static_cast<std::uint32_t>(size));
    }
}

// --- Unpacker --------------------------------------------------------------------------------------------------------

std::string_view name_of(Kind kind) noexcept {
    switch (kind) {
    case Kind::end: return "nothing";
    case Kind::nil: return "nil";
    case Kind::boolean: return "bool";
    case Kind::integer: return "int";
    case Kind::real: return "float";
    case Kind::string: return "str";
    case Kind::binary: return "bytes";
    case Kind::array: return "list";
    case Kind::map: return "map";
    case Kind::extension: return "ext";
    case Kind::invalid: break;
    }
    return "invalid";
}

Kind Unpacker::peek() const noexcept { return at_end() ? Kind::end : shapes[byte_at(at_)].kind; }

bool Unpacker::take_nil() noexcept {
    if (peek() != Kind::nil) return false;
    ++at_;
    return true;
}

std::optional<bool> Unpacker::take_boolean() noexcept {
    if (peek() != Kind::boolean) return std::nullopt;
    return byte_at(at_++) == 0xc3;
}

std::optional<std::int64_t> Unpacker::take_integer() noexcept {
    const Head head = read_head(at_, end_);
    if (head.kind != Kind::integer) return std::nullopt;
    const Integer value = decode_integer(at_, head);
    if (!value.negative && value.bits > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) return std::nullopt;
    at_ = head.payload + head.size;
    return static_cast<std::int64_t>(value.bits);
}

std::optional<double> Unpacker::take_real() noexcept {
    const Head head = read_head(at_, end_);
    if (head.kind != Kind::real) return std::nullopt;
    at_ = head.payload + head.size;
    if (head.size == 4) return std::bit_cast<float>(load_u32(head.payload));
    return std::bit_cast<double>(load(head.payload, 8));
}

std::optional<std::string_view> Unpacker::take_binary() noexcept {
    std::string_view value;
    return take_long(Kind::binary, value) ? std::optional(value) : std::nullopt;
}

std::optional<std::uint64_t> Unpacker::take_unsigned() noexcept {
    std::uint64_t value = 0;
    return take(value) ? std::optional(value) : std::nullopt;
}

std::optional<std::string_view> Unpacker::take_string() noexcept {
    std::string_view value;
    return take(value) ? std::optional(value) : std::nullopt;
}

std::optional<std::uint32_t> Unpacker::take_array() noexcept {
    std::uint32_t size = 0;
    return take_array(size) ? std::optional(size) : std::nullopt;
}

std::optional<std::uint32_t> Unpacker::take_map() noexcept {
    std::uint32_t size = 0;
    return take_map(size) ? std::optional(size) : std::nullopt;
}

std::optional<std::string_view> Unpacker::take_value(int nesting_left) noexcept {
    std::string_view value;
    return take_value(value, nesting_left) ? std::optional(value) : std::nullopt;
}

bool Unpacker::take_long_unsigned(std::uint64_t& out) noexcept {
    if (left() >= 5 && first() == 0xce) {  // as msgids and timeouts are written
        out = load_u32(at_ + 1);
        at_ += 5;
        return true;
    }
    const Head head = read_head(at_, end_);
    if (head.kind != Kind::integer) return false;
    const Integer value = decode_integer(at_, head);
    if (value.negative) return false;
    at_ = head.payload + head.size;
    out = value.bits;
    return true;
}

bool Unpacker::take_long(Kind kind, std::string_view& out) noexcept {
    const Head head = read_head(at_, end_);
    if (head.kind != kind) return false;
    at_ = head.payload + head.size;
    out = {head.payload, static_cast<std::size_t>(head.size)};
    return true;
}

bool Unpacker::take_long_head(Kind kind, std::uint32_t& out) noexcept {
    const Head head = read_head(at_, end_);
    if (head.kind != kind) return false;
    at_ = head.payload;
    out = static_cast<std::uint32_t>(head.size);
    return true;
}

bool Unpacker::skip_long(int nesting_left) noexcept {
    const auto limit = static_cast<std::size_t>(std::clamp(nesting_left, 0, max_nesting));
    std::uint64_t missing[max_nesting];  // values, of each array or map that is open
    std::size_t open = 0;
    const char* at = at_;
    while (true) {
        const Head head = read_head(at, end_);
        if (head.kind == Kind::end || head.kind == Kind::invalid) return false;
        at = head.payload;
        if (!head.is_container()) {
            at += head.size;
        } else if (open == limit) {
            return false;
        } else {
            missing[open++] = head.values();
        }
        while (open > 0 && missing[open - 1] == 0) --open;
        if (open == 0) break;
        --missing[open - 1];
    }
    at_ = at;
    return true;
}

// --- UTF-8 -----------------------------------------------------------------------------------------------------------

bool is_utf8(std::string_view text) noexcept {
    constexpr std::uint64_t high_bits = 0x8080'8080'8080'8080;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at != end) {
        std::uint64_t eight = 0;
        if (end - at >= 8 && (std::memcpy(&eight, at, 8), (eight & high_bits) == 0)) {
            at += 8;
        } else if (byte_at(at) < 0x80) {
            ++at;
        } else if (const auto length = utf8_sequence(at, static_cast<std::size_t>(end - at))) {
            at += length;
        } else {
            return false;
        }
    }
    return true;
}

}  // namespace rpcbroker
