#include <rpcbroker/caller.hpp>

#include <utility>

#include "client/client_runtime.hpp"
#include "client/stream_reader.hpp"

namespace rpcbroker {

namespace {

/// What one call is made with, for as long as it is being made.
class Making {
public:
    Making(std::string_view method, std::string_view params, const CallOptions& options, const Propagation* within)
        : merged_(within ? std::optional{merge(options, *within)} : std::nullopt),
          call_{.method = method, .params = params, .options = merged_ ? *merged_ : options} {
        if (within) call_.latest = within->deadline;
    }
    Making(const Making&) = delete;
    Making& operator=(const Making&) = delete;

    [[nodiscard]] NewCall& call() noexcept { return call_; }

private:
    static CallOptions merge(CallOptions options, const Propagation& within) {
        if (options.trace.empty()) options.trace = within.trace;
        options.meta.insert(within.meta.begin(), within.meta.end());
        return options;
    }

    std::optional<CallOptions> merged_;
    NewCall call_;
};

}  // namespace

Caller::Caller(std::shared_ptr<detail::ClientRuntime> runtime, std::shared_ptr<const Propagation> within) noexcept
    : runtime_(std::move(runtime)), within_(std::move(within)) {}

Result<RawReply> Caller::call_raw(std::string_view method, std::string_view params, const CallOptions& options) {
    Making making{method, params, options, within_.get()};
    return runtime_->call(making.call());
}

RawFuture Caller::async_raw(std::string_view method, std::string_view params, const CallOptions& options) {
    Making making{method, params, options, within_.get()};
    return {runtime_, runtime_->start(making.call())};
}

void Caller::async_raw(std::string_view method, std::string_view params, const CallOptions& options,
                       RawFuture::Callback callback) {
    Making making{method, params, options, within_.get()};
    runtime_->start(making.call(), std::move(callback));
}

std::vector<RawFuture> Caller::async_raw(std::span<RawCall> calls) {
    std::vector<RawFuture> futures;
    futures.reserve(calls.size());
    auto hold = runtime_->hold();
    for (auto& each : calls) {
        Making making{each.method, each.params, each.options, within_.get()};
        futures.emplace_back(runtime_, runtime_->start(hold, making.call(), std::move(each.callback)));
    }
    return futures;
}

RawStream Caller::stream_raw(std::string_view method, std::string_view params, const CallOptions& options) {
    Making making{method, params, options, within_.get()};
    return RawStream{std::make_unique<detail::StreamReader>(runtime_, making.call())};
}

Result<void> Caller::notify_raw(std::string_view method, std::string_view params, const CallOptions& options) {
    Making making{method, params, options, within_.get()};
    making.call().one_way = true;
    auto reply = runtime_->call(making.call());
    if (!reply) return std::move(reply).error();
    return {};
}

}  // namespace rpcbroker
