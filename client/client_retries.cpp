// Calls that are tried again: which, when, and at what price.
#include <algorithm>
#include <limits>

#include "client/client_core.hpp"

namespace rpcbroker {

namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

/// No call lasts longer: what is beyond it ends the call, and stays far from the limits of the clock's arithmetic.
constexpr Milliseconds longest_pause{std::numeric_limits<std::uint32_t>::max()};
constexpr double most_growth = 1000;

}  // namespace

std::unique_ptr<ClientSession::Retrying> ClientSession::retrying_by(const RetryPolicy& policy) {
    return std::make_unique<Retrying>(Retrying{policy, policy.attempts - 1, policy.initial_pause});
}

bool ClientSession::may_be_tried_again(const Call& call, const Error& error) noexcept {
    if (!call.retrying || call.retrying->left == 0 || call.items_came) return false;
    if (error.code() != Code::unavailable && error.code() != Code::resource_exhausted) return false;
    return error.ran() == Ran::no || (call.idempotent && !call.stream);
}

/// An attempt ended with an error: so does the call, or it is tried again.
void ClientSession::fail(CallId id, Error error, TimePoint now) {
    Call& call = calls_.at(id);
    if (try_again(id, call, error, now)) return;
    // "no" is said of the last attempt; what counts is whether any of them may have run.
    if (call.may_have_run && error.ran() == Ran::no) error.set_ran(Ran::maybe);
    end(id, std::move(error));
}

bool ClientSession::try_again(CallId id, Call& call, const Error& error, TimePoint now) {
    if (!may_be_tried_again(call, error)) return false;
    const auto pause = next_pause(*call.retrying, error);
    if (now + pause >= call.deadline || !spend_retry()) return false;
    --call.retrying->left;
    release(call);
    if (error.ran() != Ran::no) call.may_have_run = true;
    call.resting = true;
    deadlines_.remove(call.timer);
    call.timer = deadlines_.add(now + pause, id);
    return true;
}

Duration ClientSession::next_pause(Retrying& retrying, const Error& error) {
    const RetryPolicy& policy = retrying.policy;
    const auto longest = std::min<Milliseconds>(policy.max_pause, longest_pause);
    const auto pause = std::clamp(retrying.pause, Milliseconds::zero(), std::max(longest, Milliseconds::zero()));
    retrying.pause = pause * std::min(std::max(1.0, policy.growth), most_growth);
    const auto jittered = pause * std::uniform_real_distribution<double>{0.5, 1.0}(random_);
    const Milliseconds asked_for = error.retry_after().value_or(std::chrono::milliseconds::zero());
    return std::chrono::duration_cast<Duration>(std::max(jittered, asked_for));
}

bool ClientSession::spend_retry() noexcept {
    if (retry_budget_ < retry_price) {
        ++counters_.retries_denied;
        return false;
    }
    retry_budget_ -= retry_price;
    ++counters_.retries;
    return true;
}

/// Its rest is over: it goes to the broker that is best now.
void ClientSession::wake(CallId id, Call& call, TimePoint now) {
    call.resting = false;
    if (call.deadline <= now)
        return end(id, Error{Code::deadline_exceeded, "the call's time ran out before it could be tried again",
                             By::client, call.may_have_run ? Ran::maybe : Ran::no});
    call.timer = deadlines_.add(call.deadline, id);
    if (every_broker_refuses()) return end(id, refused_error(call.may_have_run));
    waiting_.insert(id);
    dispatch(id, call, now);
}

}  // namespace rpcbroker
