#include "broker/backlog.hpp"

#include <algorithm>
#include <utility>

namespace rpcbroker::broker {

bool Backlog::holds(PeerId peer) const noexcept { return std::ranges::find(turns_, peer, &Turn::peer) != turns_.end(); }

PeerId Backlog::largest() const noexcept { return std::ranges::max_element(turns_, {}, &Turn::bytes)->peer; }

void Backlog::add(transport::Incoming& incoming, std::size_t from) {
    auto turn = std::ranges::find(turns_, incoming.peer, &Turn::peer);
    if (turn == turns_.end()) {
        turns_.push_back({incoming.peer});
        turn = std::prev(turns_.end());
    }
    const auto bytes = incoming.body.size() + sizeof(Item);
    bytes_ += bytes;
    turn->bytes += bytes;
    turn->items.push_back({std::exchange(incoming, {}), from, bytes});
}

void Backlog::took(std::size_t from) {
    auto turn = std::move(turns_.front());
    turns_.pop_front();
    if (from != 0) {
        turn.items.front().from = from;
    } else {
        bytes_ -= turn.items.front().bytes;
        turn.bytes -= turn.items.front().bytes;
        turn.items.pop_front();
    }
    if (!turn.items.empty()) turns_.push_back(std::move(turn));
}

void Backlog::drop(PeerId peer) {
    const auto turn = std::ranges::find(turns_, peer, &Turn::peer);
    if (turn == turns_.end()) return;
    bytes_ -= turn->bytes;
    turns_.erase(turn);
}

}  // namespace rpcbroker::broker
