#include "client/rpc_bench_usage.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <utility>

namespace rpcbroker::bench {

namespace {

std::string slurp(const std::string& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

std::string folder_of(pid_t pid) { return "/proc/" + std::to_string(pid) + "/"; }

std::optional<std::uint64_t> number_at(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    std::uint64_t number = 0;
    const auto failed = std::from_chars(text.data(), text.data() + text.size(), number).ec;
    return failed == std::errc{} ? std::optional{number} : std::nullopt;
}

/// Of a line of fields parted by spaces.
std::string_view from_field(std::string_view line, int field) {
    for (; field > 0; --field) line.remove_prefix(std::min(line.find(' '), line.size() - 1) + 1);
    return line;
}

std::chrono::microseconds in_microseconds(std::uint64_t ticks, long a_second) {
    return std::chrono::microseconds{ticks * 1'000'000 / static_cast<std::uint64_t>(a_second)};
}

}  // namespace

std::optional<Usage> parse_usage(std::string_view stat, std::string_view status, long ticks_a_second) {
    // The second field is the program's name in parentheses, which may hold anything; utime and stime are the 14th and 15th.
    const auto name_end = stat.rfind(')');
    constexpr std::string_view peak = "\nVmHWM:";
    const auto peak_at = status.find(peak);
    if (name_end == std::string_view::npos || peak_at == std::string_view::npos) return std::nullopt;
    const auto fields = stat.substr(name_end);
    const auto user = number_at(from_field(fields, 12));
    const auto system = number_at(from_field(fields, 13));
    const auto kibibytes = number_at(status.substr(peak_at + peak.size()));
    if (!user || !system || !kibibytes) return std::nullopt;
    return Usage{in_microseconds(*user, ticks_a_second), in_microseconds(*system, ticks_a_second), *kibibytes * 1024};
}

std::optional<Usage> read_usage(pid_t pid) {
    const auto folder = folder_of(pid);
    return parse_usage(slurp(folder + "stat"), slurp(folder + "status"), sysconf(_SC_CLK_TCK));
}

void forget_peak(pid_t pid) { std::ofstream{folder_of(pid) + "clear_refs"} << "5"; }

std::vector<ProcessUsage> usage_between(const std::vector<ProcessUsage>& before, std::vector<ProcessUsage> after) {
    for (std::size_t i = 0; i < after.size(); ++i) {
        auto& now = after[i].usage;
        const auto& then = before[i].usage;
        now.user = std::max(now.user - then.user, std::chrono::microseconds{0});
        now.system = std::max(now.system - then.system, std::chrono::microseconds{0});
        now.peak_memory = std::max(now.peak_memory, then.peak_memory);
    }
    return after;
}

}  // namespace rpcbroker::bench
