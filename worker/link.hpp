// One broker of a worker: the socket, and the session that says what goes over it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <rpcbroker/endpoint.hpp>

#include "common/transport/dealer.hpp"
#include "worker/worker_core.hpp"

namespace rpcbroker {

/// Not thread-safe. Begins to connect at once; throws Error where the system cannot.
class Link {
public:
    Link(const transport::Context& context, const Endpoint& endpoint, const std::optional<PeerKeys>& keys,
         SessionOptions options, TimePoint now);

    enum class Bodies : bool { one, all };

    /// Takes in what was there at the last Poller::wait: connection events, and one body or all, up to a limit.
    void receive(Bodies bodies, TimePoint now);
    /// Sends what the session wants sent. What the socket does not take now stays.
    void flush();
    /// There was something that the socket did not take: flush() is to be tried again soon.
    [[nodiscard]] bool blocked() const noexcept { return blocked_; }
    /// The session has finished, and what it said has been sent, or was not taken for a second.
    bool finished(TimePoint now);
    /// The connection was refused: why. Told once each time.
    std::optional<std::string> next_refusal();

    [[nodiscard]] WorkerSession& session() noexcept { return session_; }
    [[nodiscard]] transport::Dealer& dealer() noexcept { return dealer_; }
    [[nodiscard]] const std::string& endpoint() const noexcept { return endpoint_; }

private:
    void on_event(transport::ConnectionEvent& event, TimePoint now);

    std::string endpoint_;
    transport::Dealer dealer_;
    WorkerSession session_;
    transport::Incoming incoming_;
    std::optional<std::string> refusal_;
    std::optional<TimePoint> finished_at_;
    bool blocked_ = false;
};

}  // namespace rpcbroker
