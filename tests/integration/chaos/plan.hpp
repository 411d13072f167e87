// Which calls a client of the chaos tests makes: at random, from a seed.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>

#include <rpcbroker/client_options.hpp>

namespace rpcbroker::chaos {

/// One call that is to be made.
struct Plan {
    std::string method;       ///< without the service
    CallOptions options;      ///< timeout and idempotent are always set, but see `registered`
    bool registered = false;  ///< idempotent by the worker's word: the options say nothing
    std::uint32_t work = 0;   ///< milliseconds of a nap, items of a stream
    std::optional<std::chrono::milliseconds> cancel_after;

    /// What the journal says of it: method, whose word for idempotent, timeout, attempts, work.
    [[nodiscard]] std::string line() const;
};

/// `mixed`: all that there is, with deadlines from too short to long, cancels, retries and errors. `steady`: calls that
/// succeed unless something is broken.
enum class Mix : std::uint8_t { mixed, steady };

/// Not thread-safe: each thread has its own.
class Planner {
public:
    Planner(Mix mix, std::uint32_t longest_nap_ms, std::uint32_t seed);

    Plan call();
    Plan stream();
    Plan one_way();

private:
    std::uint32_t between(std::uint32_t least, std::uint32_t most);
    bool one_in(std::uint32_t number) { return between(1, number) == 1; }
    std::chrono::milliseconds timeout();
    void choose_word(Plan& plan);
    void add_trouble(Plan& plan);

    Mix mix_;
    std::uint32_t longest_nap_ms_;
    std::mt19937 random_;
};

}  // namespace rpcbroker::chaos
