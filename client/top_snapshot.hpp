// What a broker says of itself at one moment, as rpc-top shows it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rpcbroker/result.hpp>

#include "common/time.hpp"

namespace rpcbroker {

/// A number that an older broker may not tell.
using Figure = std::optional<std::uint64_t>;

struct LastError {
    std::string code;
    std::string message;
    Figure age_ms;
};

/// Texts here are as they came off the wire: to be escaped by whoever shows them.
struct MethodFigures {
    Figure calls;
    Figure errors;
    Figure queued;
    Figure in_flight;
    Figure items;   ///< stream items
    Figure p50_us;  ///< of the latest calls, where the broker tells; else of all since it started
    Figure p99_us;
    std::optional<LastError> last_error;
};

struct ServiceFigures {
    std::string name;
    Figure workers;
    Figure queued;
    Figure in_flight;
};

struct WorkerFigures {
    std::string name;
    std::string address;
    std::vector<std::string> services;
    Figure capacity;
    Figure in_flight;
    Figure abandoned;  ///< of those in flight: their callers have had their outcome
    Figure oldest_us;  ///< age of the oldest in flight
    Figure completed;
    Figure errors;
    Figure uptime_ms;
    bool draining = false;
};

struct ClientFigures {
    std::string name;
    Figure calls;
    Figure errors;
    Figure in_flight;
};

struct Snapshot {
    TimePoint taken;
    std::string broker_id;  ///< empty: not told
    std::string version;    ///< the same
    Figure uptime_ms;
    Figure accepted;  ///< calls, since the broker started
    Figure refused;   ///< calls that never got in
    Figure queued;
    Figure in_flight;
    Figure clients;
    std::map<std::string, MethodFigures> methods;  ///< by full name
    std::vector<ServiceFigures> services;
    std::map<std::string, WorkerFigures> workers;      ///< by id
    std::map<std::string, ClientFigures> client_list;  ///< by id
};

/// From the results of rpc.services, rpc.workers and rpc.stats. The error (INTERNAL): they are not what a broker says.
/// Anything inside them may be missing.
Result<Snapshot> read_snapshot(std::string_view services, std::string_view workers, std::string_view stats,
                               TimePoint taken);

/// "EchoUtil" of "EchoUtil.Count".
std::string_view service_of(std::string_view method);

}  // namespace rpcbroker
