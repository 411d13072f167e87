// A timer queue that is told the time: a hierarchical timing wheel with ticks of a millisecond.
//
// Adding and removing take constant time, whatever is in it: nearly every call has a deadline that is never reached.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/time.hpp"

namespace rpcbroker {

/// Holds deadlines, each with a 64-bit `tag` that says whose it is. Not thread-safe. A deadline is never reported before
/// its time, and at most a millisecond after it; earlier ones first, to the millisecond.
class Deadlines {
public:
    /// Names a deadline until it is removed or reported, and may name another one later; `none` names nothing.
    using Handle = std::uint32_t;
    static constexpr Handle none = 0;

    explicit Deadlines(TimePoint start);

    /// One that has passed already (by the `now` of the last pop_due) is reported by the next pop_due.
    Handle add(TimePoint when, std::uint64_t tag);
    /// `none` is allowed, so that owners need not ask.
    void remove(Handle handle) noexcept;
    /// One that is due, and no longer held; nothing when all that are left lie after `now`. `now` never goes back.
    std::optional<std::uint64_t> pop_due(TimePoint now);
    /// When to call pop_due again: no deadline is reported before that time, and pop_due has something to do then (a
    /// deadline that is far off is only moved closer). Nothing when there is no deadline.
    [[nodiscard]] std::optional<TimePoint> next() const;
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// What there is memory for.
    [[nodiscard]] std::size_t made() const noexcept { return nodes_.size() - 1; }
    /// Gives memory back for all but `keep`, as far as no deadline lies there (new ones lie in its first half, where they
    /// can): for so many at most, so that it takes no long time. Returns whether there is more to give back.
    bool shrink(std::size_t keep, std::size_t at_most);

private:
    static constexpr unsigned level_bits = 8;
    static constexpr unsigned levels = 4;
    static constexpr unsigned slots = 1U << level_bits;
    using List = std::uint16_t;
    // A tick's list follows from the highest byte in which it differs from current_: that byte is the level, its value
    // the slot. Below the top, lists of a lower level therefore come before all of a higher one. Ticks that differ in
    // more than the lowest four bytes (49 days) wait in far_list.
    static constexpr List due_list = levels * slots;  ///< after level * slots + slot
    static constexpr List far_list = due_list + 1;
    static constexpr List free_list = far_list + 1;  ///< of nodes that hold no deadline
    static constexpr List lists = free_list + 1;
    static constexpr std::uint64_t latest_tick =
        (std::uint64_t{1} << 48) - 1;  ///< 8,900 years; the clock ends after 292
    struct Node {
        std::uint64_t tick : 48 = 0;
        std::uint64_t list : 16 = free_list;
        std::uint64_t tag = 0;
        Handle next = none;  ///< in the ring that is `list`
        Handle previous = none;
    };
    struct Stop {
        std::uint64_t tick;
        List list;
    };

    [[nodiscard]] std::uint64_t first_tick_from(TimePoint when) const noexcept;
    [[nodiscard]] TimePoint time_of(std::uint64_t tick) const noexcept;
    [[nodiscard]] List list_for(std::uint64_t tick) const noexcept;
    void link(Handle handle, List list) noexcept;
    void unlink(Handle handle) noexcept;
    void release(Handle handle) noexcept;
    /// The first tick after current_ at which a list is to be taken apart, and that list.
    [[nodiscard]] std::optional<Stop> next_stop() const noexcept;
    void advance(std::uint64_t tick) noexcept;
    void take_apart(List list) noexcept;

    TimePoint start_;
    TimePoint now_;
    std::uint64_t current_ = 0;  ///< every deadline at or before this tick is in due_list
    std::size_t size_ = 0;
    std::vector<Node> nodes_;  ///< by handle; the first is not used
    std::array<Handle, lists> heads_{};
    std::array<std::array<std::uint64_t, slots / 64>, levels> occupied_{};  ///< a bit for each list that is not empty
};

}  // namespace rpcbroker
