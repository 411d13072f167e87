#include "client/rpc_bench_plan.hpp"

#include <algorithm>
#include <iterator>

#include <rpcbroker/pack.hpp>

#include "common/units.hpp"

namespace rpcbroker::bench {

namespace {

constexpr std::uint64_t kibibyte = 1024;

/// A text of so many bytes as the only parameter.
CallKind text_of(const std::string& method, std::uint64_t size, std::uint64_t weight = 1) {
    CallKind kind{.label = method + " " + format_size(size), .method = method, .weight = weight};
    Packer{kind.params}.array(1).string(std::string(size, 'x'));
    return kind;
}

CallKind small_call(std::uint64_t weight = 1) {
    CallKind kind{.label = "EchoUtil.CountString", .method = "EchoUtil.CountString", .weight = weight};
    Packer{kind.params}.array(1).string("this is test");
    return kind;
}

/// What all shapes have in common. `clients` and `window` are what the shape does where the user says nothing.
Round begin_round(const Load& load, const std::string& shape, std::uint64_t clients, std::uint64_t window) {
    Round round{.shape = shape, .label = shape};
    round.clients = load.clients.value_or(clients);
    round.connections = std::min(load.connections.value_or(round.clients), round.clients);
    round.window = load.window.value_or(window);
    round.rate = load.rate;
    round.max_in_flight = load.max_in_flight;
    return round;
}

using Rounds = std::vector<Round>;

Rounds one_kind(const Load& load, const std::string& shape, std::uint64_t clients, std::uint64_t window) {
    auto round = begin_round(load, shape, clients, window);
    round.kinds.push_back(load.call.value_or(small_call()));
    return {round};
}

Rounds latency(const Load& load) { return one_kind(load, "latency", 1, 1); }
Rounds pipelined(const Load& load) { return one_kind(load, "pipelined", 1, 1000); }
Rounds clients(const Load& load) { return one_kind(load, "clients", 50, 1); }

Rounds payload(const Load& load) {
    constexpr std::uint64_t usual[] = {64, kibibyte, 16 * kibibyte, 256 * kibibyte, 1024 * kibibyte};
    auto sizes = load.sizes;
    if (sizes.empty()) sizes.assign(std::begin(usual), std::end(usual));
    const auto method = load.call ? load.call->method : "EchoUtil.Echo";
    Rounds rounds;
    for (const auto size : sizes) {
        auto round = begin_round(load, "payload", 1, 1);
        round.label += " " + format_size(size);
        round.kinds.push_back(text_of(method, size));
        rounds.push_back(std::move(round));
    }
    return rounds;
}

Rounds mixed(const Load& load) {
    auto round = begin_round(load, "mixed", 8, 4);
    round.kinds = load.mix;
    if (round.kinds.empty()) {
        const std::string echo = "EchoUtil.Echo";
        round.kinds = {small_call(70), text_of(echo, kibibyte, 20), text_of(echo, 16 * kibibyte, 9),
                       text_of(echo, 256 * kibibyte, 1)};
    }
    return {round};
}

struct Shape {
    std::string_view name;
    Rounds (*plan)(const Load&);
};
constexpr Shape shapes[] = {
    {"latency", latency}, {"pipelined", pipelined}, {"clients", clients}, {"payload", payload}, {"mixed", mixed}};

/// Spreads consecutive numbers over all 64 bits (the finalizer of SplitMix64).
std::uint64_t scattered(std::uint64_t number) noexcept {
    number += 0x9e3779b97f4a7c15;
    number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
    number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
    return number ^ (number >> 31);
}

}  // namespace

std::size_t Round::kind_of(std::uint64_t number) const noexcept {
    if (kinds.size() == 1) return 0;
    std::uint64_t all = 0;
    for (const auto& kind : kinds) all += kind.weight;
    auto at = scattered(number) % all;
    std::size_t chosen = 0;
    while (at >= kinds[chosen].weight) at -= kinds[chosen++].weight;
    return chosen;
}

std::vector<std::string> shape_names() {
    std::vector<std::string> names;
    for (const auto& shape : shapes) names.emplace_back(shape.name);
    names.emplace_back("all");
    return names;
}

std::vector<Round> plan(const Load& load) {
    Rounds rounds;
    for (const auto& shape : shapes) {
        if (load.shape != shape.name && load.shape != "all") continue;
        auto more = shape.plan(load);
        std::ranges::move(more, std::back_inserter(rounds));
    }
    return rounds;
}

}  // namespace rpcbroker::bench
