// rpc-bench: measures calls by a broker. Its flags, shapes and exit status are in rpc-bench --help.
#include <sys/ioctl.h>
#include <unistd.h>

#include <functional>
#include <iostream>
#include <memory>

#include "client/exit_status.hpp"
#include "client/rpc_bench_options.hpp"
#include "client/rpc_bench_progress.hpp"
#include "client/rpc_bench_report.hpp"
#include "common/descriptors.hpp"
#include "common/program/memory.hpp"
#include "common/program/signals.hpp"

namespace rpcbroker::bench {

namespace {

constexpr std::string_view program = "rpc-bench";

std::size_t terminal_width() {
    winsize size{};
    const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : 80;
}

constexpr const char* clear_line = "\r\x1b[K";

Result<RoundResult> run_shown(const Round& round, const BenchOptions& options, const StopSignal& signal) {
    if (options.quiet || ::isatty(STDERR_FILENO) == 0)
        return run_round(round, options.run, signal, [](const Progress&) {});
    ProgressLine line;
    auto result = run_round(round, options.run, signal, [&line](const Progress& progress) {
        std::cerr << clear_line << line.show(progress, terminal_width() - 1) << std::flush;
    });
    std::cerr << clear_line << std::flush;
    return result;
}

std::string written(const Report& report, Format format) {
    switch (format) {
    case Format::text: break;
    case Format::json: return to_json(report);
    case Format::csv: return to_csv(report);
    }
    return to_text(report);
}

int status_of(const Report& report) {
    if (report.was_interrupted()) return exit_status(Code::cancelled);
    const auto failure = report.main_failure();
    return failure ? exit_status(*failure) : 0;
}

/// What was measured is reported, also where a later round cannot begin.
int measure(const BenchOptions& options, const StopSignal& signal) {
    Report report{.brokers = options.run.brokers, .self = options.self, .warm_up = options.run.warm_up, .rounds = {}};
    std::optional<int> refused;
    for (const auto& round : options.rounds) {
        auto result = run_shown(round, options, signal);
        if (!result) refused = rpcbroker::report(std::cerr, program, result.error());
        if (result) report.rounds.push_back(std::move(*result));
        if (refused || signal.received() != 0) break;
    }
    if (!report.rounds.empty()) std::cout << written(report, options.format);
    if (std::cout.flush()) return refused.value_or(status_of(report));
    std::cerr << program << ": cannot write to standard output\n";
    return 1;
}

int run(BenchOptions options) {
    raise_descriptor_limit();
    const StopSignal signal;
    if (!options.self) return measure(options, signal);
    Fleet fleet{options.fleet, signal};
    options.run.brokers = {fleet.frontend()};
    for (const auto* process : fleet.processes()) options.run.watched.push_back({process->name(), process->pid()});
    const int status = measure(options, signal);
    const auto losses = fleet.losses();
    for (const auto& loss : losses) std::cerr << program << ": " << loss << '\n';
    return status == 0 && !losses.empty() ? 1 : status;
}

}  // namespace

}  // namespace rpcbroker::bench

int main(int argc, char** argv) try {
    rpcbroker::keep_freed_memory(256);
    auto parsed = rpcbroker::bench::parse_rpc_bench(argc, argv);
    if (const int* status = std::get_if<int>(&parsed)) return *status;
    return rpcbroker::bench::run(std::move(std::get<rpcbroker::bench::BenchOptions>(parsed)));
} catch (const std::exception& problem) {
    std::cerr << "rpc-bench: " << problem.what() << '\n';
    return 1;
}
