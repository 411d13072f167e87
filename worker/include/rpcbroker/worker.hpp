// The worker library: functions of yours that anyone who reaches the broker can call.
//
//     rpcbroker::Worker worker{"tcp://127.0.0.1:5556"};
//     worker.service("EchoUtil")
//         .method("CountString", [](std::string_view text) { return std::ranges::count(text, 's'); },
//                 {.doc = "how many times s occurs", .params = {"text"}, .idempotent = true});
//     worker.run();  // until stop()
//
// The worker connects, registers, and does so again whenever a broker was restarted. Heartbeats never depend on a
// handler: one that runs for an hour loses nobody. Small handlers run on the thread that reads the socket, without any
// hand-off; when one takes longer than about a millisecond another thread takes the socket over.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rpcbroker/endpoint.hpp>
#include <rpcbroker/keys.hpp>
#include <rpcbroker/service.hpp>

namespace rpcbroker {

namespace transport {
class Context;
}

/// Something that a program may want to log.
struct WorkerEvent {
    enum class What : std::uint8_t {
        registered,   ///< `detail`: the id that the broker gave this worker
        refused,      ///< the broker took no registration; `detail`: why. Tried again after a pause that grows
        unreachable,  ///< nobody answers there; told after a second and then rarely. Tried on and on
        lost,         ///< the broker was lost, or had lost us; `detail`: how. Registers again
        left,         ///< no more calls come from this broker
    };
    What what = What::registered;
    std::string broker;  ///< its endpoint
    std::string detail;
};

/// What came of a call: for logs and figures. Good during WorkerOptions::on_call only, and its views as well.
struct CallReport {
    std::string_view method;
    std::string_view worker;              ///< the id that the broker gave this worker
    std::string_view trace;               ///< empty when none came with the call
    std::chrono::nanoseconds duration{};  ///< of the handler
    const Error* error = nullptr;         ///< what the caller gets instead of a result; null when all went well
    bool cancelled = false;               ///< nobody waited for the outcome any more
    std::string_view packed_meta;         ///< as MessagePack; empty when there is none

    [[nodiscard]] std::map<std::string, std::string> meta() const;
};

struct WorkerOptions {
    /// Registers at every one of them.
    std::vector<std::string> brokers{std::string{default_backend}};
    /// Shown by `rpc.workers`; need not be unique. Empty: host name and process id.
    std::string name = {};
    /// So many handlers run at once. With 1, handlers need not be thread-safe.
    unsigned threads = 1;
    /// How many calls this worker holds at once, running or waiting in it. Nothing: as many as it works off in a few
    /// milliseconds, by what it measures.
    std::optional<std::uint32_t> capacity = std::nullopt;
    /// Called in order from a thread that the worker needs: it is to return quickly. May call stop(). What it throws ends
    /// run() at once, without taking leave: no more calls are started or answered, and run() throws it when the handlers
    /// that run have returned.
    std::function<void(const WorkerEvent&)> on_event = {};
    /// Called after each call from the thread that ran its handler, so from several at once, and before its response is
    /// sent. What it throws ends run() in the same way. Costs nothing where it is not set.
    std::function<void(const CallReport&)> on_call = {};
    /// For brokers with keys: all of them have the same one. Not for inproc.
    std::optional<PeerKeys> keys = std::nullopt;
};

class Worker {
public:
    /// Throws Error (INVALID_ARGUMENT) for an endpoint that is none, and std::invalid_argument for no broker, no thread
    /// or a capacity of 0. Nothing is connected yet.
    explicit Worker(const std::string& broker);
    explicit Worker(WorkerOptions options);
    /// With a context of its own instead of the one that all brokers, workers and clients of a process share.
    Worker(WorkerOptions options, const transport::Context& context);
    /// run() must have returned.
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// The service of that name, made on first use. To be filled before run(). Throws std::invalid_argument for a name
    /// that no service can have.
    Service& service(const std::string& name);

    [[nodiscard]] const std::string& name() const noexcept;

    /// Serves until stop(), or until every broker told this worker to leave; once. Then in order: it takes leave of its
    /// brokers, runs what they had sent already, answers, and returns. Throws std::system_error where the operating
    /// system gives it no socket or thread, and what WorkerOptions::on_event and on_call throw.
    void run();
    /// From any thread, before or during run(), and from signal handlers.
    void stop() noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace rpcbroker
