#include <rpcbroker/client.hpp>

#include "client/client_runtime.hpp"
#include "client/stream_reader.hpp"

namespace rpcbroker {

namespace {

ClientOptions with_endpoint(std::string_view endpoint) {
    ClientOptions options;
    options.brokers = {std::string{endpoint}};
    return options;
}

}  // namespace

Client::Client(std::string_view endpoint) : Client(with_endpoint(endpoint)) {}

Client::Client(ClientOptions options) : Client(std::move(options), transport::Context::shared()) {}

Client::Client(ClientOptions options, const transport::Context& context)
    : runtime_(std::make_shared<detail::ClientRuntime>(std::move(options), context)) {}

Client::~Client() { runtime_->shut_down(); }

Result<RawReply> Client::call_raw(std::string_view method, std::string_view params, const CallOptions& options) {
    return runtime_->call({.method = method, .params = params, .options = options});
}

RawFuture Client::async_raw(std::string_view method, std::string_view params, const CallOptions& options) {
    return {runtime_, runtime_->start({.method = method, .params = params, .options = options})};
}

Result<void> Client::notify_raw(std::string_view method, std::string_view params, const CallOptions& options) {
    auto reply = runtime_->call({.method = method, .params = params, .options = options, .one_way = true});
    if (!reply) return std::move(reply).error();
    return {};
}

RawStream Client::stream_raw(std::string_view method, std::string_view params, const CallOptions& options) {
    const NewCall call{.method = method, .params = params, .options = options};
    return RawStream{std::make_unique<detail::StreamReader>(runtime_, call)};
}

void Client::close() { runtime_->close(); }

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

Error detail::unexpected_result(const Error& mismatch) {
    return Error{Code::internal, mismatch.message(), By::client, Ran::maybe};
}

}  // namespace rpcbroker
