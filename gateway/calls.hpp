// Calls at the broker, as the loop's thread makes them and hears of them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include <rpcbroker/client_options.hpp>
#include <rpcbroker/raw_reply.hpp>
#include <rpcbroker/result.hpp>

namespace rpcbroker {

using CallId = std::uint64_t;

/// Everything is called, and calls back, on one thread.
class Calls {
public:
    using Done = std::function<void(Result<RawReply>)>;

    /// Takes an item of a stream, packed; false: not now, it is offered again.
    using Item = std::function<bool(std::string_view)>;

    virtual ~Calls() = default;
    /// `params`: one packed array. `done` comes later, never from within start(), and once, unless the call is cancelled.
    virtual CallId start(std::string method, std::string params, CallOptions options, Done done) = 0;
    /// The same of a call that streams: its items come before `done`.
    virtual CallId open(std::string_view method, std::string_view params, const CallOptions& options, Item item,
                        Done done) = 0;
    /// The endpoints of the brokers, each once.
    [[nodiscard]] virtual std::span<const std::string> brokers() const = 0;
    /// As start(), of one of brokers(), whatever the others do.
    virtual CallId start_at(std::size_t broker, std::string_view method, std::string_view params,
                            const CallOptions& options, Done done) = 0;
    /// Its `done` is not called any more. Nothing happens to a call that has ended.
    virtual void cancel(CallId call) = 0;
};

}  // namespace rpcbroker
