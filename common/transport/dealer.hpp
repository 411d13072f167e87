// The connecting side: one socket, one endpoint, one connection at a time, made again by itself when it breaks.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <rpcbroker/endpoint.hpp>
#include <rpcbroker/keys.hpp>
#include <rpcbroker/result.hpp>

#include "common/body.hpp"
#include "common/key_trouble.hpp"
#include "common/transport/context.hpp"
#include "common/transport/router.hpp"  // Received, Sent

namespace rpcbroker::transport {

struct DealerOptions {
    std::size_t max_message = std::size_t{64} << 20;
    std::chrono::milliseconds handshake{3000};  ///< longer than the other side's, who then tells a refusal by closing
    std::chrono::milliseconds linger{1000};
    std::chrono::milliseconds reconnect{20};  ///< first pause before connecting again; doubles
    std::chrono::milliseconds reconnect_max{500};
    int high_water_mark = 1000;
    std::chrono::milliseconds stuck{15'000};  ///< a connection that took nothing for so long is given up (tcp)
    std::optional<PeerKeys> keys{};           ///< who we are, and who the other side is to be; not for inproc
};

/// What happened to the connection. `connected`: its handshake is through. `closed`: it was there and is gone; what was
/// sent on it may not have arrived. `refused`: the other side is there but does not let us in (handshake failed), or this
/// process has no descriptors for a socket; `detail` says why, and it is tried again.
struct ConnectionEvent {
    enum class What : std::uint8_t { connected, closed, refused };
    What what = What::connected;
    std::string detail{};
    KeyTrouble keys = KeyTrouble::none;  ///< where it was refused
};

/// Not thread-safe: one thread at a time, which may change with a full fence between (a mutex does).
/// Nothing is queued while there is no connection: send says `would_block`. Bodies of one connection all come before its
/// `closed`, and the next connection is made after that was told: so ask for events in every turn.
class Dealer {
public:
    Dealer(Context context, const DealerOptions& options);
    ~Dealer();
    Dealer(const Dealer&) = delete;
    Dealer& operator=(const Dealer&) = delete;

    /// Begins to connect, and goes on trying for as long as this lives. Once only. The error names the endpoint.
    Result<void> connect(const Endpoint& endpoint);

    /// False: receive, or next_event, has nothing that was there at the last Poller::wait. Costs no system call, as an
    /// attempt in vain does.
    [[nodiscard]] bool may_have_bodies() const noexcept;
    [[nodiscard]] bool may_have_events() const noexcept;
    /// The next body that is there; never blocks. `incoming.peer` is not set.
    Received receive(Incoming& incoming);
    Sent send(Body& body);
    Sent send(std::string_view bytes);
    /// The next change of the connection since the last call. Over inproc there is one `connected` and no more.
    bool next_event(ConnectionEvent& event);

    struct State;
    [[nodiscard]] State& state() const noexcept { return *state_; }

private:
    std::unique_ptr<State> state_;
};

}  // namespace rpcbroker::transport
