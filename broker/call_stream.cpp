#include "broker/call_stream.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace rpcbroker::broker {

StreamCredit::StreamCredit(std::uint64_t with_request) noexcept
    : with_request_(std::min(with_request, window)), owed_(with_request) {}

void StreamCredit::grant(std::uint64_t items) noexcept {
    owed_ += std::min(items, std::numeric_limits<std::uint64_t>::max() - owed_);
}

void StreamCredit::dispatched() noexcept {
    owed_ -= with_request_;
    at_worker_ = with_request_;
}

void StreamCredit::returned() noexcept { grant(std::exchange(at_worker_, 0)); }

bool StreamCredit::take_item() noexcept {
    if (at_worker_ == 0) return false;
    --at_worker_;
    begun_ = true;
    return true;
}

std::uint64_t StreamCredit::top_up() noexcept {
    const auto items = std::min(owed_, window - at_worker_);
    owed_ -= items;
    at_worker_ += items;
    return items;
}

}  // namespace rpcbroker::broker
