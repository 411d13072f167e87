#include "broker/shares.hpp"

#include <algorithm>

#include "broker/call_table.hpp"

namespace rpcbroker::broker {

ShareLink& Shares::link(Call& call) const noexcept {
    return kind_ == Kind::calls ? call.share_of_calls : call.share_of_bytes;
}

ShareLink& Shares::link(CallTable& table, std::uint32_t call) const noexcept { return link(table.at(call)); }

std::size_t Shares::worth(const Call& call) const noexcept { return kind_ == Kind::calls ? 1 : call.tail().size(); }

std::uint32_t Shares::holder_of(PeerId client) {
    const auto found = by_client_.find(client);
    return found == by_client_.end() ? make_holder(client) : found->second;
}

std::uint32_t Shares::make_holder(PeerId client) {
    if (spare_.empty()) {
        spare_.push_back(static_cast<std::uint32_t>(holders_.size()));
        holders_.emplace_back();
        heap_.reserve(holders_.capacity());
        spare_.reserve(holders_.capacity());
        spare_nodes_.reserve(holders_.capacity());
    }
    const auto holder = spare_.back();
    if (spare_nodes_.empty()) {
        by_client_.emplace(client, holder);
    } else {
        auto node = std::move(spare_nodes_.back());
        spare_nodes_.pop_back();
        node.key() = client;
        node.mapped() = holder;
        by_client_.insert(std::move(node));
    }
    spare_.pop_back();
    holders_[holder] = {.client = client};
    heap_.push_back(holder);
    put(holder, static_cast<std::uint32_t>(heap_.size() - 1));
    return holder;
}

/// Of a holder that has nothing left: it is the last of the heap, or equal to what is.
void Shares::drop(std::uint32_t holder) noexcept {
    const auto last = heap_.back();
    const auto place = holders_[holder].place;
    heap_.pop_back();
    if (last != holder) {
        put(last, place);
        rise(last);
        sink(last);
    }
    spare_nodes_.push_back(by_client_.extract(holders_[holder].client));
    spare_.push_back(holder);
}

void Shares::add(CallTable& table, Call& call, Age age) {
    const auto at = holder_of(call.caller);
    Holder& holder = holders_[at];
    ShareLink& own = link(call);
    own.holder = at;
    const bool newest = age == Age::newest;
    own.older = newest ? holder.newest : ShareLink::none;
    own.newer = newest ? ShareLink::none : holder.oldest;
    (own.older != ShareLink::none ? link(table, own.older).newer : holder.oldest) = call.index;
    (own.newer != ShareLink::none ? link(table, own.newer).older : holder.newest) = call.index;
    holder.amount += worth(call);
    rise(at);
}

void Shares::remove(CallTable& table, Call& call) noexcept {
    ShareLink& own = link(call);
    Holder& holder = holders_[own.holder];
    (own.older != ShareLink::none ? link(table, own.older).newer : holder.oldest) = own.newer;
    (own.newer != ShareLink::none ? link(table, own.newer).older : holder.newest) = own.older;
    own.older = own.newer = ShareLink::none;
    holder.amount -= worth(call);
    if (holder.newest != ShareLink::none)
        sink(own.holder);
    else
        drop(own.holder);
}

Call* Shares::newest_of_largest(CallTable& table) const noexcept {
    return heap_.empty() ? nullptr : &table.at(holders_[heap_.front()].newest);
}

std::size_t Shares::held_by(PeerId client) const noexcept {
    const auto found = by_client_.find(client);
    return found == by_client_.end() ? 0 : holders_[found->second].amount;
}

void Shares::put(std::uint32_t holder, std::uint32_t place) noexcept {
    heap_[place] = holder;
    holders_[holder].place = place;
}

void Shares::rise(std::uint32_t holder) noexcept {
    auto place = holders_[holder].place;
    while (place > 0) {
        const auto above = (place - 1) / 2;
        if (holders_[heap_[above]].amount >= holders_[holder].amount) break;
        put(heap_[above], place);
        place = above;
    }
    put(holder, place);
}

void Shares::sink(std::uint32_t holder) noexcept {
    auto place = holders_[holder].place;
    while (true) {
        auto below = 2 * place + 1;
        if (below >= heap_.size()) break;
        if (below + 1 < heap_.size() && holders_[heap_[below]].amount < holders_[heap_[below + 1]].amount) ++below;
        if (holders_[heap_[below]].amount <= holders_[holder].amount) break;
        put(heap_[below], place);
        place = below;
    }
    put(holder, place);
}

}  // namespace rpcbroker::broker
