#include "tests/simulation/run.hpp"

#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>

#include "tests/simulation/world.hpp"

namespace rpcbroker::simulation {
namespace {

void tell(std::ostream& out, std::uint64_t seed, const Trace& trace, const std::string& invariant, const char* what) {
    trace.print_last(out);
    out << "\nseed " << seed << " broke, at" << trace.time() << " s: " << invariant << "\n  " << what
        << "\nreplay: simulation --seed " << seed << " --trace\n";
}

// What runs now, for the case that it takes the process with it.
std::uint64_t running_seed = 0;
const Trace* running_trace = nullptr;

extern "C" void on_crash(int signal) {
    std::signal(signal, SIG_DFL);
    if (running_trace)
        tell(std::cerr, running_seed, *running_trace, signal == SIGALRM ? "a run ends" : "nobody crashes",
             "a signal came");
    std::cerr << std::flush;
    std::_Exit(2);
}

void expect_crashes() {
    for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGILL, SIGALRM}) std::signal(signal, on_crash);
}

}  // namespace

RunResult run(std::uint64_t seed, const RunOptions& options) {
    EventQueue events;
    Trace trace{events, options.all};
    running_seed = seed;
    running_trace = &trace;
    expect_crashes();
    RunResult result;
    {
        World world{seed, events, trace};
        const auto broke = [&](const std::string& invariant, const char* what) {
            result.broken = invariant;
            if (options.report) tell(*options.report, seed, trace, invariant, what);
        };
        try {
            world.run(options.most_events);
        } catch (const Violation& violation) {
            broke(violation.invariant(), violation.what());
        } catch (const std::exception& problem) {
            broke("nobody throws", problem.what());
        }
        result.calls = world.scene().history.calls();
        result.executions = world.scene().history.executions();
        result.outcomes = world.scene().history.outcomes();
        result.counters = world.counters();
    }
    running_trace = nullptr;
    result.hash = trace.hash();
    result.events = events.happened();
    return result;
}

}  // namespace rpcbroker::simulation
