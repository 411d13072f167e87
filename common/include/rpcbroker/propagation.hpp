// What a call hands on to the calls that are made for it: its deadline, its trace, its metadata.
//
//     worker.service("Shop").method("Order", [&](rpcbroker::Context& context, std::string_view item) {
//         return client.within(context.propagation()).call<int>("Stock.Take", item);
//     });
//
// It lies between the worker library, where a handler takes it from its Context, and the client library, so that neither
// needs the other.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

namespace rpcbroker {

/// A plain value that owns what it holds; it may outlive the call that it was taken from.
struct Propagation {
    /// No call made within it lasts longer. Nothing: no limit but its own.
    std::optional<std::chrono::steady_clock::time_point> deadline{};
    /// W3C `traceparent`, as it came; empty: none.
    std::string trace{};
    std::map<std::string, std::string> meta{};
};

}  // namespace rpcbroker
