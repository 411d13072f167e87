#include <rpcbroker/context.hpp>

#include <algorithm>
#include <utility>

#include <rpcbroker/convert.hpp>

#include "worker/dispatch.hpp"

namespace rpcbroker {

std::string_view Context::method() const noexcept { return call_->call.method; }

std::optional<Context::Clock::time_point> Context::deadline() const noexcept { return call_->call.deadline; }

std::optional<Context::Clock::duration> Context::time_left() const {
    const auto end = deadline();
    if (!end) return std::nullopt;
    return std::max(*end - Clock::now(), Clock::duration::zero());
}

bool Context::cancelled() const noexcept { return call_->cancellation.requested(); }

bool Context::wait_for(std::chrono::nanoseconds duration) { return call_->cancellation.wait_for(duration); }

void Context::on_cancel(std::function<void()> callback) { call_->cancellation.on_cancel(std::move(callback)); }

std::stop_token Context::stop_token() { return call_->cancellation.stop_token(); }

std::map<std::string, std::string> Context::meta() const {
    return detail::unpack_meta(call_->call.options.meta.value_or(std::string_view{}));
}

std::string_view Context::trace() const noexcept { return call_->call.options.trace.value_or(std::string_view{}); }

Propagation Context::propagation() const { return {deadline(), std::string{trace()}, meta()}; }

std::optional<std::string_view> Context::key() const noexcept { return call_->call.options.key; }

std::string_view Context::caller() const noexcept { return call_->call.options.caller.value_or(std::string_view{}); }

const std::string& Context::worker_name() const noexcept { return call_->worker_name; }

const std::string& Context::worker_id() const noexcept { return *call_->call.worker; }

}  // namespace rpcbroker
