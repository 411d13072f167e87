#include "client/rpc_bench_format.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace rpcbroker::bench {

std::string three_digits(double value) {
    if (value <= 0) return "0";
    const int magnitude = static_cast<int>(std::floor(std::log10(value)));
    const int decimals = std::clamp(2 - magnitude, 0, 6);
    std::array<char, 64> digits{};
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed, decimals);
    return {digits.data(), end.ptr};
}

std::string format_count(std::uint64_t count) {
    auto digits = std::to_string(count);
    for (auto at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
    return digits;
}

std::string format_latency(double nanoseconds) {
    if (nanoseconds < 1e3) return three_digits(nanoseconds) + "ns";
    if (nanoseconds < 1e6) return three_digits(nanoseconds / 1e3) + "us";
    if (nanoseconds < 1e9) return three_digits(nanoseconds / 1e6) + "ms";
    return three_digits(nanoseconds / 1e9) + "s";
}

}  // namespace rpcbroker::bench
