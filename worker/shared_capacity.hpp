// A worker's capacity, shared by the brokers that it serves: what they are told adds up to no more than there is.
//
// The sessions of a worker have one of these between them. Each tells what it holds, and is told what to announce. A
// broker that uses all of its share gets more of it, doubling, from those that do not use theirs, until the shares are
// even; so a busy broker beside an idle one soon has nearly everything, and no call costs a message. A broker may act on
// what it was told last for a moment yet: what is taken from one is given to another only after that, and when it is
// free. Where there is less than a place for each broker, the places go round.
//
// While the worker is closed (all its threads are in handlers that do not end), each broker is told what it has running.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/time.hpp"
#include "worker/capacity.hpp"

namespace rpcbroker {

/// Not thread-safe. A `now` that is earlier than one before, as sessions are told the time one after the other, counts as
/// that one.
class SharedCapacity {
public:
    using Broker = std::uint32_t;
    /// Shares are looked at again so often, while anyone uses all of its own.
    static constexpr Duration pace = std::chrono::milliseconds{20};
    /// What a broker had is not for others until it has had this long to hear of it.
    static constexpr Duration settling = std::chrono::milliseconds{5};
    /// What a broker held counts as its need for so long, or twice that.
    static constexpr Duration memory = std::chrono::milliseconds{100};
    /// Places that go round: a broker keeps one for `slice`, but only for `probe` without using it.
    static constexpr Duration slice = std::chrono::milliseconds{100};
    static constexpr Duration probe = std::chrono::milliseconds{10};

    struct Held {
        std::uint32_t waiting = 0;
        std::uint32_t running = 0;
        std::uint32_t stale = 0;  ///< running, but of an earlier registration: the broker does not count it
    };

    SharedCapacity(std::uint32_t threads, std::optional<std::uint32_t> fixed) : capacity_(threads, fixed) {}

    /// One more broker, detached, in the beginning. A worker's only broker always has everything.
    Broker add();
    /// It is there and may send calls; or not any more, so that its share is for others.
    void attach(Broker broker, TimePoint now);
    void detach(Broker broker, TimePoint now);

    /// What it has in this worker, after every change. But where only running calls have changed, or some wait as before:
    /// if counts_running(), and before close() and excess().
    void holds(Broker broker, Held held, TimePoint now) {
        seen_ = std::max(seen_, now);
        Part& part = parts_[broker];
        waiting_ += held.waiting - part.held.waiting;
        stale_ += held.stale - part.held.stale;
        part.held = held;
        capacity_.waiting(waiting_ > 0, seen_);
        if (parts_.size() > 1) note(part);
    }
    /// Whether it matters how many calls run: to other brokers, or to what is announced.
    [[nodiscard]] bool counts_running() const noexcept { return parts_.size() > 1 || closed_ || stale_ > 0; }
    /// A call that waited is about to run. Returns whether the capacity may be another one now.
    bool started(TimePoint now) {
        seen_ = last_start_ = std::max(seen_, now);
        return capacity_.started(seen_);
    }

    /// All threads have been in handlers for Capacity::patience: no more calls until open().
    void close(TimePoint now);
    void open() noexcept { closed_ = false; }
    [[nodiscard]] bool closed() const noexcept { return closed_; }

    /// What to announce to it.
    [[nodiscard]] std::uint32_t share(Broker broker) const noexcept {
        const Part& part = parts_[broker];
        if (closed_) return part.held.running;
        return parts_.size() == 1 ? total() : part.share;
    }
    /// All that there is for brokers.
    [[nodiscard]] std::uint32_t total() const noexcept {
        const auto all = capacity_.is_fixed() ? capacity_.wanted() : std::max(capacity_.wanted(), attached_);
        return all - std::min(all, stale_);
    }
    /// A fixed capacity is exceeded, and this broker holds more than its share: what waits of it had better go back.
    [[nodiscard]] bool exceeds(Broker broker) const noexcept;
    /// Calls that wait beyond what is done in a few milliseconds; none if the capacity is fixed.
    [[nodiscard]] std::uint32_t excess() const noexcept;
    /// When the last call was started; the beginning of time if none was.
    [[nodiscard]] TimePoint last_start() const noexcept { return last_start_; }

    /// Shares may be other ones after this, those of other brokers too.
    void on_time(TimePoint now);
    /// When on_time() is wanted again, if nothing else happens.
    [[nodiscard]] std::optional<TimePoint> next_deadline() const noexcept;

private:
    struct Part {
        bool attached = false;
        bool lacking = false;  ///< held all that it may, since the last look
        Held held;
        std::uint32_t share = 0;
        std::uint32_t before = 0;  ///< what it was told before `lowered`
        TimePoint lowered;
        TimePoint granted;  ///< when it got its place, where places go round
        TimePoint used;
        std::uint32_t peak = 0;  ///< the most that it held, in the present stretch of `memory`
        std::uint32_t earlier_peak = 0;

        [[nodiscard]] std::uint32_t holding() const noexcept { return held.waiting + held.running; }
        [[nodiscard]] std::uint32_t need() const noexcept;
    };
    using Shares = std::vector<std::uint32_t>;

    [[nodiscard]] bool goes_round() const noexcept { return attached_ > total(); }
    [[nodiscard]] bool settled(const Part& part) const noexcept { return seen_ >= part.lowered + settling; }
    [[nodiscard]] std::uint32_t taken(const Part& part) const noexcept;
    void note(Part& part);
    void set_attached(Broker broker, bool attached, TimePoint now);
    void look(bool changed);
    void remember();
    [[nodiscard]] Shares even_shares() const;
    [[nodiscard]] Shares turns() const;
    [[nodiscard]] bool keeps_turn(const Part& part) const noexcept;
    [[nodiscard]] bool helps(const Shares& wanted) const noexcept;
    void lower(const Shares& wanted);
    void raise(const Shares& wanted);

    Capacity capacity_;
    std::vector<Part> parts_;
    std::uint32_t attached_ = 0;
    std::uint32_t waiting_ = 0;  ///< of all brokers
    std::uint32_t stale_ = 0;
    std::uint32_t shared_ = 0;  ///< the total that was shared out last
    bool closed_ = false;
    bool pending_ = false;  ///< a share is not yet what it is to be
    bool settled_ = true;   ///< all had heard of what was taken from them when it was looked last
    std::size_t turn_ = 0;  ///< whose turn it is, where places go round
    TimePoint seen_{};      ///< the latest `now`
    TimePoint looked_{};
    TimePoint remembered_{};
    TimePoint last_start_{};
};

}  // namespace rpcbroker
