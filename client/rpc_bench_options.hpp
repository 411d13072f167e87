// What rpc-bench was asked for on its command line.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "client/rpc_bench_plan.hpp"
#include "client/rpc_bench_processes.hpp"
#include "client/rpc_bench_run.hpp"

namespace rpcbroker::bench {

enum class Format : std::uint8_t { text, json, csv };

struct BenchOptions {
    std::vector<Round> rounds;
    RunOptions run;
    bool self = false;
    FleetOptions fleet;  ///< of --self
    Format format = Format::text;
    bool quiet = false;
};

/// The options, or the exit status if the program is to end now: after --help, or a mistake, which was written to
/// standard error. Reads files and standard input where arguments say so.
std::variant<BenchOptions, int> parse_rpc_bench(int argc, const char* const* argv);

}  // namespace rpcbroker::bench
