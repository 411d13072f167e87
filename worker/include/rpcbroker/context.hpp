// What a handler may know of the call that it serves. A handler that wants to takes a Context& as its first parameter.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include <rpcbroker/propagation.hpp>

namespace rpcbroker {

namespace detail {
struct RunningCall;
}

/// Valid while the handler runs. cancelled() may be asked from any thread until then; all else belongs to the handler's
/// own. Views point into the call's message and live as long as this.
class Context {
public:
    using Clock = std::chrono::steady_clock;

    explicit Context(detail::RunningCall& call) noexcept : call_(&call) {}
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    /// "EchoUtil.CountString".
    [[nodiscard]] std::string_view method() const noexcept;

    /// When the caller stops waiting; nothing when the broker did not say.
    [[nodiscard]] std::optional<Clock::time_point> deadline() const noexcept;
    /// Zero when it has passed.
    [[nodiscard]] std::optional<Clock::duration> time_left() const;

    /// Nobody waits for the result any more: the caller cancelled, left or ran out of time, or the broker went or has said
    /// nothing for 30 s. A handler may stop then; what it returns is dropped.
    [[nodiscard]] bool cancelled() const noexcept;
    /// Waits. Returns true after the whole of `duration`, false as soon as the call is cancelled.
    bool wait_for(std::chrono::nanoseconds duration);
    /// Calls `callback` once when the call is cancelled (at once if it is already), and never after the handler has
    /// returned. It runs on another thread, one that the worker needs: it is to return quickly, must not throw, and must
    /// not use this Context but for cancelled(). Several may be given.
    void on_cancel(std::function<void()> callback);
    /// For what takes one of those: stop is requested when the call is cancelled. It may outlive the handler, and then
    /// nothing is requested of it any more. Its std::stop_callbacks are bound by what is said of on_cancel().
    [[nodiscard]] std::stop_token stop_token();

    /// The caller's own metadata.
    [[nodiscard]] std::map<std::string, std::string> meta() const;
    /// The W3C `traceparent` that came with the call; empty when none did.
    [[nodiscard]] std::string_view trace() const noexcept;
    /// What the calls that are made for this one should carry on: `client.within(context.propagation())`.
    [[nodiscard]] Propagation propagation() const;
    /// The affinity key that brought the call here, if it had one.
    [[nodiscard]] std::optional<std::string_view> key() const noexcept;
    /// The name that the broker knows the caller by; empty where it knows none.
    [[nodiscard]] std::string_view caller() const noexcept;

    [[nodiscard]] const std::string& worker_name() const noexcept;
    /// As the broker that sent the call names this worker.
    [[nodiscard]] const std::string& worker_id() const noexcept;

protected:
    [[nodiscard]] detail::RunningCall& running() const noexcept { return *call_; }

private:
    detail::RunningCall* call_;
};

}  // namespace rpcbroker
