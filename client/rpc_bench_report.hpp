// What rpc-bench found out, and how it says it: a table for people, JSON, CSV.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/rpc_bench_gate.hpp"
#include "client/rpc_bench_plan.hpp"
#include "client/rpc_bench_tally.hpp"
#include "client/rpc_bench_usage.hpp"

namespace rpcbroker::bench {

struct RoundResult {
    Round round{};
    Interval interval{};                 ///< that was to be measured
    std::optional<TimePoint> stopped{};  ///< when the user interrupted it
    std::vector<Tally> tallies{};        ///< of each kind of the round
    std::vector<ProcessUsage> usage{};   ///< while it was measured; this process is the last one

    [[nodiscard]] Tally all() const;
    /// How long was measured: to the end of the interval, or of the last call where calls were counted, or to the
    /// interruption.
    [[nodiscard]] Duration measured() const;
    /// So many in the measured time, a second.
    [[nodiscard]] double per_second(std::uint64_t number) const;
    /// CPU time of `usage` for each call of the interval; nothing where there was no call.
    [[nodiscard]] std::optional<double> microseconds_a_call(std::chrono::microseconds cpu) const;
};

struct Report {
    std::vector<std::string> brokers;
    bool self = false;
    std::chrono::microseconds warm_up{0};
    std::vector<RoundResult> rounds;

    [[nodiscard]] bool was_interrupted() const;
    /// The code that most calls failed with; nothing when none did.
    [[nodiscard]] std::optional<Code> main_failure() const;
};

/// Lines for people: a table, and what needs to be said about it.
std::string to_text(const Report& report);
/// One line: docs/GUIDE.md lists what is in it.
std::string to_json(const Report& report);
/// A head, and a line for each round and, where it has several, each kind of call.
std::string to_csv(const Report& report);

}  // namespace rpcbroker::bench
