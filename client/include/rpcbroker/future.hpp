// The result of a call that is under way.
//
//     int n = later.get();                                          // waits
//     later.then([](rpcbroker::Result<int> n) { … });               // calls back
//     int n = co_await client.async_call<int>("S.M", 1);            // in a coroutine: the result, or throws Error
//     auto n = co_await client.async_call<int>("S.M", 1).as_result();                       // Result<int>
//
// A coroutine whose call has ended already goes on at once. Else it is resumed on the client's own thread, the one that
// runs callbacks (RawFuture::then), and the same rules hold: it may call, but what blocks there delays the other
// callbacks; and an exception that leaves the coroutine there ends the program. A coroutine that is destroyed while it
// waits is not resumed; its call goes on. Destroying it in the moment in which it is resumed is a mistake. GCC 12 spoils
// what is made by braces inside an awaited expression: there, `{.timeout = 1s}` needs a statement of its own, before it.
//
// A future may outlive its Client: the call has ended by then. Giving a future up does not cancel its call. Different
// futures may be used by different threads at once; one future by one thread at a time, but cancel() by any meanwhile.
#pragma once

#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <rpcbroker/convert.hpp>
#include <rpcbroker/error.hpp>
#include <rpcbroker/raw_reply.hpp>
#include <rpcbroker/result.hpp>

namespace rpcbroker {

namespace detail {

class ClientRuntime;
class RawAwaiter;
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
    /// Gives a Result<RawReply>; once, as result().
    detail::RawAwaiter operator co_await() &&;

private:
    friend class detail::RawAwaiter;
    std::shared_ptr<detail::ClientRuntime> runtime_;
    std::shared_ptr<detail::PendingCall> call_;
};

namespace detail {

/// What a coroutine that waits for a call holds.
class RawAwaiter {
public:
    explicit RawAwaiter(RawFuture future) noexcept : future_(std::move(future)) {}
    RawAwaiter(const RawAwaiter&) = delete;
    RawAwaiter& operator=(const RawAwaiter&) = delete;
    /// The callback that points here is taken back.
    ~RawAwaiter();

    [[nodiscard]] bool await_ready() const { return future_.ready(); }
    void await_suspend(std::coroutine_handle<> waiting);
    Result<RawReply> await_resume();

private:
    RawFuture future_;
    bool suspended_ = false;
    std::optional<Result<RawReply>> reply_;  ///< of one that was suspended
};

template <class T>
struct ResultAwaiter : RawAwaiter {
    using RawAwaiter::RawAwaiter;
    Result<T> await_resume() { return unpack_reply<T>(RawAwaiter::await_resume()); }
};

template <class T>
struct ValueAwaiter : RawAwaiter {
    using RawAwaiter::RawAwaiter;
    T await_resume() { return unpack_reply<T>(RawAwaiter::await_resume()).value(); }
};

}  // namespace detail

inline detail::RawAwaiter RawFuture::operator co_await() && { return detail::RawAwaiter{std::move(*this)}; }

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

    /// Gives a T, or throws the Error.
    detail::ValueAwaiter<T> operator co_await() && { return detail::ValueAwaiter<T>{std::move(raw_)}; }
    /// What is to be awaited for a Result<T>.
    detail::ResultAwaiter<T> as_result() && { return detail::ResultAwaiter<T>{std::move(raw_)}; }

private:
    RawFuture raw_;
};

}  // namespace rpcbroker
