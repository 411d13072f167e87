// Private to transport/: how many bytes libzmq holds for each peer. Its high-water marks count bodies, and a thousand of
// those can be anything; so before a peer that was given much is given more, the system is asked what the peer has got.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/peer.hpp"

namespace rpcbroker::transport {

/// Not thread-safe. Knows of tcp connections only: what a peer over ipc or inproc has got the system does not tell, and it
/// always has room.
class SendBudget {
public:
    /// `most`: bytes under way to a peer from which on nothing more is for it; one body may go beyond.
    explicit SendBudget(std::size_t most) noexcept : most_(most) {}

    /// Whether the peer may be given another body. `descriptor`: of its connection.
    [[nodiscard]] bool has_room(PeerId peer, int descriptor);
    /// It was given so many bytes.
    void sent(PeerId peer, std::size_t bytes);
    /// Of has_room() alone: whether the system would have to be asked.
    [[nodiscard]] bool is_over(PeerId peer) const noexcept;

private:
    struct Account {
        std::uint32_t generation = 0;
        std::uint64_t sent = 0;
        std::uint64_t acknowledged = 0;  ///< of them, by the peer's system, when it was asked last
        std::uint64_t besides = 0;  ///< bytes of heads and encryption that were acknowledged, at least; they add up
    };
    Account& account(PeerId peer);

    std::size_t most_;
    std::vector<Account> accounts_;  ///< by slot
};

}  // namespace rpcbroker::transport
