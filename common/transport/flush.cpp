#include "common/transport/flush.hpp"

#include <algorithm>
#include <utility>

namespace rpcbroker::transport {
namespace {

Sent send_body(Outgoing& outgoing, PeerId peer, Router& router) {
    if (outgoing.large.empty()) return router.send(peer, outgoing.envelope, outgoing.bytes);
    return router.send(peer, outgoing.envelope, outgoing.large);
}

Sent send_body(Outgoing& outgoing, Dealer& dealer) {
    return outgoing.large.empty() ? dealer.send(outgoing.bytes) : dealer.send(outgoing.large);
}

}  // namespace

Flushed Flush::operator()(Outbox& outbox, Router& router) {
    Flushed flushed;
    gone_.clear();
    retried_.clear();
    std::swap(retried_, blocked_);
    for (const PeerId peer : retried_) send(peer, outbox, router, flushed);
    for (const PeerId peer : outbox.dirty()) {
        if (!std::ranges::binary_search(retried_, peer)) send(peer, outbox, router, flushed);
    }
    std::ranges::sort(blocked_);
    flushed.blocked = blocked_.size();
    return flushed;
}

void Flush::send(PeerId peer, Outbox& outbox, Router& router, Flushed& flushed) {
    while (Outgoing* outgoing = outbox.front(peer)) {
        switch (send_body(*outgoing, peer, router)) {
        case Sent::yes:
            ++flushed.bodies;
            outbox.pop_front(peer);
            break;
        case Sent::would_block: blocked_.push_back(peer); return;
        case Sent::gone: gone_.push_back(peer); return;
        }
    }
}

Flushed flush(Outbox& outbox, PeerId peer, Dealer& dealer) {
    Flushed flushed;
    outbox.dirty();  // it has but one peer, which is asked for anyway
    while (Outgoing* outgoing = outbox.front(peer)) {
        if (send_body(*outgoing, dealer) != Sent::yes) {
            flushed.blocked = 1;
            break;
        }
        ++flushed.bodies;
        outbox.pop_front(peer);
    }
    return flushed;
}

}  // namespace rpcbroker::transport
