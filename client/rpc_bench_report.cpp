#include "client/rpc_bench_report.hpp"

#include <algorithm>
#include <map>

namespace rpcbroker::bench {

Tally RoundResult::all() const {
    Tally all;
    for (const auto& tally : tallies) all.add(tally);
    return all;
}

Duration RoundResult::measured() const {
    auto end = interval.end;
    if (end == TimePoint::max()) end = all().last_end();
    if (stopped) end = interval.end == TimePoint::max() ? *stopped : std::min(end, *stopped);
    return std::max(end - interval.begin, Duration::zero());
}

double RoundResult::per_second(std::uint64_t number) const {
    const double seconds = std::chrono::duration<double>{measured()}.count();
    return seconds > 0 ? static_cast<double>(number) / seconds : 0;
}

std::optional<double> RoundResult::microseconds_a_call(std::chrono::microseconds cpu) const {
    const auto tally = all();
    const auto calls = tally.latency().count() + tally.failed();
    if (calls == 0) return std::nullopt;
    return static_cast<double>(cpu.count()) / static_cast<double>(calls);
}

bool Report::was_interrupted() const {
    return std::ranges::any_of(rounds, [](const auto& round) { return round.stopped.has_value(); });
}

std::optional<Code> Report::main_failure() const {
    std::map<Code, std::uint64_t> counts;
    for (const auto& round : rounds) {
        for (const auto& tally : round.tallies) {
            for (const auto& [code, failures] : tally.failures()) counts[code] += failures.count;
        }
    }
    const auto most = std::ranges::max_element(counts, {}, [](const auto& each) { return each.second; });
    return most == counts.end() ? std::nullopt : std::optional{most->first};
}

}  // namespace rpcbroker::bench
