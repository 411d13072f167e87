#include "client/rpc_caller.hpp"

#include <algorithm>
#include <cerrno>
#include <ostream>
#include <utility>

#include <rpcbroker/stream.hpp>

#include "client/entry.hpp"
#include "client/exit_status.hpp"

namespace rpcbroker {

int RpcCaller::run() {
    for (std::uint64_t made = 0; made < options_.repeat && !is_interrupted_() && out_; ++made) begin_call();
    while (!open_.empty() && out_) finish_first();
    return status_ == 0 && is_interrupted_() ? exit_status(Code::cancelled) : status_;
}

void RpcCaller::begin_call() {
    const auto begun = Clock::now();
    if (options_.one_way) {
        const auto sent = client_.notify_raw(options_.method, options_.params, options_.call);
        if (!sent) note(sent.error());
    } else if (streams_ == true) {
        while (!open_.empty()) finish_first();
        read_stream(begun);
    } else if (options_.parallel == 1) {
        finish(client_.call_raw(options_.method, options_.params, options_.call), begun);
    } else {
        if (open_.size() == options_.parallel) finish_first();
        open_.push_back({client_.async_raw(options_.method, options_.params, options_.call), begun});
    }
}

void RpcCaller::finish_first() {
    auto first = std::move(open_.front());
    open_.pop_front();
    finish(first.future.result(), first.begun);
}

void RpcCaller::finish(const Result<RawReply>& reply, TimePoint begun) {
    if (is_refused_stream(reply, begun)) return read_stream(begun);
    if (!reply) return note(reply.error());
    if (print(reply->result)) print_timing_of(reply, begun);
}

bool RpcCaller::is_refused_stream(const Result<RawReply>& reply, TimePoint begun) {
    return !reply && reply.error().code() == Code::invalid_argument && reply.error().ran() == Ran::no && streams(begun);
}

bool RpcCaller::streams(TimePoint begun) {
    if (streams_) return *streams_;
    std::string params;
    pack_params(params, options_.method);
    const auto reply = client_.call_raw("rpc.describe", params, {.timeout = time_left(begun)});
    if (reply) streams_ = Entry{reply->result}.get<bool>("stream");
    return streams_.value_or(false);
}

std::chrono::milliseconds RpcCaller::time_left(TimePoint begun) const {
    const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
    return std::max(std::chrono::milliseconds{0}, options_.call.timeout.value() - spent);
}

void RpcCaller::read_stream(TimePoint begun) {
    auto options = options_.call;
    options.timeout = time_left(begun);
    auto stream = client_.stream_raw(options_.method, options_.params, options);
    while (true) {
        const auto item = stream.next();
        if (!item) return note(item.error());
        if (!*item) break;
        if (!print(**item)) return;  // and so ends the stream
    }
    print_timing_of(stream.result(), begun);
}

/// Seen at once, also in a pipe. False when nobody sees it any more.
bool RpcCaller::print(std::string_view packed) {
    errno = 0;
    print_value(out_, packed, options_.format);
    if (out_.flush()) return true;
    reader_is_gone_ = errno == EPIPE;
    return false;
}

void RpcCaller::print_timing_of(const Result<RawReply>& reply, TimePoint begun) {
    if (reply && options_.timing) print_timing(err_, reply->timing, Clock::now() - begun);
}

/// Of calls that were interrupted together, one is reported.
void RpcCaller::note(const Error& error) {
    const bool cancelled = error.code() == Code::cancelled;
    if (!cancelled || !std::exchange(cancelled_, true)) report(err_, "rpc-call", error);
    if (status_ == 0) status_ = exit_status(error.code());
}

}  // namespace rpcbroker
