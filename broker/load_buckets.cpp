#include "broker/load_buckets.hpp"

#include <algorithm>
#include <bit>

namespace rpcbroker::broker {

void LoadBuckets::place(LoadNode& node, std::uint32_t load) {
    remove(node);
    const std::uint32_t bucket = std::min(load, buckets - 1);
    if (bucket >= lists_.size()) lists_.resize(std::bit_ceil(bucket + 1));
    List& list = lists_[bucket];
    node.bucket = bucket;
    node.linked = true;
    node.next = nullptr;
    node.previous = list.last;
    (list.last ? list.last->next : list.first) = &node;
    list.last = &node;
    occupied_[bucket / 64] |= std::uint64_t{1} << (bucket % 64);
    summary_ |= std::uint64_t{1} << (bucket / 64);
}

void LoadBuckets::remove(LoadNode& node) noexcept {
    if (!node.linked) return;
    List& list = lists_[node.bucket];
    (node.previous ? node.previous->next : list.first) = node.next;
    (node.next ? node.next->previous : list.last) = node.previous;
    node.next = node.previous = nullptr;
    node.linked = false;
    if (list.first) return;
    auto& word = occupied_[node.bucket / 64];
    word &= ~(std::uint64_t{1} << (node.bucket % 64));
    if (word == 0) summary_ &= ~(std::uint64_t{1} << (node.bucket / 64));
}

LoadNode* LoadBuckets::least() const noexcept {
    if (summary_ == 0) return nullptr;
    const auto word = static_cast<std::size_t>(std::countr_zero(summary_));
    const auto bit = static_cast<std::size_t>(std::countr_zero(occupied_[word]));
    return lists_[word * 64 + bit].first;
}

}  // namespace rpcbroker::broker
