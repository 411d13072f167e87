// Runs the rounds of rpc-bench against a broker.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <rpcbroker/client_options.hpp>
#include <rpcbroker/result.hpp>

#include "client/rpc_bench_plan.hpp"
#include "client/rpc_bench_progress.hpp"
#include "client/rpc_bench_report.hpp"
#include "common/program/signals.hpp"

namespace rpcbroker::bench {

/// A process to be watched; this one is, unasked.
struct Watched {
    std::string name;
    pid_t pid = 0;
};

struct RunOptions {
    std::vector<std::string> brokers{};
    std::optional<PeerKeys> keys{};
    CallOptions call{};
    std::chrono::milliseconds connect_timeout{std::chrono::seconds{1}};
    std::chrono::microseconds warm_up{0};
    std::chrono::microseconds duration{0};
    std::optional<std::uint64_t> calls{};  ///< instead of the duration
    std::vector<Watched> watched{};
};

/// Makes the calls of a round and returns when the last has ended; a signal ends it early, with what was measured. The
/// error: no broker answers, or the first call of a kind was refused by the broker or the worker's library, not by its
/// handler: then nothing is measured. `on_progress` is called a few times a second, on this thread. Throws
/// std::system_error where the system has no threads or descriptors left.
Result<RoundResult> run_round(const Round& round, const RunOptions& options, const StopSignal& signal,
                              const std::function<void(const Progress&)>& on_progress);

}  // namespace rpcbroker::bench
