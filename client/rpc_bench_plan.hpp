// What rpc-bench is to do: the shapes of load, as rounds of calls.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rpcbroker::bench {

/// One of the calls that a round is made of.
struct CallKind {
    std::string label{};
    std::string method{};
    std::string params{};      ///< packed
    std::uint64_t weight = 1;  ///< how often it comes, relative to the others
};

/// Calls that are made and reported together.
struct Round {
    std::string shape{};
    std::string label{};
    std::vector<CallKind> kinds{};
    std::uint64_t clients = 1;
    std::uint64_t connections = 1;        ///< that the clients share
    std::uint64_t window = 1;             ///< calls that each client keeps in flight; closed loop only
    std::optional<std::uint64_t> rate{};  ///< open loop: calls a second, all clients together
    std::uint64_t max_in_flight = 0;      ///< open loop: all clients together

    /// Which kind the call with this number is: the same in every run, in the proportion of the weights.
    [[nodiscard]] std::size_t kind_of(std::uint64_t number) const noexcept;
    [[nodiscard]] std::uint64_t most_in_flight() const noexcept { return rate ? max_in_flight : clients * window; }
};

/// What the user asked for; what is missing is the shape's choice.
struct Load {
    std::string shape = "latency";
    std::optional<CallKind> call{};
    std::vector<CallKind> mix{};
    std::vector<std::uint64_t> sizes{};
    std::optional<std::uint64_t> clients{};
    std::optional<std::uint64_t> connections{};
    std::optional<std::uint64_t> window{};
    std::optional<std::uint64_t> rate{};
    std::uint64_t max_in_flight = 10'000;
    std::chrono::microseconds warm_up{std::chrono::seconds{1}};
    std::chrono::microseconds duration{std::chrono::seconds{10}};  ///< of each round, after the warm-up
    std::optional<std::uint64_t> calls{};                          ///< of each round, instead of the duration
};

/// The shapes by name, and "all".
std::vector<std::string> shape_names();

/// The rounds of a load, in order: one, but a round a size for payload, and the rounds of every shape for all.
std::vector<Round> plan(const Load& load);

}  // namespace rpcbroker::bench
