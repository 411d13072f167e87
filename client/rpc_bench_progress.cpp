#include "client/rpc_bench_progress.hpp"

#include <algorithm>

#include "client/printable.hpp"
#include "client/rpc_bench_format.hpp"

namespace rpcbroker::bench {

namespace {

using Seconds = std::chrono::duration<double>;

std::string bar(double share) {
    constexpr std::size_t cells = 20;
    const auto full = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * cells);
    return "[" + std::string(full, '#') + std::string(cells - full, '-') + "]";
}

std::string whole_seconds(Duration duration) {
    return std::to_string(std::chrono::round<std::chrono::seconds>(duration).count());
}

}  // namespace

std::string ProgressLine::show(const Progress& progress, std::size_t width) {
    const double since = Seconds{progress.elapsed - looked_}.count();
    const double rate = since > 0 ? static_cast<double>(progress.ended - ended_) / since : 0;
    looked_ = progress.elapsed;
    ended_ = progress.ended;
    auto text = progress.round.label + "  ";
    if (progress.whole > Duration::zero())
        text += bar(Seconds{progress.elapsed} / Seconds{progress.whole}) + "  " + whole_seconds(progress.elapsed) +
                " of " + whole_seconds(progress.whole) + " s";
    else
        text += whole_seconds(progress.elapsed) + " s, " + format_count(progress.ended) + " calls";
    text += "  " + format_count(static_cast<std::uint64_t>(rate)) + " calls/s";
    if (progress.failed > 0) text += "  " + format_count(progress.failed) + " failed";
    if (progress.warming_up) text += "  warming up";
    return cut_to(printable(text), width);
}

}  // namespace rpcbroker::bench
