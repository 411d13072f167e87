#include "gateway/lane.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace rpcbroker {
namespace {

std::chrono::milliseconds time_left(std::chrono::milliseconds timeout, TimePoint begun) {
    const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
    return std::max(std::chrono::milliseconds{1}, timeout - spent);
}

/// As the broker refuses a call of a method that streams, made without asking for a stream.
bool may_lack_stream(const Result<RawReply>& reply) {
    return !reply && reply.error().code() == Code::invalid_argument && reply.error().by() == By::broker &&
           reply.error().ran() == Ran::no;
}

}  // namespace

Lane::~Lane() {
    for (const auto id : started_) calls_.cancel(id);
}

void Lane::call(std::string method, CallOptions options, Prepare prepare, Done done) {
    call(std::move(method), std::move(options), std::move(prepare), std::move(done), Streaming{});
}

void Lane::call(std::string method, CallOptions options, Prepare prepare, Done done, Streaming streaming) {
    auto call = std::make_shared<Call>(Call{std::move(method), std::move(options), std::move(prepare), std::move(done),
                                            std::move(streaming), Clock::now()});
    ++waiting_;
    catalog_.find(call->method, [this, call, alive = std::weak_ptr{alive_}](const MethodInfoPtr& info) {
        if (!alive.expired()) prepared(info, call);
    });
}

void Lane::notify(const std::string& method, CallOptions options, Prepare prepare) {
    catalog_.find(method, [&calls = calls_, method, options = std::move(options),
                           prepare = std::move(prepare)](const MethodInfoPtr& info) {
        if (auto params = prepare(*info))
            calls.start(method, *std::move(params), options, [](const Result<RawReply>&) {});
    });
}

void Lane::ask(std::string_view method, std::function<void(Result<RawReply>)> done) {
    using namespace std::chrono_literals;
    CallOptions options;
    options.timeout = 2s;
    start(std::string{method}, "\x90", options, std::move(done));
}

void Lane::ask_at(std::size_t broker, std::string_view method, Calls::Done done) {
    using namespace std::chrono_literals;
    CallOptions options;
    options.timeout = 1s;
    call_at(broker, method, "\x90", options, std::move(done));
}

void Lane::call_at(std::size_t broker, std::string_view method, std::string_view params, const CallOptions& options,
                   Calls::Done done) {
    auto id = std::make_shared<CallId>(0);
    *id = calls_.start_at(broker, method, params, options, ending(id, std::move(done)));
    started_.insert(*id);
}

void Lane::start(std::string method, std::string params, CallOptions options, Calls::Done done,
                 const Calls::Item& item) {
    auto id = std::make_shared<CallId>(0);
    auto ended = ending(id, std::move(done));
    *id = item ? calls_.open(method, params, options, item, std::move(ended))
               : calls_.start(std::move(method), std::move(params), std::move(options), std::move(ended));
    started_.insert(*id);
}

/// What a call that is known as started ends with; `*id` is to be set before.
Calls::Done Lane::ending(const std::shared_ptr<CallId>& id, Calls::Done done) {
    return [this, id, done = std::move(done)](Result<RawReply> reply) {
        started_.erase(*id);
        done(std::move(reply));
    };
}

void Lane::prepared(const MethodInfoPtr& info, const std::shared_ptr<Call>& call) {
    --waiting_;
    auto params = call->prepare(*info);
    if (!params) return call->done(*info, std::move(params).error());
    const bool streams = call->streaming.item && (call->streaming.always || (info->known && info->stream));
    start(
        call->method, *std::move(params), call->options,
        [this, info, call, streams](Result<RawReply> reply) {
            if (!streams && call->streaming.item && may_lack_stream(reply))
                return try_as_stream(info, call, std::move(reply));
            call->done(*info, std::move(reply));
        },
        streams ? call->streaming.item : Calls::Item{});
}

/// The method may have been registered after it was asked for, or anew.
void Lane::try_as_stream(const MethodInfoPtr& info, const std::shared_ptr<Call>& call, Result<RawReply> refusal) {
    ++waiting_;
    catalog_.forget(call->method);
    catalog_.find(call->method, [this, info, call, refusal = std::move(refusal),
                                 alive = std::weak_ptr{alive_}](const MethodInfoPtr& now) {
        if (alive.expired()) return;
        if (now->known && now->stream) {
            if (call->options.timeout) call->options.timeout = time_left(*call->options.timeout, call->begun);
            return prepared(now, call);
        }
        --waiting_;
        call->done(*info, refusal);
    });
}

}  // namespace rpcbroker
