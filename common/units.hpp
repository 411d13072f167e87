// Durations and sizes as people write them: 250ms, 5s, 2m, 24h; 512B, 64KiB, 16MiB, 1GiB.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <rpcbroker/result.hpp>

namespace rpcbroker {

/// A whole or decimal number and one of us, ms, s, m, h; or a bare 0. The error says what would be right.
Result<std::chrono::microseconds> parse_duration(std::string_view text);
/// The largest unit that writes it as a whole number: 1500ms, 2s, 3m.
std::string format_duration(std::chrono::microseconds duration);

/// A whole or decimal number and one of B, KiB, MiB, GiB, KB, MB, GB; or a bare number of bytes.
Result<std::uint64_t> parse_size(std::string_view text);
/// The largest binary unit that writes it as a whole number: 64KiB.
std::string format_size(std::uint64_t bytes);

}  // namespace rpcbroker
