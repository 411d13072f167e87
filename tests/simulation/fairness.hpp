// Whether clients are served in turn: how often others were served while one waited.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <vector>

#include "common/peer.hpp"

namespace rpcbroker::simulation {

/// Of one queue. Not thread-safe.
class Fairness {
public:
    /// So often another client may be served while one waits. It is twice at most in a queue that serves them in turn: once
    /// before a client that comes new, and once as its own turn came in the middle of what is looked at.
    static constexpr unsigned most_passes = 4;

    /// What was in one step: who waited at its end, whose calls were taken from the queue, and whose ended in it, which may
    /// have been their turn. Throws a Violation when a client that waited all the while was passed too often by another.
    void step(const std::set<PeerId>& waiting, const std::vector<PeerId>& served, const std::set<PeerId>& ended);
    /// What was says nothing of what comes: calls may have been queued anew.
    void forget() noexcept { passes_.clear(); }

private:
    /// Of each client that waits, by how often each of the others was served since its own turn.
    std::map<PeerId, std::map<PeerId, unsigned>> passes_;
};

}  // namespace rpcbroker::simulation
