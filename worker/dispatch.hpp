// Runs the handler of one call and writes the response, whatever the handler does.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "worker/cancellation.hpp"
#include "worker/registry.hpp"
#include "worker/worker_core.hpp"

namespace rpcbroker {

namespace detail {

/// Where a running call's stream items go. Of the handler's thread. `item` is a whole message, and is left as it is when
/// it is not sent.
class ItemSink {
public:
    ItemSink() = default;
    virtual ~ItemSink() = default;
    ItemSink(const ItemSink&) = delete;
    ItemSink& operator=(const ItemSink&) = delete;

    /// Waits for credit and room.
    virtual ItemSent send(std::string& item) = 0;
    virtual ItemSent try_send(std::string& item) = 0;
    /// Whether an item could be sent, at the end of the wait.
    virtual bool wait_for_credit(std::chrono::nanoseconds duration) = 0;
};

/// A call on a thread: what Context shows of it. Used for one call after the other, all of the same registry.
struct RunningCall {
    Call call;
    Cancellation cancellation;
    std::string worker_name;
    const Method* method = nullptr;  ///< that was called last: mostly it is called again
    ItemSink* items = nullptr;       ///< must be there when a method streams
    std::string item;                ///< the one that is being sent
};

/// Of a request's option `meta`; empty for an empty one.
std::map<std::string, std::string> unpack_meta(std::string_view packed);

}  // namespace detail

/// Replaces `response` by the whole response message, and returns the error that it holds, if any. No exception gets out.
Result<void> dispatch(const Registry& registry, detail::RunningCall& running, std::string& response);

}  // namespace rpcbroker
