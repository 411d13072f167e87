// The bound side: many peers on one socket.
//
// Receives bodies and says whose they are, sends without ever blocking, and says which connections closed. Every option
// of libzmq that docs/ARCHITECTURE.md names ("libzmq, and how we contain it") is set in here.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rpcbroker/endpoint.hpp>
#include <rpcbroker/result.hpp>

#include "common/body.hpp"
#include "common/peer.hpp"
#include "common/time.hpp"
#include "common/transport/context.hpp"

namespace rpcbroker::transport {

/// With keys, everybody proves to have one before a word of theirs is read (CURVE); not for inproc.
struct RouterKeys {
    /// Whether the owner of `public_key` (Z85), who comes from `address`, may come in: a number of the key, or 0, which may change
    /// until they try again. Called from a thread of the transport's while the router lives; to return quickly.
    using Admit = std::function<std::uint64_t(std::string_view public_key, std::string_view address)>;

    std::string secret_key;
    Admit admit;

    RouterKeys(std::string secret, Admit asked) : secret_key(std::move(secret)), admit(std::move(asked)) {}
    RouterKeys(const RouterKeys&) = default;
    RouterKeys& operator=(const RouterKeys&) = default;
    ~RouterKeys();  ///< leaves no secret key in memory
};

/// 0: no limit.
struct ConnectionLimits {
    std::size_t total = 0;
    std::size_t per_address = 0;  ///< of one IPv4 address or IPv6 network (/64), or over ipc
    std::size_t accepts_per_second =
        0;  ///< from one such address, in the long run; five seconds' worth may come at once
};

/// The two sides that share the limits of connections: each leaves an eighth of them to the other.
enum class Door : std::uint8_t { front, back };

struct RefusedConnections {
    std::uint64_t count = 0;
    std::string address;  ///< of the last one
    std::string why;
};

/// Counts the connections of the routers that have it, which must be driven by one thread.
class Gate;
std::shared_ptr<Gate> make_gate(const ConnectionLimits& limits);
/// Those since the last time.
RefusedConnections take_refused(Gate& gate);

struct RouterOptions {
    std::size_t max_message = std::size_t{64} << 20;     ///< bytes; a larger body closes its connection
    std::chrono::milliseconds handshake{2000};           ///< a connection that is not through by then is closed
    std::chrono::milliseconds linger{1000};              ///< how long what was sent may take to leave at the end
    int high_water_mark = 1000;                          ///< bodies that wait in libzmq, a peer and direction
    std::size_t most_under_way = std::size_t{16} << 20;  ///< bytes under way to a peer (tcp); one body may go beyond
    std::chrono::milliseconds stuck{15'000};             ///< a peer whose system took nothing for so long is cut (tcp)
    int backlog = 1024;
    std::optional<RouterKeys> keys{};
    std::shared_ptr<Gate> gate{};  ///< who may connect at all; none: everybody
    Door door = Door::front;       ///< of the gate
};

/// A body, and how to answer it. Used again and again by the receive loop, so that it allocates nothing a body.
struct Incoming {
    PeerId peer;
    /// The frames before the body up to and with the empty one, in a form of the transport's own; empty: none.
    std::string envelope;
    Body body;
    /// With keys: the number of the peer's, with the first message that is read of it; else 0.
    std::uint64_t introduced = 0;
};

enum class Received : std::uint8_t {
    body,        ///< `incoming` holds one
    bad_frames,  ///< a message of other frames than envelope (of frames up to 255 bytes) and body came from `incoming.peer`,
                 ///< and was dropped
    nameless,         ///< a message without a connection's descriptor came and was dropped
    unauthenticated,  ///< a message of somebody whom no key let in came and was dropped (never without keys)
    nothing,          ///< would block
};
enum class Sent : std::uint8_t {
    yes,
    would_block,  ///< the peer does not read; the body is unchanged
    gone,         ///< no such connection (any more)
};

/// Not thread-safe: one thread at a time. Errors of libzmq that no caller can handle end in std::system_error.
class Router {
public:
    Router(Context context, const RouterOptions& options);
    ~Router();
    Router(const Router&) = delete;
    Router& operator=(const Router&) = delete;

    /// Binds one more endpoint; may be called several times before the first receive. Returns the endpoint with its
    /// real port. The error (UNAVAILABLE) names the endpoint and the system's reason.
    Result<std::string> bind(const Endpoint& endpoint);
    /// Lets nobody in any more; those that are there go on. libzmq cannot stop to listen without ending the connections
    /// that came in, so who connects is cut off at once, by receive or next_closed. The port is free when the context ends.
    void unbind_all() noexcept;

    /// False: receive, or next_closed, has nothing that was there at the last Poller::wait. Costs no system call, as an
    /// attempt in vain does.
    [[nodiscard]] bool may_have_bodies() const noexcept;
    [[nodiscard]] bool may_have_closed() const noexcept;
    /// The next body that is there. Never blocks.
    Received receive(Incoming& incoming);
    /// Sends one body; never blocks. On `yes`, `body` is empty.
    Sent send(PeerId peer, std::string_view envelope, Body& body);
    Sent send(PeerId peer, std::string_view envelope, std::string_view bytes);
    /// A peer whose connection closed since the last call, each once. Read all bodies that are there first: what a peer
    /// sent before it closed comes before this. Peers over inproc are never reported.
    /// Those of whom `held` says so are told later, and their slots are nobody else's before.
    bool next_closed(PeerId& peer, const std::function<bool(PeerId)>& held = {});
    /// Where the peer is: "10.0.0.7:41234", "local" for ipc, empty when its connection is gone or over inproc.
    [[nodiscard]] std::string address(PeerId peer) const;
    /// Cuts those (tcp) who send a message without end, and says from where. To be called at next_look(), or each turn.
    /// `drained`: receive has said in this turn that nothing is left.
    std::vector<std::string> cut_floods(bool drained, TimePoint now);
    [[nodiscard]] std::optional<TimePoint> next_look() const noexcept;
    /// Cuts the peer's connection (tcp and ipc). It is then reported by next_closed.
    void disconnect(PeerId peer) noexcept;

    /// Readable (in the sense of poll) when receive or next_closed may have something. Edge-triggered, as ZMQ_FD is:
    /// Poller knows how to wait on it.
    struct State;
    [[nodiscard]] State& state() const noexcept { return *state_; }

private:
    std::unique_ptr<State> state_;
};

}  // namespace rpcbroker::transport
