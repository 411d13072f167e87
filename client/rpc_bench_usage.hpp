// What processes use, as /proc tells.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rpcbroker::bench {

/// Of one process: since its start, or between two looks.
struct Usage {
    std::chrono::microseconds user{0};
    std::chrono::microseconds system{0};
    std::uint64_t peak_memory = 0;  ///< bytes that were resident at once; since forget_peak() or the start
};

struct ProcessUsage {
    std::string name;
    pid_t pid = 0;
    Usage usage;
};

/// Adds what `stat` (a /proc/PID/stat) says of CPU time and `status` (a /proc/PID/status) of memory. Nothing where they
/// are not that.
std::optional<Usage> parse_usage(std::string_view stat, std::string_view status, long ticks_a_second);

/// Nothing when there is no such process any more.
std::optional<Usage> read_usage(pid_t pid);
/// Lets the process's peak of memory begin anew, where the system allows that.
void forget_peak(pid_t pid);

/// What was used between two looks at the same processes, in the same order. Those that ended meanwhile keep what
/// `before` has of memory.
std::vector<ProcessUsage> usage_between(const std::vector<ProcessUsage>& before, std::vector<ProcessUsage> after);

}  // namespace rpcbroker::bench
