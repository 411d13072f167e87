// A run of one seed, and what came of it.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>

#include "broker/counters.hpp"

namespace rpcbroker::simulation {

struct RunOptions {
    std::uint64_t most_events = 0;   ///< of the disturbed part; 0: as long as the seed says
    std::ostream* all = nullptr;     ///< every line of the trace goes there
    std::ostream* report = nullptr;  ///< where a failure is told
};

struct RunResult {
    std::optional<std::string> broken;  ///< the invariant, if one was
    std::uint64_t hash = 0;             ///< of the whole trace
    std::uint64_t events = 0;
    std::uint64_t calls = 0;
    std::uint64_t executions = 0;
    std::map<std::string, std::uint64_t, std::less<>> outcomes;
    broker::Counters counters;
};

RunResult run(std::uint64_t seed, const RunOptions& options);

}  // namespace rpcbroker::simulation
