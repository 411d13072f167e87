// The result of a call that is under way.
//
// A future may outlive its Client: the call has ended by then. Giving a future up does not cancel its call. Different
// futures may be used by different threads at once; one future by one thread at a time.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include <rpcbroker/convert.hpp>
#include <rpcbroker/error.hpp>
#include <rpcbroker/raw_reply.hpp>
#include <rpcbroker/result.hpp>

namespace rpcbroker {

namespace detail {

class ClientRuntime;
struct PendingCall;

/// INTERNAL, by the client: what came back is not what the caller's type takes.
Error unexpected_result(const Error& mismatch);

template <class T>
Result<T> unpack_reply(Result<RawReply> reply) {
    static_assert(!borrows<T>, "a result must own what it holds: take std::string, Bytes or RawValue, not a view");
    if (!reply) return std::move(reply).error();
    if constexpr (std::is_void_v<T>) {
        return {};
    } else {
        auto value = unpack_value<T>(reply->result, "result");
        if (!value) return unexpected_result(value.error());
        return value;
    }
}

}  // namespace detail

/// The reply as it came. Move-only. All members but valid() need a future that a Client made.
class RawFuture {
public:
    using Callback = std::function<void(Result<RawReply>)>;

    RawFuture() = default;
    RawFuture(std::shared_ptr<detail::ClientRuntime> runtime, std::shared_ptr<detail::PendingCall> call);
    RawFuture(RawFuture&&) noexcept = default;
    RawFuture& operator=(RawFuture&&) noexcept = default;

    [[nodiscard]] bool valid() const noexcept { return call_ != nullptr; }
    /// Whether the call has ended.
    [[nodiscard]] bool ready() const;
    /// Waits for the end, which comes at the call's deadline at the latest. May drive the client's connections
    /// meanwhile, and so hand out other calls' results, but runs no callbacks.
    void wait() const;
    /// The same for so long: whether the call has ended.
    bool wait_for(std::chrono::milliseconds timeout) const;
    /// Ends the call with CANCELLED and tells the broker. Nothing happens to a call that has ended.
    void cancel();

    /// Waits, and gives the reply or the error; once, and not after then(): FAILED_PRECONDITION.
    Result<RawReply> result();
    /// Gives the reply to `callback` instead of to result(). It runs on the client's own thread, one callback after the
    /// other, while no lock is held; so it may use the Client, but one that blocks delays those after it. When the
    /// Client is gone, it runs at once. It must not throw. Once.
    void then(Callback callback);

private:
    std::shared_ptr<detail::ClientRuntime> runtime_;
    std::shared_ptr<detail::PendingCall> call_;
};

/// The same for a result of type T, which may be void: whatever came is right then.
template <class T>
class Future {
public:
    Future() = default;
    explicit Future(RawFuture raw) noexcept : raw_(std::move(raw)) {}

    [[nodiscard]] bool valid() const noexcept { return raw_.valid(); }
    [[nodiscard]] bool ready() const { return raw_.ready(); }
    void wait() const { raw_.wait(); }
    bool wait_for(std::chrono::milliseconds timeout) const { return raw_.wait_for(timeout); }
    void cancel() { raw_.cancel(); }

    /// Waits; throws the Error if the call has no result.
    T get() { return result().value(); }
    Result<T> result() { return detail::unpack_reply<T>(raw_.result()); }
    /// `callback` takes a Result<T>. See RawFuture::then.
    template <class F>
    void then(F callback) {
        // std::function copies what it holds; a callback need not be copyable.
        raw_.then([shared = std::make_shared<F>(std::move(callback))](Result<RawReply> reply) {
            (*shared)(detail::unpack_reply<T>(std::move(reply)));
        });
    }

private:
    RawFuture raw_;
};

}  // namespace rpcbroker
