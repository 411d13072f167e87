// simulation: runs seeds, and says which of them break a rule.
//
//     simulation --seed 17 --trace          one seed, every line of what happens
//     simulation --seeds 1..200             those; with --time 60, as many as a processor runs in so many seconds
//     simulation --fresh --time 60          new ones, for so many seconds
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <ctime>
#include <functional>
#include <iostream>
#include <optional>
#include <random>
#include <string>

#include <CLI/CLI.hpp>

#include "tests/simulation/run.hpp"

namespace {

using rpcbroker::broker::Counter;
using rpcbroker::simulation::RunOptions;
using rpcbroker::simulation::RunResult;

/// A seed that takes longer runs in circles.
constexpr unsigned longest_run_s = 60;

struct Totals {
    std::uint64_t seeds = 0;
    std::uint64_t failed = 0;
    std::uint64_t events = 0;
    std::uint64_t calls = 0;
    std::uint64_t executions = 0;
    std::map<std::string, std::uint64_t, std::less<>> outcomes;
    rpcbroker::broker::Counters counters;

    void add(const RunResult& run);
    void print(std::ostream& out) const;
};

void Totals::add(const RunResult& run) {
    ++seeds;
    failed += run.broken.has_value();
    events += run.events;
    calls += run.calls;
    executions += run.executions;
    for (const auto& [name, count] : run.outcomes) outcomes[name] += count;
    for (std::size_t i = 0; i < rpcbroker::broker::counter_names.size(); ++i)
        counters.add(static_cast<Counter>(i), run.counters[static_cast<Counter>(i)]);
}

void Totals::print(std::ostream& out) const {
    out << seeds << " seeds, " << failed << " failed; " << events << " events, " << calls << " calls, " << executions
        << " executions\noutcomes:";
    for (const auto& [name, count] : outcomes) out << ' ' << name << ' ' << count;
    out << "\nbrokers counted:";
    for (std::size_t i = 0; i < rpcbroker::broker::counter_names.size(); ++i)
        out << ' ' << rpcbroker::broker::counter_names[i] << ' ' << counters[static_cast<Counter>(i)];
    out << '\n';
}

struct Options {
    std::optional<std::uint64_t> seed;
    std::string seeds;
    bool fresh = false;
    double seconds = 0;
    bool trace = false;
    bool twice = false;
    bool hashes = false;
    bool keep_going = false;
    std::uint64_t steps = 0;
};

class Runner {
public:
    explicit Runner(const Options& options) : options_(options) {}

    /// Returns whether to go on.
    bool run(std::uint64_t seed) {
        RunOptions how;
        how.most_events = options_.steps;
        how.report = &std::cout;
        if (options_.trace) how.all = &std::cout;
        ::alarm(longest_run_s);
        const auto result = rpcbroker::simulation::run(seed, how);
        totals_.add(result);
        if (options_.hashes) std::cout << "seed " << seed << " hash " << result.hash << '\n';
        if (options_.twice && !same_again(seed, result)) return false;
        return !result.broken || options_.keep_going;
    }
    [[nodiscard]] int finish() const {
        totals_.print(std::cout);
        return totals_.failed > 0 || differs_ ? 1 : 0;
    }

private:
    bool same_again(std::uint64_t seed, const RunResult& first) {
        const auto second = rpcbroker::simulation::run(seed, {.most_events = options_.steps});
        if (second.hash == first.hash) return true;
        std::cout << "seed " << seed << " does not replay: its trace differs from one run to the next\n";
        differs_ = true;
        return false;
    }

    const Options& options_;
    Totals totals_;
    bool differs_ = false;
};

/// `seconds`: of the processor's time, if not 0.
int run_range(Runner& runner, const std::string& range, double seconds) {
    const auto dots = range.find("..");
    if (dots == std::string::npos) throw CLI::ValidationError{"--seeds", "expected FROM..TO"};
    const auto from = std::stoull(range.substr(0, dots));
    const auto to = std::stoull(range.substr(dots + 2));
    const auto in_time = [&] {
        return seconds <= 0 || static_cast<double>(std::clock()) < seconds * double{CLOCKS_PER_SEC};
    };
    for (auto seed = from; seed <= to && in_time() && runner.run(seed); ++seed) continue;
    return runner.finish();
}

int run_fresh(Runner& runner, double seconds) {
    std::random_device entropy;
    const std::uint64_t first = (std::uint64_t{entropy()} << 32) | entropy();
    std::cout << "fresh seeds, from " << first << " on" << std::endl;
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    for (auto seed = first; std::chrono::steady_clock::now() < end && runner.run(seed); ++seed) continue;
    return runner.finish();
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"Runs clients, brokers and workers on a simulated network and clock, from seeds."};
    app.add_option("--seed", options.seed, "this one");
    app.add_option("--seeds", options.seeds, "FROM..TO: all of these");
    app.add_flag("--fresh", options.fresh, "new ones");
    app.add_option("--time", options.seconds, "for so many seconds; with --fresh 10, if not said");
    app.add_flag("--trace", options.trace, "print every line of what happens");
    app.add_flag("--twice", options.twice, "run each seed twice and compare the traces");
    app.add_flag("--hashes", options.hashes, "print the hash of each seed's trace");
    app.add_flag("--keep-going", options.keep_going, "go on after a seed that fails");
    app.add_option("--steps", options.steps, "disturb for no more than so many events");
    CLI11_PARSE(app, argc, argv);
    Runner runner{options};
    try {
        if (!options.seeds.empty()) return run_range(runner, options.seeds, options.seconds);
        if (options.fresh) return run_fresh(runner, options.seconds > 0 ? options.seconds : 10);
        runner.run(options.seed.value_or(1));
        return runner.finish();
    } catch (const std::exception& problem) {
        std::cerr << "simulation: " << problem.what() << '\n';
        return 3;
    }
}
