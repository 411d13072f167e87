// The form in which this project's own programs write requests and responses, read without a detour.
//
// Private to message_read.cpp and its tests: whatever is not exactly of this form is left to the general reader, which
// makes the same of what is.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

#include <rpcbroker/pack.hpp>

#include "common/message.hpp"

namespace rpcbroker::usual {

inline constexpr char five_byte_form = '\xce';

inline std::uint32_t load_u32(const char* at) noexcept {
    const auto byte = [at](int i) { return std::uint32_t{static_cast<std::uint8_t>(at[i])}; };
    return byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
}

inline std::uint64_t load_eight(const char* at) noexcept {
    std::uint64_t eight = 0;
    std::memcpy(&eight, at, 8);
    return eight;
}

inline constexpr std::uint64_t ones = 0x0101'0101'0101'0101;
inline constexpr std::uint64_t high_bits = 0x80 * ones;

/// Whether each of the eight bytes is printable ASCII: the high bit of some byte of this is set if one is over 0x7f, is
/// 0x7f, or is under 0x20 (by borrowing).
constexpr bool are_printable_ascii(std::uint64_t eight) noexcept {
    return ((eight | (eight + ones) | (eight - 0x20 * ones)) & high_bits) == 0;
}

/// Whether one of eight bytes of ASCII is a dot.
constexpr bool holds_dot(std::uint64_t eight) noexcept {
    const std::uint64_t differs = eight ^ (std::uint64_t{'.'} * ones);
    return ((differs - ones) & ~differs & high_bits) != 0;
}

/// Whether it is surely the name of a method. Of 9 to 255 bytes, of ASCII: no other is known as one.
inline bool is_method_name(std::string_view name) noexcept {
    if (name.size() < 9 || name.size() > 255 || name.front() == '.' || name.back() == '.') return false;
    const char* const last = name.data() + name.size() - 8;
    std::uint64_t eight = load_eight(last);
    bool good = are_printable_ascii(eight);
    bool dot = holds_dot(eight);
    for (const char* at = name.data(); at < last; at += 8) {
        eight = load_eight(at);
        good = good && are_printable_ascii(eight);
        dot = dot || holds_dot(eight);
    }
    return good && dot;
}

/// The options that hold a timeout and nothing else, at the end of a request.
inline bool read_timeout(const char* at, const char* end, MessageView& message) noexcept {
    constexpr std::string_view before{"\x81\xa7timeout\xce", 10};
    constexpr std::size_t size = before.size() + 4;
    if (static_cast<std::size_t>(end - at) < size || std::memcmp(at, before.data(), before.size()) != 0) return false;
    const char* const value = at + before.size();
    const auto from_tail = static_cast<std::size_t>(value - message.tail.data());
    if (from_tail > std::numeric_limits<std::uint32_t>::max()) return false;
    message.options_map = {at, size};
    message.options.timeout_ms = load_u32(value);
    message.options.timeout_at = static_cast<std::uint32_t>(from_tail);
    return true;
}

/// `message` is as new, but for what stands before the tail; false leaves it in disorder.
inline bool read_request(Unpacker& in, const char* end, MessageView& message) noexcept {
    if (!in.take(message.method) || !is_method_name(message.method)) return false;
    constexpr auto is_array = [](char byte) { return (static_cast<std::uint8_t>(byte) & 0xf0) == 0x90; };
    if (in.at_end() || !is_array(*in.position()) || !in.take_value(message.params, max_nesting - 1)) return false;
    if (message.elements == 4) return true;
    if (!read_timeout(in.position(), end, message)) return false;
    in = Unpacker({message.options_map.data() + message.options_map.size(), end});
    return true;
}

inline bool read_response(Unpacker& in, MessageView& message) noexcept {
    constexpr char nil = '\xc0';
    if (*in.position() != nil) return false;
    message.error = {in.position(), 1};
    in = Unpacker(in.rest().substr(1));
    return in.take_value(message.result, max_nesting - 1);
}

/// Reads the first message of `bytes` into `message`, which is as new; false where it is not of the usual form, or not in
/// order: then `message` is to be made anew.
inline bool read(std::string_view bytes, MessageView& message) noexcept {
    if (bytes.size() <= usual_head_size || bytes[2] != five_byte_form) return false;
    const auto array = static_cast<std::uint8_t>(bytes[0]);
    const bool request = bytes[1] == 0 && (array == 0x94 || array == 0x95);
    if (!request && (bytes[1] != 1 || array != 0x94)) return false;
    const char* const end = bytes.data() + bytes.size();
    message.type = static_cast<MessageType>(bytes[1]);
    message.elements = array & 0x0f;
    message.msgid = load_u32(bytes.data() + usual_msgid_at);
    message.msgid_at = usual_msgid_at;
    message.tail = bytes.substr(usual_head_size);
    Unpacker in(message.tail);
    if (!(request ? read_request(in, end, message) : read_response(in, message))) return false;
    message.bytes = {bytes.data(), in.position()};
    message.tail = {message.tail.data(), in.position()};
    return true;
}

}  // namespace rpcbroker::usual
