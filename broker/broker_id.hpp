// How a broker is told from another, and from itself before it was started again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rpcbroker::broker {

/// Sixteen hexadecimal digits from random bits. The first is a letter: ids of workers begin like that of their broker, and
/// people copy them to command lines, where 898e-1 would be a number.
inline std::string broker_id(std::uint64_t bits) {
    constexpr std::string_view digits = "0123456789abcdef";
    constexpr std::string_view letters = "abcdef";
    std::string id{letters[bits % letters.size()]};
    for (bits /= letters.size(); id.size() < 16; bits >>= 4) id.push_back(digits[bits & 15]);
    return id;
}

}  // namespace rpcbroker::broker
