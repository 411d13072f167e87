// Bodies that were read of a socket and are not done with, as they hold more messages than are taken at once.
#pragma once

#include <cstddef>
#include <deque>

#include "common/peer.hpp"
#include "common/transport/router.hpp"

namespace rpcbroker::broker {

/// Each peer's in the order in which they came; the peers take turns. Not thread-safe.
class Backlog {
public:
    struct Item {
        transport::Incoming incoming;
        std::size_t from = 0;   ///< of its body: what is before is done with
        std::size_t bytes = 0;  ///< that it takes
    };

    [[nodiscard]] bool empty() const noexcept { return turns_.empty(); }
    /// It holds more than it may: largest() is to go.
    [[nodiscard]] bool is_full() const noexcept { return bytes_ > most_bytes; }
    /// The peer of which it holds most. Not while empty().
    [[nodiscard]] PeerId largest() const noexcept;
    /// What else came of the peer is to wait behind what is here.
    [[nodiscard]] bool holds(PeerId peer) const noexcept;
    /// Leaves `incoming` empty.
    void add(transport::Incoming& incoming, std::size_t from);
    /// Of the peer whose turn it is. Not while empty().
    [[nodiscard]] Item& front() noexcept { return turns_.front().items.front(); }
    /// front() was taken up to `from`, 0: all of it; it is the next peer's turn.
    void took(std::size_t from);
    /// Nobody waits for what becomes of the peer's.
    void drop(PeerId peer);

private:
    static constexpr std::size_t most_bytes = std::size_t{256} << 20;

    struct Turn {
        PeerId peer;
        std::deque<Item> items{};
        std::size_t bytes = 0;  ///< of all of them
    };
    std::deque<Turn> turns_;
    std::size_t bytes_ = 0;
};

}  // namespace rpcbroker::broker
