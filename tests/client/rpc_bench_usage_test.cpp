#include <unistd.h>

#include <catch2/catch.hpp>

#include "client/rpc_bench_usage.hpp"

using namespace rpcbroker::bench;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view stat =
    "14 (a (b) c d) S 1 14 14 0 -1 4194560 900 0 3 0 250 75 0 0 20 0 5 0 8900 1234 56 18446744073709551615 1 1 0\n";
constexpr std::string_view status = "Name:\tx\nVmPeak:\t  9999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\n";

}  // namespace

TEST_CASE("/proc tells CPU time in ticks and memory in KiB, whatever the program is called") {
    const auto usage = parse_usage(stat, status, 100).value();
    CHECK(usage.user == 2500ms);
    CHECK(usage.system == 750ms);
    CHECK(usage.peak_memory == 2 << 20);
}

TEST_CASE("what is no such text tells nothing") {
    CHECK_FALSE(parse_usage("", status, 100));
    CHECK_FALSE(parse_usage(stat, "", 100));
    CHECK_FALSE(parse_usage("14 (x", status, 100));
    CHECK_FALSE(parse_usage("14 (x) S 1", status, 100));
    CHECK_FALSE(parse_usage(stat, "Name:\tx\nVmHWM:\t", 100));
    CHECK_FALSE(read_usage(-1));
}

TEST_CASE("this process uses something") {
    const auto usage = read_usage(::getpid());
    REQUIRE(usage);
    CHECK(usage->peak_memory > 100'000);
}

TEST_CASE("between two looks, time is what was added, and memory the larger one") {
    const std::vector<ProcessUsage> before{{"a", 1, {100us, 50us, 10}}, {"b", 2, {100us, 50us, 10}}};
    const auto used = usage_between(before, {{"a", 1, {150us, 70us, 30}}, {"b", 2, {0us, 0us, 0}}});
    CHECK(used[0].usage.user == 50us);
    CHECK(used[0].usage.system == 20us);
    CHECK(used[0].usage.peak_memory == 30);
    CHECK(used[1].usage.user == 0us);
    CHECK(used[1].usage.peak_memory == 10);
}
