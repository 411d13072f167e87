// The calls that rpc-call makes.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

#include <rpcbroker/client.hpp>

#include "client/rpc_call_options.hpp"
#include "common/time.hpp"

namespace rpcbroker {

/// Makes the calls that were asked for, up to `parallel` at once, and prints their results in the order of their start.
///
/// A method that streams refuses a call without `stream`; one that does not is run again where it is idempotent, if the
/// call has no `stream`. So a call is made without, and again with it if that was refused and the method streams.
/// Streams are read one after the other, a line an item, as they come.
class RpcCaller {
public:
    /// All must outlive it. `is_interrupted` says whether to begin no more calls.
    RpcCaller(Client& client, const RpcCallOptions& options, std::function<bool()> is_interrupted, std::ostream& out,
              std::ostream& err)
        : client_(client), options_(options), is_interrupted_(std::move(is_interrupted)), out_(out), err_(err) {}

    /// The exit status: that of the first error. Once.
    int run();
    /// Whether it ended because nobody reads what it prints.
    [[nodiscard]] bool reader_is_gone() const { return reader_is_gone_; }

private:
    struct Open {
        RawFuture future;
        TimePoint begun;
    };

    void begin_call();
    void finish_first();
    void finish(const Result<RawReply>& reply, TimePoint begun);
    void read_stream(TimePoint begun);
    bool is_refused_stream(const Result<RawReply>& reply, TimePoint begun);
    bool streams(TimePoint begun);
    [[nodiscard]] std::chrono::milliseconds time_left(TimePoint begun) const;
    bool print(std::string_view packed);
    void print_timing_of(const Result<RawReply>& reply, TimePoint begun);
    void note(const Error& error);

    Client& client_;
    const RpcCallOptions& options_;
    std::function<bool()> is_interrupted_;
    std::ostream& out_;
    std::ostream& err_;
    std::deque<Open> open_;
    std::optional<bool> streams_;  ///< whether the method does, once that was asked
    bool reader_is_gone_ = false;
    bool cancelled_ = false;
    int status_ = 0;
};

}  // namespace rpcbroker
