#include <chrono>
#include <cstdint>
#include <string>

#include <rpcbroker/pack.hpp>

#include "client/json_msgpack.hpp"
#include "client/rpc_bench_figures.hpp"
#include "client/rpc_bench_report.hpp"

namespace rpcbroker::bench {

namespace {

double in_milliseconds(Duration duration) { return std::chrono::duration<double, std::milli>{duration}.count(); }

void pack_latency(Packer& packer, const Tally& tally) {
    packer.string("latency_us");
    if (tally.latency().count() == 0) {
        packer.nil();
        return;
    }
    const auto figures = latency_figures(tally);
    packer.map(figures.size());
    for (const auto& figure : figures) packer.string(figure.key).real(figure.nanoseconds / 1e3);
}

void pack_failures(Packer& packer, const Tally& tally) {
    packer.string("errors").map(tally.failures().size());
    for (const auto& [code, failures] : tally.failures()) {
        packer.string(name_of(code)).map(2);
        packer.string("count").unsigned_integer(failures.count).string("first").string(failures.first);
    }
}

constexpr std::size_t counts_packed = 11;

void pack_counts(Packer& packer, const RoundResult& result, const Tally& tally) {
    packer.string("calls").unsigned_integer(tally.latency().count() + tally.failed());
    packer.string("ok").unsigned_integer(tally.latency().count());
    packer.string("failed").unsigned_integer(tally.failed());
    packer.string("not_sent").unsigned_integer(tally.not_sent());
    packer.string("unfinished").unsigned_integer(tally.unfinished());
    packer.string("warm_up_calls").unsigned_integer(tally.warm_up());
    packer.string("calls_per_s").real(result.per_second(tally.in_time()));
    packer.string("sent_bytes_per_s").real(result.per_second(tally.sent_bytes()));
    packer.string("received_bytes_per_s").real(result.per_second(tally.received_bytes()));
    pack_latency(packer, tally);
    pack_failures(packer, tally);
}

void pack_kinds(Packer& packer, const RoundResult& result) {
    const auto& kinds = result.round.kinds;
    packer.string("kinds").array(kinds.size());
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        packer.map(4 + counts_packed);
        packer.string("label").string(kinds[i].label).string("method").string(kinds[i].method);
        packer.string("weight").unsigned_integer(kinds[i].weight);
        packer.string("params_bytes").unsigned_integer(kinds[i].params.size());
        pack_counts(packer, result, result.tallies[i]);
    }
}

void pack_a_call(Packer& packer, const RoundResult& result, std::string_view key, std::chrono::microseconds cpu) {
    packer.string(key);
    const auto a_call = result.microseconds_a_call(cpu);
    a_call ? packer.real(*a_call) : packer.nil();
}

void pack_usage(Packer& packer, const RoundResult& result) {
    std::chrono::microseconds all{0};
    std::uint64_t memory = 0;
    packer.string("processes").array(result.usage.size());
    for (const auto& [name, pid, usage] : result.usage) {
        all += usage.user + usage.system;
        memory += usage.peak_memory;
        packer.map(5).string("name").string(name).string("pid").integer(pid);
        pack_a_call(packer, result, "user_us_per_call", usage.user);
        pack_a_call(packer, result, "system_us_per_call", usage.system);
        packer.string("peak_memory_bytes").unsigned_integer(usage.peak_memory);
    }
    pack_a_call(packer, result, "cpu_us_per_call", all);
    packer.string("peak_memory_bytes").unsigned_integer(memory);
}

void pack_round(Packer& packer, const RoundResult& result) {
    const auto& round = result.round;
    packer.map(12 + counts_packed);
    packer.string("shape").string(round.shape).string("label").string(round.label);
    packer.string("clients").unsigned_integer(round.clients);
    packer.string("connections").unsigned_integer(round.connections);
    packer.string("window");
    round.rate ? packer.nil() : packer.unsigned_integer(round.window);
    packer.string("rate");
    round.rate ? packer.unsigned_integer(*round.rate) : packer.nil();
    packer.string("max_in_flight").unsigned_integer(round.most_in_flight());
    packer.string("measured_ms").real(in_milliseconds(result.measured()));
    pack_counts(packer, result, result.all());
    pack_kinds(packer, result);
    pack_usage(packer, result);
}

}  // namespace

std::string to_json(const Report& report) {
    std::string document;
    Packer packer{document};
    packer.map(5);
    packer.string("brokers").array(report.brokers.size());
    for (const auto& broker : report.brokers) packer.string(broker);
    packer.string("self").boolean(report.self);
    packer.string("interrupted").boolean(report.was_interrupted());
    packer.string("warm_up_ms").real(in_milliseconds(report.warm_up));
    packer.string("rounds").array(report.rounds.size());
    for (const auto& result : report.rounds) pack_round(packer, result);
    return msgpack_to_json(document) + "\n";
}

}  // namespace rpcbroker::bench
