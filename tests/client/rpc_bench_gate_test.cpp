#include <catch2/catch.hpp>

#include <vector>

#include "client/rpc_bench_gate.hpp"

using namespace rpcbroker;
using namespace rpcbroker::bench;
using namespace std::chrono_literals;

namespace {

const TimePoint start{1h};

}  // namespace

TEST_CASE("calls begin until the interval is over, those of the warm-up too") {
    Gate gate{{start + 1s, start + 3s}, std::nullopt};
    CHECK(gate.admit(start) == 0);
    CHECK(gate.admit(start + 1s) == 1);
    CHECK(gate.admit(start + 2999ms) == 2);
    CHECK_FALSE(gate.admit(start + 3s));
}

TEST_CASE("where calls are counted, those of the warm-up are not") {
    Gate gate{{start + 1s}, 2};
    for (std::uint64_t call = 0; call < 5; ++call) CHECK(gate.admit(start) == call);
    CHECK(gate.admit(start + 1s) == 5);
    CHECK(gate.admit(start + 1h) == 6);
    CHECK_FALSE(gate.admit(start + 1h));
}

TEST_CASE("a closed gate lets nothing through") {
    Gate gate{{start}, std::nullopt};
    CHECK_FALSE(gate.is_closed());
    gate.close();
    CHECK(gate.is_closed());
    CHECK_FALSE(gate.admit(start));
}

TEST_CASE("an interval begins with its begin and ends before its end") {
    const Interval interval{start, start + 1s};
    CHECK_FALSE(interval.holds(start - 1ns));
    CHECK(interval.holds(start));
    CHECK(interval.holds(start + 1s - 1ns));
    CHECK_FALSE(interval.holds(start + 1s));
}

TEST_CASE("a schedule is even, and senders take turns") {
    std::vector<TimePoint> due(8);
    for (std::uint64_t sender = 0; sender < 4; ++sender) {
        const Schedule schedule{start, 1000, sender, 4};
        for (std::uint64_t call = 0; call < 2; ++call) due[call * 4 + sender] = schedule.due(call);
    }
    for (std::size_t i = 0; i < due.size(); ++i) CHECK(due[i] == start + i * 1ms);
}

TEST_CASE("a schedule keeps its rate for a day, whatever the rate") {
    const auto rate = GENERATE(1U, 3U, 7U, 1'000'003U, 10'000'000U);
    const Schedule schedule{start, rate, 0, 1};
    CHECK(schedule.due(std::uint64_t{rate} * 86'400) == start + 24h);
    const auto last = schedule.due(std::uint64_t{rate} * 86'400 - 1);
    CHECK(last < start + 24h);
    CHECK(last >= start + 24h - std::chrono::nanoseconds{1s} / rate - 1ns);
}
