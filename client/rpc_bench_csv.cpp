#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>

#include "client/rpc_bench_figures.hpp"
#include "client/rpc_bench_report.hpp"

namespace rpcbroker::bench {

namespace {

/// RFC 4180.
std::string quoted(std::string_view text) {
    std::string field{'"'};
    for (const char c : text) field.append(c == '"' ? 2 : 1, c);
    return field + '"';
}

std::string number(double value) {
    std::array<char, 32> digits{};
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed, 3).ptr;
    return {digits.data(), end};
}

std::string head() {
    std::string line{
        "shape,round,kind,clients,connections,window,rate,measured_s,calls,ok,failed,not_sent,calls_per_s,"
        "sent_bytes_per_s,received_bytes_per_s"};
    for (const auto& figure : latency_figures(Tally{})) line.append(",").append(figure.key).append("_us");
    return line + ",cpu_us_per_call,peak_memory_bytes\n";
}

std::string usage_fields(const RoundResult& result) {
    std::chrono::microseconds cpu{0};
    std::uint64_t memory = 0;
    for (const auto& process : result.usage) {
        cpu += process.usage.user + process.usage.system;
        memory += process.usage.peak_memory;
    }
    const auto a_call = result.microseconds_a_call(cpu);
    return "," + (a_call ? number(*a_call) : "") + "," + std::to_string(memory);
}

/// `kind` is empty for the round as a whole, which alone has CPU and memory.
std::string line_of(const RoundResult& result, std::string_view kind, const Tally& tally) {
    const auto& round = result.round;
    const auto window = round.rate ? "" : std::to_string(round.window);
    const auto rate = round.rate ? std::to_string(*round.rate) : "";
    auto line = round.shape + "," + quoted(round.label) + "," + quoted(kind) + "," + std::to_string(round.clients) +
                "," + std::to_string(round.connections) + "," + window + "," + rate + "," +
                number(std::chrono::duration<double>{result.measured()}.count());
    const auto ok = tally.latency().count();
    for (const auto count : {ok + tally.failed(), ok, tally.failed(), tally.not_sent()})
        line += "," + std::to_string(count);
    for (const auto count : {tally.in_time(), tally.sent_bytes(), tally.received_bytes()})
        line += "," + number(result.per_second(count));
    for (const auto& figure : latency_figures(tally)) line += "," + (ok == 0 ? "" : number(figure.nanoseconds / 1e3));
    return line + (kind.empty() ? usage_fields(result) : ",,") + "\n";
}

}  // namespace

std::string to_csv(const Report& report) {
    auto text = head();
    for (const auto& result : report.rounds) {
        const auto& kinds = result.round.kinds;
        text += line_of(result, "", result.all());
        for (std::size_t i = 0; kinds.size() > 1 && i < kinds.size(); ++i)
            text += line_of(result, kinds[i].label, result.tallies[i]);
    }
    return text;
}

}  // namespace rpcbroker::bench
