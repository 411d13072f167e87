// From an outbox to the sockets, at the end of a loop's turn.
#pragma once

#include <cstddef>
#include <vector>

#include "common/outbox.hpp"
#include "common/peer.hpp"
#include "common/transport/dealer.hpp"
#include "common/transport/router.hpp"

namespace rpcbroker::transport {

/// What one flush did.
struct Flushed {
    std::size_t bodies = 0;  ///< sent
    /// Peers that did not take all they were to have. While there are some, poll with a short time-out (a millisecond or
    /// two), and flush again: libzmq does not say reliably when they would.
    std::size_t blocked = 0;
};

/// Sends an outbox by a router. Keeps what must be tried again between the turns, so there is one for each router. Not
/// thread-safe; allocates nothing once it has seen as many peers blocked at a time as there will be.
class Flush {
public:
    /// Sends what peers take; what they do not take yet stays in `outbox`, and what is for a peer that is gone, until the
    /// core forgets it.
    Flushed operator()(Outbox& outbox, Router& router);
    /// Whom the last flush found gone. Router::next_closed reports them, too, but over inproc.
    [[nodiscard]] const std::vector<PeerId>& gone() const noexcept { return gone_; }
    /// Whom the last flush left something for.
    [[nodiscard]] const std::vector<PeerId>& blocked() const noexcept { return blocked_; }

private:
    void send(PeerId peer, Outbox& outbox, Router& router, Flushed& flushed);

    std::vector<PeerId> blocked_;
    std::vector<PeerId> retried_;
    std::vector<PeerId> gone_;
};

/// The same for the one peer of a dealer, under whatever id the core knows it. Without a connection it counts as blocked:
/// then it is the dealer's `connected` that says when to try again.
Flushed flush(Outbox& outbox, PeerId peer, Dealer& dealer);

}  // namespace rpcbroker::transport
