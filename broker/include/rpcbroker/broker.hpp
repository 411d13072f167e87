// A broker, for embedding and for tests; rpc-broker is this and its flags.
//
//     rpcbroker::Broker broker{{.frontends = {"tcp://127.0.0.1:0"}, .backends = {"inproc://workers"}}};
//     std::thread thread{[&] { broker.run(); }};
//     rpcbroker::Client client{broker.frontends().front()};
//     broker.stop();
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <rpcbroker/broker_options.hpp>

namespace rpcbroker {

namespace transport {
class Context;
}

/// Something that an operator may want to read of: a worker came or went, a peer sent nonsense, …
struct BrokerEvent {
    bool warning = false;
    std::string text;
    std::vector<std::pair<std::string, std::string>> fields;  ///< names and values; values may come from strangers
};

class Broker {
public:
    /// Binds every endpoint. Throws Error: INVALID_ARGUMENT for an endpoint that is none, PERMISSION_DENIED for one that
    /// strangers can reach unless `options.insecure` or with keys, UNAVAILABLE for one that cannot be bound.
    explicit Broker(BrokerOptions options);
    /// With a context of its own instead of the one that all brokers, workers and clients of a process share.
    Broker(BrokerOptions options, const transport::Context& context);
    /// run() must have returned.
    ~Broker();
    Broker(const Broker&) = delete;
    Broker& operator=(const Broker&) = delete;

    /// The endpoints as they were bound, with real ports. From any thread.
    [[nodiscard]] const std::vector<std::string>& frontends() const noexcept;
    [[nodiscard]] const std::vector<std::string>& backends() const noexcept;
    /// New at every start.
    [[nodiscard]] const std::string& id() const noexcept;

    /// Called from run(), in order; it is to return quickly. To be set before run().
    void on_event(std::function<void(const BrokerEvent&)> handler);

    /// The keys that may come in from now on, of a broker that has keys. Who came by one that is not among them is cut off, and
    /// their calls are cancelled. From any thread, before or during run().
    void set_authorized(std::vector<AuthorizedKey> authorized);

    /// Serves until stop(); once. Then in order: clients are told to go elsewhere, new calls are refused, those accepted may
    /// end for up to `drain_timeout`, the rest is answered UNAVAILABLE, and what was sent gets up to a second to leave.
    void run();
    /// From any thread, before or during run(), and from signal handlers.
    void stop() noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace rpcbroker
