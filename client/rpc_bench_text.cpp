#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "client/printable.hpp"
#include "client/rpc_bench_figures.hpp"
#include "client/rpc_bench_format.hpp"
#include "client/rpc_bench_report.hpp"
#include "common/units.hpp"

namespace rpcbroker::bench {

namespace {

using Row = std::vector<std::string>;

Row titles() {
    Row row{"ROUND", "CALLS", "CALLS/S", "MB/S"};
    for (const auto& figure : latency_figures(Tally{})) row.emplace_back(figure.title);
    return row;
}

Row row_of(const RoundResult& result, const std::string& label, const Tally& tally) {
    constexpr double megabyte = 1e6;
    Row row{printable(label), format_count(tally.latency().count() + tally.failed()),
            format_count(static_cast<std::uint64_t>(std::llround(result.per_second(tally.in_time())))),
            three_digits(result.per_second(tally.sent_bytes() + tally.received_bytes()) / megabyte)};
    for (const auto& figure : latency_figures(tally))
        row.push_back(tally.latency().count() == 0 ? "-" : format_latency(figure.nanoseconds));
    return row;
}

std::vector<Row> rows_of(const Report& report) {
    std::vector<Row> rows{titles()};
    for (const auto& result : report.rounds) {
        const auto& kinds = result.round.kinds;
        rows.push_back(row_of(result, result.round.label, result.all()));
        if (kinds.size() == 1) continue;
        for (std::size_t i = 0; i < kinds.size(); ++i)
            rows.push_back(row_of(result, "  " + kinds[i].label, result.tallies[i]));
    }
    return rows;
}

/// The first column to the left, the others to the right.
std::string table_of(const std::vector<Row>& rows) {
    std::vector<std::size_t> widths(rows.front().size());
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], cells_of(row[i]));
    }
    std::string text;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string gap(widths[i] - cells_of(row[i]), ' ');
            text += i == 0 ? row[i] + gap : "  " + gap + row[i];
        }
        text += '\n';
    }
    return text;
}

std::string plural(std::uint64_t number, const std::string& noun) {
    return format_count(number) + " " + noun + (number == 1 ? "" : "s");
}

std::string head_of(const RoundResult& result) {
    const auto& round = result.round;
    auto text = round.label + ": " + plural(round.clients, "client");
    if (round.connections != round.clients) text += " on " + plural(round.connections, "connection");
    if (round.rate)
        text += ", " + format_count(*round.rate) + " calls/s wanted, at most " + format_count(round.max_in_flight) +
                " in flight";
    else
        text += (round.clients > 1 ? ", each with " : ", ") + format_count(round.window) + " in flight";
    text += "; " + three_digits(std::chrono::duration<double>{result.measured()}.count()) + " s";
    if (result.stopped) text += ", interrupted";
    return text + "\n";
}

std::string troubles_of(const RoundResult& result) {
    const auto all = result.all();
    std::string text;
    for (const auto& [code, failures] : all.failures()) {
        text += "  failed: " + format_count(failures.count) + " with " + std::string{name_of(code)} +
                " (the first: " + cut_to(printable(failures.first), 200) + ")\n";
    }
    if (all.not_sent() > 0)
        text += "  not sent: " + plural(all.not_sent(), "call") + ", as " + format_count(result.round.max_in_flight) +
                " were in flight; latencies leave these out\n";
    if (all.unfinished() > 0) text += "  interrupted: " + plural(all.unfinished(), "call") + " under way\n";
    return text;
}

std::string cpu_of(const RoundResult& result) {
    std::chrono::microseconds all{0};
    std::string parts;
    for (const auto& process : result.usage) {
        const auto a_call = [&result](auto cpu) { return three_digits(*result.microseconds_a_call(cpu)); };
        all += process.usage.user + process.usage.system;
        if (!result.microseconds_a_call(all)) return {};
        parts += (parts.empty() ? "" : "; ") + process.name + " " + a_call(process.usage.user) + " user + " +
                 a_call(process.usage.system) + " system";
    }
    const auto a_call = result.microseconds_a_call(all);
    return a_call ? "  CPU a call: " + three_digits(*a_call) + " us: " + parts + "\n" : "";
}

std::string memory_of(const RoundResult& result) {
    constexpr double mebibyte = 1 << 20;
    std::uint64_t all = 0;
    std::string parts;
    for (const auto& process : result.usage) {
        all += process.usage.peak_memory;
        parts += (parts.empty() ? "" : "; ") + process.name + " " +
                 three_digits(static_cast<double>(process.usage.peak_memory) / mebibyte);
    }
    return "  peak memory: " + three_digits(static_cast<double>(all) / mebibyte) + " MiB: " + parts + "\n";
}

}  // namespace

std::string to_text(const Report& report) {
    std::string text;
    for (const auto& broker : report.brokers) text += (text.empty() ? "broker: " : ", ") + printable(broker);
    text += "\n\n";
    for (const auto& result : report.rounds)
        text += head_of(result) + troubles_of(result) + cpu_of(result) + memory_of(result);
    return text + "\n" + table_of(rows_of(report));
}

}  // namespace rpcbroker::bench
