#include "worker/cancellation.hpp"

#include <algorithm>
#include <utility>

namespace rpcbroker {

Cancellation::Generation Cancellation::request() noexcept {
    requested_.store(true, std::memory_order_release);
    return generation_.load(std::memory_order_relaxed);
}

void Cancellation::notify(Generation generation) {
    const std::lock_guard lock{mutex_};
    if (generation != generation_.load(std::memory_order_relaxed)) return;
    changed_.notify_all();
    for (const auto& callback : std::exchange(callbacks_, {})) callback();
}

bool Cancellation::wait_for(std::chrono::nanoseconds duration) {
    // Longer than that nobody waits, and sums of times do not overflow.
    constexpr std::chrono::nanoseconds longest = std::chrono::hours{24 * 365};
    listening_ = true;
    std::unique_lock lock{mutex_};
    return !changed_.wait_for(lock, std::min(duration, longest), [this] { return requested(); });
}

void Cancellation::on_cancel(std::function<void()> callback) {
    listening_ = true;
    {
        const std::lock_guard lock{mutex_};
        if (!requested()) return callbacks_.push_back(std::move(callback));
    }
    callback();
}

std::stop_token Cancellation::stop_token() {
    if (!stop_) on_cancel([source = stop_.emplace()]() mutable { source.request_stop(); });
    return stop_->get_token();
}

void Cancellation::stop_listening() {
    listening_ = false;
    const std::lock_guard lock{mutex_};
    callbacks_.clear();
    stop_.reset();
}

}  // namespace rpcbroker
