// What the broker counts. Each has a line in docs/OPERATIONS.md that says what to do about it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rpcbroker::broker {

enum class Counter : std::uint8_t {
    calls_accepted,         // requests and one-way calls for services that got into the broker
    calls_answered,         // of them: results and errors of workers passed on (or swallowed, one-way)
    calls_failed,           // of them: ended by the broker itself
    calls_too_late,         // of calls_failed: their turn left too little time for what they take
    calls_displaced,        // of calls_failed: they waited, and a client that has less waiting needed the room
    calls_orphaned,         // of calls_accepted: their client went
    calls_refused,          // requests that were answered at once and never got in
    calls_refused_by_wait,  // of them: their turn would have come too late
    calls_dispatched,       // handed to a worker; more than accepted where calls came back or were run again
    calls_returned,         // given back by workers unstarted
    calls_unsent,           // taken back, as their worker was lost before they were sent to it
    calls_rerun,            // idempotent, and their worker was lost
    one_way_failed,         // one-way calls that ended with an error, which nobody hears of
    rpc_calls,              // requests of the service rpc
    malformed_bodies,
    malformed_frames,
    nameless_messages,         // came without a connection
    unauthenticated_messages,  // came without a key, where one is needed
    unexpected_messages,       // well-formed, but not what that side sends
    unknown_notifications,
    stream_items,            // passed on to clients
    late_responses,          // for calls that had ended, or that were never that worker's; stream items, too
    late_items,              // stream items for calls whose caller has had its outcome
    invalid_responses,       // made INTERNAL, because their error was no error object
    undeliverable_messages,  // the peer was gone
    slow_peers_cut,
    peers_cut_off,        // their key was taken out, or they may not any more what they registered
    peers_refused,        // came with a key that is not let in
    connections_refused,  // more than may be, or faster
    floods_cut,           // messages without an end
    clients_lost,         // silent for three heartbeats with calls in flight
    workers_registered,
    workers_lost,  // connection closed or silent, without leave
    workers_left,
    registrations_refused,
    count
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(Counter::count)> counter_names{
    "calls_accepted",
    "calls_answered",
    "calls_failed",
    "calls_too_late",
    "calls_displaced",
    "calls_orphaned",
    "calls_refused",
    "calls_refused_by_wait",
    "calls_dispatched",
    "calls_returned",
    "calls_unsent",
    "calls_rerun",
    "one_way_failed",
    "rpc_calls",
    "malformed_bodies",
    "malformed_frames",
    "nameless_messages",
    "unauthenticated_messages",
    "unexpected_messages",
    "unknown_notifications",
    "stream_items",
    "late_responses",
    "late_items",
    "invalid_responses",
    "undeliverable_messages",
    "slow_peers_cut",
    "peers_cut_off",
    "peers_refused",
    "connections_refused",
    "floods_cut",
    "clients_lost",
    "workers_registered",
    "workers_lost",
    "workers_left",
    "registrations_refused",
};

/// Not thread-safe.
class Counters {
public:
    void add(Counter counter, std::uint64_t n = 1) noexcept { values_[static_cast<std::size_t>(counter)] += n; }
    [[nodiscard]] std::uint64_t operator[](Counter counter) const noexcept {
        return values_[static_cast<std::size_t>(counter)];
    }

private:
    std::array<std::uint64_t, static_cast<std::size_t>(Counter::count)> values_{};
};

}  // namespace rpcbroker::broker
