// What happened, line by line: the last of it is shown when a seed fails, and a hash of all of it tells whether two runs
// were the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iosfwd>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "tests/simulation/event_queue.hpp"

namespace rpcbroker::simulation {

/// Something that must never be. Thrown where it is found; it ends the run.
class Violation : public std::runtime_error {
public:
    /// `invariant` names the rule in a few words, `what` says how it was broken.
    Violation(std::string invariant, const std::string& what)
        : std::runtime_error(what), invariant_(std::move(invariant)) {}
    [[nodiscard]] const std::string& invariant() const noexcept { return invariant_; }

private:
    std::string invariant_;
};

/// Not thread-safe.
class Trace {
public:
    static constexpr std::size_t kept_lines = 150;

    /// `all`: every line is written there at once; may be null.
    Trace(const EventQueue& events, std::ostream* all) : events_(events), all_(all), start_(events.now()) {}

    /// `who` did `what`, now.
    void note(std::string_view who, std::string_view what);
    [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
    [[nodiscard]] std::uint64_t lines() const noexcept { return lines_; }
    /// Seconds since the beginning, as lines show them.
    [[nodiscard]] std::string time() const;
    void print_last(std::ostream& out) const;

private:
    const EventQueue& events_;
    std::ostream* all_;
    TimePoint start_;
    std::deque<std::string> last_;
    std::uint64_t hash_ = 0xcbf29ce484222325;
    std::uint64_t lines_ = 0;
};

}  // namespace rpcbroker::simulation
