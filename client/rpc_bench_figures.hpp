// The figures of a tally, in the order in which they are written everywhere.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "client/rpc_bench_tally.hpp"

namespace rpcbroker::bench {

struct Figure {
    std::string_view key;    ///< in JSON and CSV
    std::string_view title;  ///< in the table
    double nanoseconds;
};

/// Of a tally that has latencies.
inline std::array<Figure, 8> latency_figures(const Tally& tally) {
    const auto& latency = tally.latency();
    const auto at = [&latency](double quantile) { return static_cast<double>(latency.quantile(quantile)); };
    return {{{"min", "MIN", static_cast<double>(latency.min())},
             {"mean", "MEAN", latency.mean()},
             {"p50", "P50", at(0.5)},
             {"p90", "P90", at(0.9)},
             {"p99", "P99", at(0.99)},
             {"p999", "P99.9", at(0.999)},
             {"p9999", "P99.99", at(0.9999)},
             {"max", "MAX", static_cast<double>(latency.max())}}};
}

}  // namespace rpcbroker::bench
