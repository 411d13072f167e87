#include "tests/bench/compare/driver.hpp"

#include <sys/resource.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <thread>

#include <nlohmann/json.hpp>

namespace rpcbroker::compare {

namespace {

constexpr unsigned precision_bits = 8;
constexpr unsigned highest_bits = 36;  // 68 s in nanoseconds

/// User and system time of this process.
double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::atomic<double> connected_after{0};  ///< seconds of processor time

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--batch") {
            options.batch = true;
            continue;
        }
        if (++i == argc) fail(name + " wants a value");
        const std::string value = argv[i];
        if (name == "--target")
            options.targets.push_back(value);
        else if (name == "--clients")
            options.clients = static_cast<unsigned>(std::stoul(value));
        else if (name == "--window")
            options.window = static_cast<std::uint32_t>(std::stoul(value));
        else if (name == "--seconds")
            options.seconds = std::chrono::duration<double>{std::stod(value)};
        else if (name == "--warm-up")
            options.warm_up = std::chrono::duration<double>{std::stod(value)};
        else if (name == "--size")
            options.size = std::stoul(value);
        else
            fail("unknown option " + name);
    }
    if (options.targets.empty()) fail("--target is missing");
    return options;
}

void print(const Options& options, const std::vector<std::unique_ptr<Meter>>& meters) {
    Histogram all{precision_bits, highest_bits};
    std::uint64_t all_calls = 0;
    for (const auto& meter : meters) {
        all.add(meter->nanoseconds());
        all_calls += meter->all_calls();
    }
    const auto us = [&](double quantile) { return static_cast<double>(all.quantile(quantile)) / 1000; };
    const nlohmann::json figures{
        {"calls", all.count()},
        {"all_calls", all_calls},
        {"calls_per_s", static_cast<double>(all.count()) / options.seconds.count()},
        {"mean_us", all.mean() / 1000},
        {"p50_us", us(0.5)},
        {"p90_us", us(0.9)},
        {"p99_us", us(0.99)},
        {"p999_us", us(0.999)},
        {"max_us", static_cast<double>(all.max()) / 1000},
        {"connected_after_cpu_s", connected_after.load()},
    };
    std::puts(figures.dump().c_str());
}

}  // namespace

void fail(const std::string& what) { throw std::runtime_error{what}; }

void end_at_once(const char* what) {
    (void)std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
    (void)std::fflush(stderr);
    std::_Exit(1);
}

Meter::Meter(const Options& options, std::latch& start)
    : options_(&options), start_(&start), nanoseconds_(precision_bits, highest_bits) {}

void Meter::begin() {
    start_->arrive_and_wait();
    connected_after.store(cpu_seconds());
    using std::chrono::duration_cast;
    measured_from_ = Clock::now() + duration_cast<Clock::duration>(options_->warm_up);
    end_ = measured_from_ + duration_cast<Clock::duration>(options_->seconds);
}

bool Meter::ended(Clock::time_point sent, Clock::time_point now) {
    ++all_calls_;
    if (now >= end_) return false;
    if (now >= measured_from_) nanoseconds_.record(static_cast<std::uint64_t>((now - sent).count()));
    return true;
}

int drive(int argc, char** argv, const Client& client) {
    try {
        const auto options = parse(argc, argv);
        std::latch start{options.clients};
        std::vector<std::unique_ptr<Meter>> meters;
        std::vector<std::jthread> threads;
        for (unsigned i = 0; i < options.clients; ++i) meters.push_back(std::make_unique<Meter>(options, start));
        for (unsigned i = 0; i < options.clients; ++i)
            threads.emplace_back([&, i] {
                try {
                    client(options, i, *meters[i]);
                } catch (const std::exception& error) {
                    end_at_once(error.what());
                }
            });
        threads.clear();
        print(options, meters);
    } catch (const std::exception& error) {
        end_at_once(error.what());
    }
    return 0;
}

}  // namespace rpcbroker::compare
