// A client of one broker, or of several.
//
//     rpcbroker::Client client{"tcp://127.0.0.1:5555"};
//     auto n = client.call<int>("EchoUtil.CountString", "this is test");              // 3, or throws rpcbroker::Error
//     auto r = client.try_call<int>("EchoUtil.CountString", "this is test");          // Result<int>
//     auto later = client.async_call<int>({.timeout = 1s}, "EchoUtil.CountString", text);
//     later.then([](rpcbroker::Result<int> n) { … });                                 // or later.get()
//     client.notify("Log.Line", "one-way");
//     for (int i : client.stream<int>("EchoUtil.Range", 10)) use(i);                  // <rpcbroker/stream.hpp>
//
// Parameters and results are what <rpcbroker/convert.hpp> knows. Every form takes CallOptions before the method, too.
// Making a Client waits for nothing: it connects in the background, and again whenever a connection breaks. Calls wait
// while no broker is there. Every call ends at its deadline, broker or no broker, at most 250 ms after it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <rpcbroker/client_options.hpp>
#include <rpcbroker/convert.hpp>
#include <rpcbroker/future.hpp>
#include <rpcbroker/raw_reply.hpp>
#include <rpcbroker/result.hpp>
#include <rpcbroker/stream.hpp>

namespace rpcbroker {

namespace transport {
class Context;
}

/// Thread-safe. While one thread calls, it drives the connections itself; several share the work, one driving for all.
/// The first asynchronous call starts a thread, which then drives whenever asynchronous calls are under way.
///
/// After fork() only the parent may use a Client; a child makes its own.
class Client {
public:
    /// Throws Error (INVALID_ARGUMENT) for what is no endpoint. Nobody needs to listen there yet.
    explicit Client(std::string_view endpoint);
    explicit Client(ClientOptions options = {});
    /// With a context of its own instead of the one that all brokers, workers and clients of a process share.
    Client(ClientOptions options, const transport::Context& context);
    /// close(), and the last callbacks are run. Waits for no broker; up to a second for the system to take what was sent.
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

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
    RawFuture async_raw(std::string_view method, std::string_view params, const CallOptions& options = {});
    RawStream stream_raw(std::string_view method, std::string_view params, const CallOptions& options = {});
    Result<void> notify_raw(std::string_view method, std::string_view params, const CallOptions& options = {});

    /// Ends every call with CANCELLED, whoever made it, and tells the brokers; calls made later end so at once. From any
    /// thread, at any time: the way to interrupt a thread that waits for a call.
    void close();

private:
    template <class... A>
    static std::string packed(const A&... args) {
        std::string params;
        pack_params(params, args...);
        return params;
    }

    std::shared_ptr<detail::ClientRuntime> runtime_;
};

}  // namespace rpcbroker
