// Makes calls: what a Client is, and what Client::within gives a handler for the calls that it makes.
//
//     worker.service("Shop").method("Order", [&](rpcbroker::Context& context, std::string_view item) {
//         return client.within(context.propagation()).call<int>("Stock.Take", item);
//     });
//
// Parameters and results are what <rpcbroker/convert.hpp> knows. Every form takes CallOptions before the method, too.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <rpcbroker/client_options.hpp>
#include <rpcbroker/convert.hpp>
#include <rpcbroker/future.hpp>
#include <rpcbroker/propagation.hpp>
#include <rpcbroker/raw_reply.hpp>
#include <rpcbroker/result.hpp>
#include <rpcbroker/stream.hpp>

namespace rpcbroker {

/// One of several calls that are made at once: what async_raw takes, as views.
struct RawCall {
    std::string_view method;
    std::string_view params;
    const CallOptions& options;
    RawFuture::Callback callback;
};

/// A handle of a Client's connections, cheap to copy. Thread-safe, and it may outlive its Client: calls made after that
/// end with CANCELLED at once.
///
/// Of one made by Client::within, no call lasts longer than the propagation's deadline: once that is over, calls end
/// with DEADLINE_EXCEEDED at once, "ran": "no". Calls carry its trace, unless their options name another, and its
/// metadata beside their own, which come first where both have a name.
///
/// Cancelling is not handed on by itself. A handler that wants it says so; the callback shares the future, as it may run
/// until the handler has returned:
///
///     auto within = client.within(context.propagation());
///     auto later = std::make_shared<Future<int>>(within.async_call<int>("Stock.Take", item));
///     context.on_cancel([later] { later->cancel(); });
///     return later->get();
class Caller {
public:
    /// The result, or throws Error.
    template <class T = void, class... A>
    T call(const CallOptions& options, std::string_view method, const A&... args) {
        return try_call<T>(options, method, args...).value();
    }
    template <class T = void, class... A>
    T call(std::string_view method, const A&... args) {
        return try_call<T>(CallOptions{}, method, args...).value();
    }

    /// The result or the error. Throws only what a conversion of the caller's own throws.
    template <class T = void, class... A>
    Result<T> try_call(const CallOptions& options, std::string_view method, const A&... args) {
        return detail::unpack_reply<T>(call_raw(method, packed(args...), options));
    }
    template <class T = void, class... A>
    Result<T> try_call(std::string_view method, const A&... args) {
        return try_call<T>(CallOptions{}, method, args...);
    }

    /// Returns at once; errors, too, come by the future.
    template <class T = void, class... A>
    Future<T> async_call(const CallOptions& options, std::string_view method, const A&... args) {
        return Future<T>{async_raw(method, packed(args...), options)};
    }
    template <class T = void, class... A>
    Future<T> async_call(std::string_view method, const A&... args) {
        return async_call<T>(CallOptions{}, method, args...);
    }

    /// The items of a method that streams, read as they come. Returns at once; errors, too, come by the stream.
    template <class T, class... A>
    Stream<T> stream(const CallOptions& options, std::string_view method, const A&... args) {
        return Stream<T>{stream_raw(method, packed(args...), options)};
    }
    template <class T, class... A>
    Stream<T> stream(std::string_view method, const A&... args) {
        return stream<T>(CallOptions{}, method, args...);
    }

    /// A one-way call: returns once it was handed to a connection, and nobody hears what became of it.
    template <class... A>
    void notify(const CallOptions& options, std::string_view method, const A&... args) {
        notify_raw(method, packed(args...), options).value();
    }
    template <class... A>
    void notify(std::string_view method, const A&... args) {
        notify(CallOptions{}, method, args...);
    }
    template <class... A>
    Result<void> try_notify(const CallOptions& options, std::string_view method, const A&... args) {
        return notify_raw(method, packed(args...), options);
    }
    template <class... A>
    Result<void> try_notify(std::string_view method, const A&... args) {
        return try_notify(CallOptions{}, method, args...);
    }

    /// The same with `params` packed already: one MessagePack array.
    Result<RawReply> call_raw(std::string_view method, std::string_view params, const CallOptions& options = {});
    RawFuture async_raw(std::string_view method, std::string_view params, const CallOptions& options);
    RawFuture async_raw(std::string_view method, std::string_view params) {
        return async_raw(method, params, CallOptions{});  // no default argument, for GCC 12: see <rpcbroker/future.hpp>
    }
    /// Gives the reply to `callback`, as RawFuture::then does; costs less than a future.
    void async_raw(std::string_view method, std::string_view params, const CallOptions& options,
                   RawFuture::Callback callback);
    /// Several at once: they leave together, and cost the client's thread one waking. Each callback is given what
    /// RawFuture::then gives; the futures, in the order of `calls`, are for cancelling.
    std::vector<RawFuture> async_raw(std::span<RawCall> calls);
    RawStream stream_raw(std::string_view method, std::string_view params, const CallOptions& options = {});
    Result<void> notify_raw(std::string_view method, std::string_view params, const CallOptions& options = {});

private:
    friend class Client;
    /// `within` may be null.
    Caller(std::shared_ptr<detail::ClientRuntime> runtime, std::shared_ptr<const Propagation> within) noexcept;

    template <class... A>
    static std::string packed(const A&... args) {
        std::string params;
        pack_params(params, args...);
        return params;
    }

    std::shared_ptr<detail::ClientRuntime> runtime_;
    std::shared_ptr<const Propagation> within_;
};

}  // namespace rpcbroker
