// Figures as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace rpcbroker::bench {

/// Three digits at least: 0.0123, 1.23, 12.3, 1234.
std::string three_digits(double value);
/// With commas: 1,234,567.
std::string format_count(std::uint64_t count);
/// In the unit that fits: 900ns, 81.3us, 1.25ms, 2.00s.
std::string format_latency(double nanoseconds);

}  // namespace rpcbroker::bench
