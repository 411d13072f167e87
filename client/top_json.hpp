// What rpc-top --once --json prints: one document for scripts.
#pragma once

#include <chrono>
#include <string>

#include "client/top_model.hpp"
#include "client/top_render.hpp"
#include "client/top_state.hpp"

namespace rpcbroker {

/// One line of JSON:
///     {"endpoint", "broker", "version", "uptime_ms", "interval_ms", "totals": {"calls_per_s", …},
///      "services": [{"service", "workers", …}, …], "methods": […], "workers": […], "clients": […]}
/// Keys of rows are those of columns_of(); what is not known is null. The filter holds for every view, the order for the
/// one that `state` shows; the others are by name. `status` has an answer.
std::string top_document(const TopStatus& status, const TopState& state);

}  // namespace rpcbroker
