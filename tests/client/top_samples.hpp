// Answers of a broker, as JSON that tests can read, made into snapshots.
#pragma once

#include <chrono>
#include <string_view>

#include "client/json_msgpack.hpp"
#include "client/top_snapshot.hpp"

namespace rpcbroker {

inline Result<Snapshot> read_json(std::string_view services, std::string_view workers, std::string_view stats,
                                  std::chrono::milliseconds at = {}) {
    return read_snapshot(json_to_msgpack(services).value(), json_to_msgpack(workers).value(),
                         json_to_msgpack(stats).value(), TimePoint{at});
}

/// A snapshot with nothing in it but these figures of the broker.
inline Snapshot snapshot_of(std::string_view stats, std::chrono::milliseconds at = {}) {
    return read_json("[]", "[]", stats, at).value();
}

/// A broker with two services, a worker and a client, which has served for a while.
inline Snapshot busy_snapshot() {
    return read_json(R"([{"name": "Echo", "workers": 1, "queued": 0, "in_flight": 2, "methods": [
                            {"name": "Count", "calls": 100, "errors": 5}, {"name": "Fail", "calls": 10, "errors": 10}]},
                         {"name": "Disk", "workers": 2, "queued": 7, "in_flight": 1, "methods": [
                            {"name": "Read", "calls": 50, "errors": 0}]}])",
                     R"([{"id": "a-1", "name": "w1", "address": "10.0.0.1:4000", "services": ["Echo", "Disk"],
                          "capacity": 8, "in_flight": 3, "abandoned": 1, "oldest_us": 95000000, "completed": 160,
                          "errors": 15, "uptime": 61000, "draining": true}])",
                     R"({"broker": "a", "version": "1.2", "uptime_ms": 10000, "calls_accepted": 1000,
                         "calls_refused": 1, "calls_queued": 7, "places_taken": 3, "clients": 2,
                         "methods": {"Echo.Count": {"calls": 100, "errors": 5, "queued": 0, "in_flight": 2, "items": 40,
                                                    "recent": {"count": 9, "p50_us": 80, "p99_us": 1500},
                                                    "last_error": {"code": "INTERNAL", "message": "bad",
                                                                   "age_ms": 4000}},
                                     "Echo.Fail": {"calls": 10, "errors": 10, "queued": 0, "in_flight": 0, "items": 0,
                                                   "recent": {"count": 0, "p50_us": 0, "p99_us": 0},
                                                   "last_error": {"code": "ABORTED", "message": "as told",
                                                                  "age_ms": 2000}}},
                         "client_list": [{"id": "c1", "name": "shop", "calls": 90, "errors": 1, "in_flight": 3},
                                         {"id": "c2", "name": "", "calls": 0, "errors": 0, "in_flight": 0}]})")
        .value();
}

/// The same broker two seconds later: 200 calls more of Echo.Count, 4 of them failed, and 10 items.
inline Snapshot later_snapshot() {
    auto later = busy_snapshot();
    later.taken += std::chrono::seconds{2};
    *later.uptime_ms += 2000;
    *later.accepted += 200;
    *later.refused += 2;
    auto& method = later.methods.at("Echo.Count");
    *method.calls += 200;
    *method.errors += 4;
    *method.items += 10;
    *later.workers.at("a-1").completed += 100;
    *later.client_list.at("c1").calls += 50;
    return later;
}

}  // namespace rpcbroker
