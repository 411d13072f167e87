// The other end of a connection, as a transport names it.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace rpcbroker {

/// Slots are dense and small, so that a table of peers is an array, and are used again; the generation tells the later
/// peer from the earlier one. A PeerId is never used for two connections.
struct PeerId {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;

    friend auto operator<=>(const PeerId&, const PeerId&) = default;
};

}  // namespace rpcbroker

template <>
struct std::hash<rpcbroker::PeerId> {
    std::size_t operator()(const rpcbroker::PeerId& peer) const noexcept {
        return std::hash<std::uint64_t>{}((std::uint64_t{peer.generation} << 32) | peer.slot);
    }
};
