// What a client, and a single call, can be asked for.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <rpcbroker/endpoint.hpp>
#include <rpcbroker/keys.hpp>

namespace rpcbroker {

/// Whether and when a call that failed is tried again. Only UNAVAILABLE and RESOURCE_EXHAUSTED are, as a broker or a worker
/// says them, and only when the call certainly did not run ("ran": "no") or CallOptions::idempotent is true. A stream is
/// tried again only when it certainly did not run, idempotent or not; a one-way call never.
///
/// The pauses before the second, third, … attempt grow; each is cut by up to a half, at random, so that many clients do
/// not come back at the same moment, but is never shorter than the error's retry_after. When the pause would outlast the
/// call's time, the error is the caller's at once; after the last attempt it is that one's error.
///
/// So that retries cannot make an overload worse, a Client has a budget for all of its calls: each call made adds a fifth
/// of a retry, up to the ten it begins with. When it is used up, errors are the callers' at once.
struct RetryPolicy {
    /// The first one included; 1: nothing is tried again.
    unsigned attempts = 1;
    std::chrono::milliseconds initial_pause{50};
    std::chrono::milliseconds max_pause{2000};
    /// A pause is so many times as long as the one before it; at least 1.
    double growth = 2;
};

/// How a Client is made. What stands here is good for nearly everybody.
struct ClientOptions {
    /// Endpoints of brokers. With several, a call goes to the connected one that has the fewest of this client's calls;
    /// one that is gone is passed by until it is back.
    std::vector<std::string> brokers{std::string{default_frontend}};
    /// Shown by the broker where it names its clients (rpc.calls, logs). Empty: none.
    std::string name{};
    /// For calls that say nothing else. Every call has a deadline.
    std::chrono::milliseconds timeout{std::chrono::seconds{30}};
    /// Calls that may be waiting or in flight at once; one more ends with RESOURCE_EXHAUSTED.
    std::size_t max_calls = 100'000;
    /// Bytes of requests that are kept, because no broker takes them now or because they may have to be run again. A
    /// request that does not fit ends with RESOURCE_EXHAUSTED; a single one is always kept.
    std::size_t max_held_bytes = std::size_t{256} << 20;
    /// Bodies larger than this are not taken from a broker: they close the connection.
    std::size_t max_message = std::size_t{64} << 20;
    /// For calls that say nothing else. The request of a call that may be tried again is held until it ends.
    RetryPolicy retry{};
    /// For brokers with keys: all of them have the same one. Not for inproc.
    std::optional<PeerKeys> keys{};
};

/// How one call is made: docs/PROTOCOL.md, "Options". Texts are UTF-8.
struct CallOptions {
    /// For the whole call, from when it is made. Missing: the client's. Up to some 49 days.
    std::optional<std::chrono::milliseconds> timeout{};
    /// Running it twice does no harm: if its worker or its broker is lost, it is run once more. Missing: what the worker
    /// registered, which only the broker knows of; a lost broker then ends the call.
    std::optional<bool> idempotent{};
    /// Calls with the same key go to the same worker while the set of workers stays the same.
    std::optional<std::string> key{};
    /// The id of the one worker that may run it; empty: any.
    std::string worker{};
    /// The caller's own, handed to the handler.
    std::map<std::string, std::string> meta{};
    /// W3C traceparent, handed to the handler; empty: none.
    std::string trace{};
    /// Asks for the times of the call: RawReply::timing.
    bool timing = false;
    /// Of a stream: how many items may be on their way to its reader or wait for it, at least 1. Missing: as many as
    /// make about 1 MiB, between 2 and 1024, beginning with 32.
    std::optional<std::uint32_t> window{};
    /// Missing: the client's.
    std::optional<RetryPolicy> retry{};
};

}  // namespace rpcbroker
