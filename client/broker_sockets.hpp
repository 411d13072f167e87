// The sockets of a client: one to each broker, and how to wait for all of them.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <rpcbroker/client_options.hpp>

#include "client/client_core.hpp"
#include "common/time.hpp"
#include "common/transport/context.hpp"
#include "common/transport/dealer.hpp"
#include "common/transport/poller.hpp"

namespace rpcbroker::detail {

/// One thread at a time; only wake() may be called by others, at any time.
class BrokerSockets {
public:
    /// Begins to connect to all. Throws Error for an endpoint that is none.
    BrokerSockets(const transport::Context& context, const ClientOptions& options);

    /// Tells the session what came and what became of connections, as far as wait() has seen it, or a look at the sockets
    /// where that is long ago. Bounded: false when there may be more.
    bool receive(ClientSession& session, TimePoint now);
    /// Sends what the session wants sent. False when a connection did not take all of it.
    bool send(ClientSession& session);
    /// Until there is something to receive, the time is over, or somebody called wake().
    void wait(std::optional<Duration> timeout) {
        poller_.wait(timeout);
        waited_ = true;
    }
    /// The same; for the next few milliseconds nobody will call wake(), or it does not matter if that is heard late.
    void wait_undisturbed(std::optional<Duration> timeout) {
        poller_.wait_undisturbed(timeout);
        waited_ = true;
    }
    void wake() noexcept { wakeup_.signal(); }
    /// By the thread that waits, once it was woken: without it, it would not sleep again.
    void clear_wake() noexcept { wakeup_.clear(); }

private:
    bool look(const ClientSession& session, TimePoint now);
    bool receive_bodies(BrokerIndex broker, ClientSession& session, TimePoint now);
    void receive_events(BrokerIndex broker, ClientSession& session, TimePoint now);
    bool send_to(BrokerIndex broker, ClientSession& session);

    std::vector<std::unique_ptr<transport::Dealer>> dealers_;
    transport::Wakeup wakeup_;
    transport::Poller poller_;
    transport::Incoming incoming_;
    bool waited_ = false;    ///< since the last receive()
    TimePoint looked_at_{};  ///< at the sockets
};

}  // namespace rpcbroker::detail
