// Bytes as tests quote them: "94 00 ce00000007".
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rpcbroker::test {

/// Spaces are passed over. What is not hexadecimal is a mistake in the test: it becomes no byte.
inline std::string from_hex(std::string_view hex) {
    std::string digits;
    for (const char digit : hex) {
        if (digit != ' ') digits.push_back(digit);
    }
    std::string bytes;
    for (std::size_t at = 0; at + 2 <= digits.size(); at += 2) {
        std::uint8_t byte = 0;
        const char* const start = digits.data() + at;
        if (std::from_chars(start, start + 2, byte, 16).ptr == start + 2) bytes.push_back(static_cast<char>(byte));
    }
    return bytes;
}

inline std::string to_hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    for (const char byte : bytes) {
        const auto value = static_cast<std::uint8_t>(byte);
        hex.push_back(digits[value >> 4]);
        hex.push_back(digits[value & 0x0f]);
    }
    return hex;
}

}  // namespace rpcbroker::test
