// What truly happened, as nobody in the run can know it: every call that was made, every execution, every outcome; and the
// rules that hold between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rpcbroker/error.hpp>

#include "common/time.hpp"

namespace rpcbroker::simulation {

/// What the handler of a call does.
enum class Behaviour : std::uint8_t { quick, slow, until_cancelled, stubborn, for_good, streams };

/// A call of an honest client. Its number is in its parameters, and in what its handler answers.
struct CallRecord {
    enum class State : std::uint8_t { open, ended, forsaken };  // forsaken: its client is no more

    std::string method;
    std::string client;
    Behaviour behaviour = Behaviour::quick;
    bool fails = false;  ///< its handler answers with an error
    bool large_result = false;
    bool idempotent = false;  ///< by its caller's word, or else its method's
    bool retried = false;     ///< by its client, where that is safe
    bool one_way = false;
    bool streams = false;
    TimePoint deadline{};
    TimePoint soonest{};  ///< when a broker that allows less time may end it

    State state = State::open;
    bool said_not_run = false;  ///< its caller was told that it was not run
    bool cancelled = false;     ///< by its caller
    bool forbidden = false;     ///< its caller's key does not allow it
    bool lied_about = false;    ///< a liar had it: what it was told of it may be anything
    unsigned admissions = 0;    ///< how often a broker read it
    unsigned executions = 0;
    std::uint64_t granted = 0;    ///< stream items, by the caller, in all
    std::uint64_t items = 0;      ///< that came
    std::uint64_t streaming = 0;  ///< the execution that they came from; 0: none came
};

/// A run of a handler. Executions count from 1.
struct Execution {
    std::uint64_t call = 0;
    std::string worker;
    bool finished = false;
    std::uint64_t items = 0;  ///< sent
};

/// What an honest handler answers, and what an item holds.
struct Echo {
    std::uint64_t call = 0;
    std::uint64_t execution = 0;
    std::uint64_t items = 0;  ///< sent in all; of an item: those before it
};
std::string packed(const Echo& echo, std::size_t padding = 0);
std::optional<Echo> read_echo(std::string_view packed);

/// The parameters of a call, and the number that they hold. Nothing: they are no honest client's.
std::string packed_params(std::uint64_t call, std::size_t padding);
std::optional<std::uint64_t> read_number(std::string_view params);

/// Not thread-safe. All functions but the first few throw a Violation when a rule is broken.
class History {
public:
    [[nodiscard]] std::uint64_t calls() const noexcept { return calls_.size(); }
    [[nodiscard]] bool knows(std::uint64_t call) const noexcept { return call < calls_.size(); }
    [[nodiscard]] CallRecord& call(std::uint64_t number) { return calls_[number]; }
    [[nodiscard]] std::uint64_t executions() const noexcept { return executions_.size(); }
    [[nodiscard]] Execution& execution(std::uint64_t number) { return executions_[number - 1]; }
    /// Outcomes by "ok" or the name of their code.
    [[nodiscard]] const std::map<std::string, std::uint64_t, std::less<>>& outcomes() const noexcept {
        return outcomes_;
    }

    std::uint64_t made(CallRecord call);
    /// A handler begins. Returns the execution.
    std::uint64_t started(std::uint64_t call, std::string_view worker);
    void got_item(std::uint64_t call, std::string_view item);
    void got_result(std::uint64_t call, std::string_view result);
    void got_error(std::uint64_t call, const Error& error, TimePoint now);

private:
    void end(std::uint64_t call, std::string_view how);
    void check_echo(std::uint64_t call, const std::optional<Echo>& echo, std::string_view of) const;

    std::vector<CallRecord> calls_;
    std::vector<Execution> executions_;
    std::map<std::string, std::uint64_t, std::less<>> outcomes_;
};

}  // namespace rpcbroker::simulation
