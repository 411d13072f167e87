// How far a round is, and the line that shows it.
#pragma once

#include <cstdint>
#include <string>

#include "client/rpc_bench_plan.hpp"
#include "common/time.hpp"

namespace rpcbroker::bench {

/// How far a round is.
struct Progress {
    const Round& round;
    Duration elapsed;      ///< since the warm-up began
    Duration whole;        ///< warm-up and duration; zero where calls are counted
    std::uint64_t ended;   ///< calls, those of the warm-up included
    std::uint64_t failed;  ///< of them
    bool warming_up;
};

/// One for each round: it remembers the last look, for the rate since then.
class ProgressLine {
public:
    /// The text for a terminal that is so many cells wide, without any control character.
    std::string show(const Progress& progress, std::size_t width);

private:
    Duration looked_{0};
    std::uint64_t ended_ = 0;
};

}  // namespace rpcbroker::bench
