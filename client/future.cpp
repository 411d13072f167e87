#include <rpcbroker/future.hpp>

#include <utility>

#include "client/client_runtime.hpp"

namespace rpcbroker {

RawFuture::RawFuture(std::shared_ptr<detail::ClientRuntime> runtime, std::shared_ptr<detail::PendingCall> call)
    : runtime_(std::move(runtime)), call_(std::move(call)) {}

bool RawFuture::ready() const { return runtime_->ready(*call_); }

void RawFuture::wait() const { runtime_->wait(*call_, std::nullopt); }

bool RawFuture::wait_for(std::chrono::milliseconds timeout) const {
    return runtime_->wait(*call_, Clock::now() + timeout);
}

void RawFuture::cancel() { runtime_->cancel(*call_); }

Result<RawReply> RawFuture::result() { return runtime_->take(*call_); }

void RawFuture::then(Callback callback) { runtime_->then(call_, std::move(callback)); }

detail::RawAwaiter::~RawAwaiter() {
    if (suspended_ && !reply_) future_.runtime_->take_back_callback(*future_.call_);
}

/// As soon as the callback is given, the coroutine may go on elsewhere and this be destroyed: nothing of it is used.
void detail::RawAwaiter::await_suspend(std::coroutine_handle<> waiting) {
    suspended_ = true;
    const auto runtime = future_.runtime_;
    const auto call = future_.call_;
    runtime->then(call, [this, waiting](Result<RawReply> reply) {
        reply_ = std::move(reply);
        waiting.resume();
    });
}

Result<RawReply> detail::RawAwaiter::await_resume() {
    if (!std::exchange(suspended_, false)) return future_.result();
    return *std::exchange(reply_, std::nullopt);
}

Error detail::unexpected_result(const Error& mismatch) {
    return Error{Code::internal, mismatch.message(), By::client, Ran::maybe};
}

}  // namespace rpcbroker
