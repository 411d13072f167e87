#include "broker/fair_queue.hpp"

#include <algorithm>

namespace rpcbroker::broker {

namespace {

/// The latest gap in a line's service counts for one in so many.
constexpr int pace_weight = 16;

}  // namespace

std::uint32_t FairQueue::lane_of(PeerId client) {
    const auto [found, is_new] = by_client_.try_emplace(client, none);
    if (!is_new) return found->second;
    std::uint32_t lane = 0;
    if (spare_.empty()) {
        lane = static_cast<std::uint32_t>(lanes_.size());
        lanes_.emplace_back();
    } else {
        lane = spare_.back();
        spare_.pop_back();
    }
    found->second = lane;
    Lane& made = lanes_[lane];
    made = Lane{};
    made.client = client;
    if (turn_ == none) {
        made.next = made.previous = turn_ = lane;
    } else {  // A new client waits one round: it comes last, just before the one whose turn it is.
        made.next = turn_;
        made.previous = lanes_[turn_].previous;
        lanes_[made.previous].next = lane;
        lanes_[turn_].previous = lane;
    }
    return lane;
}

void FairQueue::close(std::uint32_t lane) noexcept {
    Lane& gone = lanes_[lane];
    if (gone.next == lane) {
        turn_ = none;
    } else {
        lanes_[gone.previous].next = gone.next;
        lanes_[gone.next].previous = gone.previous;
        if (turn_ == lane) turn_ = gone.next;
    }
    by_client_.erase(gone.client);
    spare_.push_back(lane);
}

void FairQueue::push_back(PeerId client, Call& call) {
    call.lane = lane_of(client);
    Lane& lane = lanes_[call.lane];
    call.queue = this;
    call.next = nullptr;
    call.previous = lane.last;
    (lane.last ? lane.last->next : lane.first) = &call;
    lane.last = &call;
    ++lane.size;
    ++size_;
}

void FairQueue::push_front(PeerId client, Call& call) {
    call.lane = lane_of(client);
    Lane& lane = lanes_[call.lane];
    call.queue = this;
    call.previous = nullptr;
    call.next = lane.first;
    (lane.first ? lane.first->previous : lane.last) = &call;
    lane.first = &call;
    ++lane.size;
    ++size_;
}

void FairQueue::remove(Call& call) noexcept {
    Lane& lane = lanes_[call.lane];
    (call.previous ? call.previous->next : lane.first) = call.next;
    (call.next ? call.next->previous : lane.last) = call.previous;
    call.next = call.previous = nullptr;
    call.queue = nullptr;
    --lane.size;
    --size_;
    if (!lane.first) close(call.lane);
}

std::size_t FairQueue::before(PeerId client) const noexcept {
    const auto found = by_client_.find(client);
    const std::size_t own = found == by_client_.end() ? 0 : lanes_[found->second].size;
    return std::min(size_, (own + 1) * by_client_.size());
}

/// A gap of more than twice the mean counts as twice the mean: while a service has no worker, no line moves.
void FairQueue::served(const Call& call, TimePoint now) noexcept {
    Lane& lane = lanes_[call.lane];
    if (lane.size == 0) return;  // closed
    if (lane.served_at) {
        const auto gap = now - *lane.served_at;
        if (lane.pace == Duration::zero())
            lane.pace = gap;
        else
            lane.pace += (std::min(gap, 2 * lane.pace) - lane.pace) / pace_weight;
    }
    lane.served_at = now;
}

Duration FairQueue::line_time(PeerId client) const noexcept {
    const auto found = by_client_.find(client);
    if (found == by_client_.end()) return Duration::zero();
    const Lane& lane = lanes_[found->second];
    return static_cast<Duration::rep>(lane.size) * lane.pace;
}

Call* FairQueue::pop() noexcept {
    if (turn_ == none) return nullptr;
    Lane& lane = lanes_[turn_];
    Call* call = lane.first;
    turn_ = lane.next;
    remove(*call);
    return call;
}

}  // namespace rpcbroker::broker
