// More calls than can be done: which of them are let in, and which make room.
#include <algorithm>
#include <utility>

#include "broker/broker_core.hpp"
#include "broker/rpc_messages.hpp"

namespace rpcbroker::broker {

namespace {

/// A rate is known within some per cent, and what is let in too much is found out only when its turn comes, too late for its
/// caller to go elsewhere. So one part in so many is added to what is expected. It costs nothing that workers could do: they
/// are busy all the same.
constexpr int spare_share = 8;

/// Who finds no room comes again when one call in so many that wait has gone: sooner, too few of those who come would find some.
constexpr std::size_t room_share = 8;
/// And when no rate is known.
constexpr std::chrono::milliseconds unknown_rate_pause{1000};

Error too_busy(const Service& service, Duration turn, Duration takes, Duration left) {
    Error error(Code::resource_exhausted,
                "service " + service.name + " is busy: the call's turn would come in " +
                    std::to_string(ceil_milliseconds(turn)) + " ms, it takes " +
                    std::to_string(ceil_milliseconds(takes)) + " ms, and its time is over in " +
                    std::to_string(ceil_milliseconds(left)) + " ms",
                By::broker, Ran::no);
    error.set_retry_after(std::chrono::milliseconds(ceil_milliseconds(turn + takes - left)));
    return error;
}

}  // namespace

/// A call that cannot be answered in its time is refused at once. Its turn is the caller's own: others' floods do not count.
/// Calls for one worker, by id or by key, and those that only some workers may run wait elsewhere.
std::optional<Error> BrokerCore::check_wait(const Client& client, const Call& call) {
    const Service& service = *call.service;
    if (service.waiting.empty() || call.pinned() || call.keyed || !call.method) return std::nullopt;
    if (call.method->groups.empty() || !Directory::is_even(*call.method)) return std::nullopt;
    auto turn = service.rate.time_for(service.waiting.before(client.peer), now_);
    if (!turn) return std::nullopt;
    *turn = std::max(*turn, service.waiting.line_time(client.peer));
    *turn += *turn / spare_share;
    const auto takes = handling_time(call);
    const auto left = call.deadline - now_;
    if (*turn + takes <= left) return std::nullopt;
    counters_.add(Counter::calls_refused_by_wait);
    return too_busy(service, *turn, takes, left);
}

/// What its method usually takes, once it is at a worker. Nothing where that is not known, or where the call is of use
/// before it ends.
Duration BrokerCore::handling_time(const Call& call) const noexcept {
    if (call.takes_items() || call.pinned() || call.keyed || !call.method) return Duration::zero();
    return call.method->handling.usual(now_).value_or(Duration::zero());
}

/// What one client may have in the broker, whether others need the room or not.
std::optional<Error> BrokerCore::check_share(const Client& client, std::size_t bytes) const {
    const bool too_many = client.held >= limits_.max_client_calls;
    if (!too_many && client.held_bytes + bytes <= limits_.max_client_bytes) return std::nullopt;
    return Error{
        Code::resource_exhausted,
        too_many ? "this client has " + std::to_string(client.held) + " calls in flight already (--max-client-calls)"
                 : "the calls of this client hold " + std::to_string(client.held_bytes) +
                       " bytes already (--max-client-bytes)",
        By::broker, Ran::no};
}

/// Limits are for calls that would wait: others' floods are nothing to a call that a worker has room for. Where a limit is
/// reached, clients that have more waiting than this one would have make room: displace() is to be called once the call has
/// its place.
std::optional<Error> BrokerCore::check_room(const Client& client, const Call& call, std::size_t bytes) {
    const Service& service = *call.service;
    const bool too_many = service.queued >= limits_.max_queued;
    const bool too_large = queued_bytes_ + bytes > limits_.max_queued_bytes;
    if ((!too_many && !too_large) || starts_at_once(call) || plan_room(service, client.peer, bytes))
        return std::nullopt;
    if (too_many)
        return no_room(service, "service " + service.name + ": " + std::to_string(limits_.max_queued) +
                                    " calls wait already (--max-queued)");
    return no_room(service,
                   "waiting calls hold " + std::to_string(queued_bytes_) + " bytes already (--max-queued-bytes)");
}

/// Finds the calls that a new one of `client` takes the room of: the newest of who has most.
bool BrokerCore::plan_room(const Service& service, PeerId client, std::size_t bytes) {
    std::size_t freed = 0;
    if (service.queued >= limits_.max_queued) {
        if (service.shares.largest() <= service.shares.held_by(client) + 1) return false;
        displaced_.push_back(service.shares.newest_of_largest(calls_));
        freed = displaced_.front()->tail().size();
    }
    if (plan_bytes(client, bytes, freed)) return true;
    displaced_.clear();
    return false;
}

/// As plan_room(), of bytes, `freed` of which are found already. What was found is taken out of the shares to see who has
/// most then, and put back: whether it has to go is only known when there is enough.
bool BrokerCore::plan_bytes(PeerId client, std::size_t bytes, std::size_t freed) {
    for (Call* call : displaced_) shares_of_bytes_.remove(calls_, *call);
    const auto would_hold = shares_of_bytes_.held_by(client) + bytes;
    while (queued_bytes_ + bytes - freed > limits_.max_queued_bytes && shares_of_bytes_.largest() > would_hold) {
        Call& call = *displaced_.emplace_back(shares_of_bytes_.newest_of_largest(calls_));
        freed += call.tail().size();
        shares_of_bytes_.remove(calls_, call);
    }
    std::for_each(displaced_.rbegin(), displaced_.rend(),
                  [&](Call* call) { shares_of_bytes_.add(calls_, *call, Shares::Age::newest); });
    return queued_bytes_ + bytes - freed <= limits_.max_queued_bytes;
}

/// Ends what was found to make room, as far as it still waits and the room is still wanted.
void BrokerCore::displace() {
    for (Call* call : displaced_) {
        if (!call->queue) continue;
        const Service& service = *call->service;
        if (service.queued <= limits_.max_queued && queued_bytes_ <= limits_.max_queued_bytes) continue;
        counters_.add(Counter::calls_displaced);
        end(*call,
            no_room(service, "service " + service.name + ": this client had most waiting, and others needed the room",
                    call->ran()));
    }
    displaced_.clear();
}

Error BrokerCore::no_room(const Service& service, std::string message, Ran ran) const {
    Error error(Code::resource_exhausted, std::move(message), By::broker, ran);
    const auto time = service.rate.time_for(service.queued / room_share + 1, now_).value_or(unknown_rate_pause);
    error.set_retry_after(std::chrono::milliseconds(ceil_milliseconds(time)));
    return error;
}

}  // namespace rpcbroker::broker
