// How a handler sends a stream of items to its caller: it takes a StreamContext<T>& as its first parameter, which makes
// its method a stream of T.
//
//     service.method("Range", [](rpcbroker::StreamContext<int>& stream, int n) {
//         for (int i = 0; i < n && stream.send(i); ++i) continue;
//         return n;  // the final result, which ends the stream
//     });
//
// The caller says how many items it takes, and grants more as it reads them. That holds the handler back, so that a slow
// reader fills nobody's memory. Items leave at once, several in one body where they come fast.
#pragma once

#include <chrono>
#include <string>

#include <rpcbroker/context.hpp>
#include <rpcbroker/convert.hpp>

namespace rpcbroker {

namespace detail {

/// What there is to a StreamContext apart from its type.
class ItemStream : public Context {
public:
    /// Waits until an item could be sent. False when the time is over, or as soon as the call is cancelled.
    bool wait_for_credit(std::chrono::nanoseconds duration);

protected:
    explicit ItemStream(RunningCall& call) noexcept : Context(call) {}

    /// The string to append one value to, before it is sent.
    std::string& begin_item();
    bool send_item();
    bool try_send_item();
};

}  // namespace detail

/// Valid while the handler runs, on its own thread (but cancelled(), as of any Context).
template <class T>
class StreamContext final : public detail::ItemStream {
public:
    explicit StreamContext(detail::RunningCall& call) noexcept : ItemStream(call) {}

    /// Waits while the caller takes no more items, and sends this one. False as soon as the call is cancelled: nobody
    /// wants items any more, and the handler should return. Throws Error (RESOURCE_EXHAUSTED) for an item over the
    /// broker's limit, which was not sent; the stream may go on.
    bool send(const T& item) {
        if (cancelled()) return false;
        pack_value(begin_item(), item);
        return send_item();
    }
    /// The same without waiting. False also when the caller takes no item just now: then it was not sent.
    bool try_send(const T& item) {
        if (cancelled()) return false;
        pack_value(begin_item(), item);
        return try_send_item();
    }
};

}  // namespace rpcbroker
