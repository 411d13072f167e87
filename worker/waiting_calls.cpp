#include "worker/waiting_calls.hpp"

#include <algorithm>
#include <utility>

namespace rpcbroker {
namespace {

// The index is made anew when it holds so many more entries than twice the calls that wait.
constexpr std::size_t most_stale = 64;

}  // namespace

/// Those that wait move to the front where that frees as many places as it moves calls; else there will be twice as many.
void WaitingCalls::make_room() {
    constexpr std::size_t least = 64;
    if (begin_ == 0 || begin_ < end_ - begin_) return calls_.resize(std::max(least, 2 * calls_.size()));
    std::ranges::copy(all(), calls_.begin());
    end_ -= std::exchange(begin_, 0);
}

void WaitingCalls::remove(WaitingCall& call) {
    call.removed = true;
    call.returnable = false;
    ++gaps_;
    close_gaps();
}

void WaitingCalls::close_gaps() {
    for (; !empty() && front().removed; --gaps_) drop_front();
}

WaitingCall* WaitingCalls::find(std::uint32_t msgid) {
    index();
    const auto found = numbers_.find(msgid);
    if (found == numbers_.end() || found->second < first_) return nullptr;
    WaitingCall& call = calls_[begin_ + static_cast<std::size_t>(found->second - first_)];
    return call.removed ? nullptr : &call;
}

/// Each call is put in once, whenever somebody next looks for one.
void WaitingCalls::index() {
    if (numbers_.size() > 2 * all().size() + most_stale) {
        numbers_.clear();
        indexed_ = first_;
    }
    indexed_ = std::max(indexed_, first_);
    for (; indexed_ < first_ + all().size(); ++indexed_) {
        numbers_[all()[static_cast<std::size_t>(indexed_ - first_)].msgid] = indexed_;
    }
}

std::vector<WaitingCall> WaitingCalls::take_all() {
    const auto waiting = all();
    std::vector<WaitingCall> taken(waiting.begin(), waiting.end());
    first_ += waiting.size();
    gaps_ = 0;
    restart();
    std::erase_if(taken, [](const auto& call) { return call.removed; });
    return taken;
}

std::size_t WaitingCalls::returnable() const noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(all(), &WaitingCall::returnable));
}

const WaitingCall* WaitingCalls::first_returnable() const noexcept {
    const auto waiting = all();
    const auto first = std::ranges::find_if(waiting, &WaitingCall::returnable);
    return first == waiting.end() ? nullptr : &*first;
}

}  // namespace rpcbroker
