// The virtual clock, and what is to happen when. Time passes only from one event to the next.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "common/time.hpp"

namespace rpcbroker::simulation {

/// Events of the same time happen in the order in which they were added, so that a run is the same every time. Not
/// thread-safe.
class EventQueue {
public:
    using Action = std::function<void()>;

    /// The first time is not zero, so that nobody takes a time that was never set for one that was.
    EventQueue() noexcept : now_(std::chrono::hours{1}) {}

    [[nodiscard]] TimePoint now() const noexcept { return now_; }
    [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
    [[nodiscard]] std::uint64_t happened() const noexcept { return happened_; }

    /// What lies in the past happens now.
    void at(TimePoint when, Action action) {
        heap_.push_back({std::max(when, now_), ++added_, std::move(action)});
        std::push_heap(heap_.begin(), heap_.end(), later);
    }
    void after(Duration pause, Action action) { at(now_ + pause, std::move(action)); }

    /// The next event happens, if it does by `end`; else it is `end` now. Returns whether one did.
    bool step(TimePoint end) {
        if (heap_.empty() || heap_.front().when > end) {
            now_ = std::max(now_, end);
            return false;
        }
        std::pop_heap(heap_.begin(), heap_.end(), later);
        Event event = std::move(heap_.back());
        heap_.pop_back();
        now_ = event.when;
        ++happened_;
        event.action();
        return true;
    }

private:
    struct Event {
        TimePoint when;
        std::uint64_t number;
        Action action;
    };
    static bool later(const Event& a, const Event& b) noexcept {
        return std::pair{a.when, a.number} > std::pair{b.when, b.number};
    }

    TimePoint now_;
    std::vector<Event> heap_;
    std::uint64_t added_ = 0;
    std::uint64_t happened_ = 0;
};

}  // namespace rpcbroker::simulation
