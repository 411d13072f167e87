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
// The calls are those of <rpcbroker/caller.hpp>. Making a Client waits for nothing: it connects in the background, and
// again whenever a connection breaks. Calls wait while no broker is there. Every call ends at its deadline, broker or no broker, at most 250 ms after it.
#pragma once

#include <string_view>

#include <rpcbroker/caller.hpp>
#include <rpcbroker/client_options.hpp>
#include <rpcbroker/propagation.hpp>

namespace rpcbroker {

namespace transport {
class Context;
}

/// Thread-safe. While one thread calls, it drives the connections itself; several share the work, one driving for all.
/// The first asynchronous call starts a thread, which then drives whenever asynchronous calls are under way.
///
/// After fork() only the parent may use a Client; a child makes its own.
class Client : public Caller {
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

    /// Makes calls for another one: within its deadline, with its trace and its metadata. See Caller.
    [[nodiscard]] Caller within(Propagation propagation) const;

    /// Ends every call with CANCELLED, whoever made it, and tells the brokers; calls made later end so at once. From any
    /// thread, at any time: the way to interrupt a thread that waits for a call.
    void close();
};

}  // namespace rpcbroker
