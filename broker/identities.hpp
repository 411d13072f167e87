// Which key each connection of one side came by.
#pragma once

#include <memory>
#include <unordered_map>
#include <utility>

#include <rpcbroker/authorized.hpp>

#include "common/peer.hpp"

namespace rpcbroker::broker {

using Identity = std::shared_ptr<const AuthorizedKey>;

/// A connection keeps its key until it closes, also where the broker forgot its client or worker before that.
class Identities {
public:
    void set(PeerId peer, Identity identity) { by_peer_.insert_or_assign(peer, std::move(identity)); }
    void forget(PeerId peer) { by_peer_.erase(peer); }
    /// Null: none.
    [[nodiscard]] Identity find(PeerId peer) const {
        const auto found = by_peer_.find(peer);
        return found == by_peer_.end() ? nullptr : found->second;
    }

private:
    std::unordered_map<PeerId, Identity> by_peer_;
};

}  // namespace rpcbroker::broker
