#include "worker/waiting_calls.hpp"

#include <algorithm>
#include <utility>

namespace rpcbroker {
namespace {

// The index is made anew when it holds so many more entries than twice the calls that wait.
constexpr std::size_t most_stale = 64;

}  // namespace

void WaitingCalls::push(const WaitingCall& call) { calls_.push_back(call); }

WaitingCall WaitingCalls::pop() {
    const WaitingCall first = calls_.front();
    drop_front();
    close_gaps();
    return first;
}

void WaitingCalls::remove(WaitingCall& call) {
    call.removed = true;
    call.returnable = false;
    ++gaps_;
    close_gaps();
}

void WaitingCalls::drop_front() {
    calls_.pop_front();
    ++first_;
}

void WaitingCalls::close_gaps() {
    for (; !calls_.empty() && calls_.front().removed; --gaps_) drop_front();
}

WaitingCall* WaitingCalls::find(std::uint32_t msgid) {
    index();
    const auto found = numbers_.find(msgid);
    if (found == numbers_.end() || found->second < first_) return nullptr;
    WaitingCall& call = calls_[static_cast<std::size_t>(found->second - first_)];
    return call.removed ? nullptr : &call;
}

/// Each call is put in once, whenever somebody next looks for one.
void WaitingCalls::index() {
    if (numbers_.size() > 2 * calls_.size() + most_stale) {
        numbers_.clear();
        indexed_ = first_;
    }
    indexed_ = std::max(indexed_, first_);
    for (; indexed_ < first_ + calls_.size(); ++indexed_) {
        numbers_[calls_[static_cast<std::size_t>(indexed_ - first_)].msgid] = indexed_;
    }
}

std::deque<WaitingCall> WaitingCalls::take_all() {
    first_ += calls_.size();
    gaps_ = 0;
    auto all = std::exchange(calls_, {});
    std::erase_if(all, [](const auto& call) { return call.removed; });
    return all;
}

std::size_t WaitingCalls::returnable() const noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(calls_, &WaitingCall::returnable));
}

const WaitingCall* WaitingCalls::first_returnable() const noexcept {
    const auto first = std::ranges::find_if(calls_, &WaitingCall::returnable);
    return first == calls_.end() ? nullptr : &*first;
}

}  // namespace rpcbroker
