// Runs the handler of one call and writes the response, whatever the handler does.
#pragma once

#include <string>

#include "worker/cancellation.hpp"
#include "worker/registry.hpp"
#include "worker/worker_core.hpp"

namespace rpcbroker {

namespace detail {

/// A call on a thread: what Context shows of it.
struct RunningCall {
    Call call;
    Cancellation cancellation;
    std::string worker_name;
};

}  // namespace detail

/// Replaces `response` by the whole response message. No exception gets out.
void dispatch(const Registry& registry, detail::RunningCall& running, std::string& response);

}  // namespace rpcbroker
