#include "tests/simulation/history.hpp"

#include <utility>

#include <rpcbroker/pack.hpp>

#include "tests/simulation/trace.hpp"

namespace rpcbroker::simulation {
namespace {

std::string named(std::uint64_t call) { return "call #" + std::to_string(call); }

}  // namespace

std::string packed(const Echo& echo, std::size_t padding) {
    std::string out;
    Packer{out}
        .array(4)
        .string(std::string(padding, 'z'))
        .unsigned_integer(echo.call)
        .unsigned_integer(echo.execution)
        .unsigned_integer(echo.items);
    return out;
}

std::optional<Echo> read_echo(std::string_view packed) {
    Unpacker in{packed};
    if (in.take_array() != 4U || !in.take_string()) return std::nullopt;
    const auto call = in.take_unsigned();
    const auto execution = in.take_unsigned();
    const auto items = in.take_unsigned();
    if (!call || !execution || !items) return std::nullopt;
    return Echo{*call, *execution, *items};
}

std::string packed_params(std::uint64_t call, std::size_t padding) {
    std::string out;
    Packer{out}.array(2).unsigned_integer(call).string(std::string(padding, 'x'));
    return out;
}

std::optional<std::uint64_t> read_number(std::string_view params) {
    Unpacker in{params};
    if (in.take_array() != 2U) return std::nullopt;
    return in.take_unsigned();
}

std::uint64_t History::made(CallRecord call) {
    calls_.push_back(std::move(call));
    return calls_.size() - 1;
}

std::uint64_t History::started(std::uint64_t number, std::string_view worker) {
    executions_.push_back({number, std::string{worker}, false, 0});
    CallRecord& call = calls_[number];
    ++call.executions;
    if (call.forbidden) throw Violation{"nothing runs that its caller's key does not allow", named(number) + " starts"};
    if (call.said_not_run) throw Violation{"no call is run that was said not to have run", named(number) + " starts"};
    // Each time that a broker reads it, it may be run once more if its worker is lost.
    const unsigned allowed = call.streams || !call.idempotent ? 1 : 2 * call.admissions;
    if (call.executions > allowed)
        throw Violation{"nothing runs twice that is not idempotent, and that at most once more for each broker",
                        named(number) + " runs " + std::to_string(call.executions) + " times, read by brokers " +
                            std::to_string(call.admissions) + " times"};
    return executions_.size();
}

void History::check_echo(std::uint64_t number, const std::optional<Echo>& echo, std::string_view of) const {
    const bool good = echo && echo->call == number && echo->execution >= 1 && echo->execution <= executions_.size() &&
                      executions_[echo->execution - 1].call == number;
    if (good) return;
    throw Violation{"what a caller gets is of its own call", named(number) + " got the " + std::string{of} + " of " +
                                                                 (echo ? named(echo->call) : "no call at all")};
}

void History::got_item(std::uint64_t number, std::string_view item) {
    CallRecord& call = calls_[number];
    if (call.state != CallRecord::State::open)
        throw Violation{"no item comes after the outcome", named(number) + " got an item"};
    if (call.items >= call.granted)
        throw Violation{"no more items come than were granted",
                        named(number) + " got item " + std::to_string(call.items)};
    const auto sequence = call.items++;
    if (call.lied_about) return;
    const auto echo = read_echo(item);
    check_echo(number, echo, "stream item");
    if (call.streaming == 0) call.streaming = echo->execution;
    if (echo->execution != call.streaming || echo->items != sequence)
        throw Violation{
            "items come in order, each once, of one run",
            named(number) + " got item " + std::to_string(echo->items) + " in place of " + std::to_string(sequence)};
}

void History::got_result(std::uint64_t number, std::string_view result) {
    CallRecord& call = calls_[number];
    end(number, "ok");
    if (call.lied_about || call.one_way) return;
    const auto echo = read_echo(result);
    check_echo(number, echo, "result");
    if (call.fails) throw Violation{"a handler's error arrives as such", named(number) + " got a result"};
    if (call.streams && call.items != echo->items)
        throw Violation{"no item is lost", named(number) + " got " + std::to_string(call.items) + " items of " +
                                               std::to_string(echo->items)};
}

void History::got_error(std::uint64_t number, const Error& error, TimePoint now) {
    CallRecord& call = calls_[number];
    end(number, name_of(error.code()));
    if (error.ran() == Ran::no) call.said_not_run = true;
    if (call.said_not_run && call.executions > 0)
        throw Violation{"\"ran: no\" is said of no call that ran", named(number) + ": " + error.what()};
    const bool denied = error.code() == Code::permission_denied || error.code() == Code::unauthenticated;
    if (denied && error.by() != By::handler && !call.forbidden)
        throw Violation{"nobody is denied what their key allows", named(number) + ": " + error.what()};
    if (call.lied_about) return;
    if (error.code() == Code::deadline_exceeded && now < call.soonest)
        throw Violation{"no deadline comes before its time", named(number) + ": " + error.what()};
    if (error.code() == Code::cancelled && !call.cancelled)
        throw Violation{"only a caller cancels", named(number) + ": " + error.what()};
    if (error.code() == Code::internal && error.by() != By::handler)
        throw Violation{"nobody honest is taken for a liar", named(number) + ": " + error.what()};
    if (error.by() != By::handler) return;
    const auto of = Unpacker{error.data()}.take_unsigned();
    if (of != number || (error.code() == Code::aborted && !call.fails))
        throw Violation{"what a caller gets is of its own call",
                        named(number) + " got the error of another: " + error.what()};
}

void History::end(std::uint64_t number, std::string_view how) {
    CallRecord& call = calls_[number];
    if (call.state != CallRecord::State::open)
        throw Violation{"every call has one outcome", named(number) + " ends again: " + std::string{how}};
    call.state = CallRecord::State::ended;
    ++outcomes_[std::string{how}];
}

}  // namespace rpcbroker::simulation
