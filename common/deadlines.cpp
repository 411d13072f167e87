#include "common/deadlines.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

namespace rpcbroker {
namespace {

constexpr Duration tick_length = std::chrono::milliseconds{1};

}  // namespace

Deadlines::Deadlines(TimePoint start) : start_(start), now_(start), nodes_(1) {}

Deadlines::Handle Deadlines::add(TimePoint when, std::uint64_t tag) {
    Handle handle = heads_[free_list];
    if (handle == none) {
        handle = static_cast<Handle>(nodes_.size());
        nodes_.emplace_back();
    } else {
        unlink(handle);
    }
    nodes_[handle].tick = (when <= now_ ? current_ : first_tick_from(when)) & latest_tick;
    nodes_[handle].tag = tag;
    link(handle, list_for(nodes_[handle].tick));
    ++size_;
    return handle;
}

void Deadlines::remove(Handle handle) noexcept {
    if (handle == none) return;
    assert(handle < nodes_.size() && nodes_[handle].list != free_list);
    unlink(handle);
    release(handle);
}

std::optional<std::uint64_t> Deadlines::pop_due(TimePoint now) {
    now_ = std::max(now_, now);
    advance(static_cast<std::uint64_t>((now_ - start_) / tick_length));
    const Handle handle = heads_[due_list];
    if (handle == none) return std::nullopt;
    const auto tag = nodes_[handle].tag;
    remove(handle);
    return tag;
}

std::optional<TimePoint> Deadlines::next() const {
    if (heads_[due_list] != none) return now_;
    if (const auto stop = next_stop()) return time_of(stop->tick);
    return std::nullopt;
}

/// Rounded up, so that nothing is due before its time. `when` lies after start_.
std::uint64_t Deadlines::first_tick_from(TimePoint when) const noexcept {
    const Duration after = std::min(when, TimePoint::max() - tick_length) - start_;
    const auto whole = static_cast<std::uint64_t>(after / tick_length);
    return after % tick_length == Duration::zero() ? whole : whole + 1;
}

TimePoint Deadlines::time_of(std::uint64_t tick) const noexcept {
    return start_ + tick_length * static_cast<Duration::rep>(tick);
}

Deadlines::List Deadlines::list_for(std::uint64_t tick) const noexcept {
    if (tick <= current_) return due_list;
    const auto level = (static_cast<unsigned>(std::bit_width(tick ^ current_)) - 1) / level_bits;
    if (level >= levels) return far_list;
    return static_cast<List>(level * slots + (tick >> (level * level_bits)) % slots);
}

void Deadlines::link(Handle handle, List list) noexcept {
    Node& node = nodes_[handle];
    node.list = list;
    Handle& head = heads_[list];
    if (head == none) {
        node.next = node.previous = head = handle;
        if (list < due_list) occupied_[list / slots][list % slots / 64] |= std::uint64_t{1} << list % 64;
        return;
    }
    node.next = head;
    node.previous = nodes_[head].previous;
    nodes_[node.previous].next = handle;
    nodes_[head].previous = handle;
}

void Deadlines::unlink(Handle handle) noexcept {
    const Node& node = nodes_[handle];
    Handle& head = heads_[node.list];
    if (node.next == handle) {
        head = none;
        const auto list = node.list;
        if (list < due_list) occupied_[list / slots][list % slots / 64] &= ~(std::uint64_t{1} << list % 64);
        return;
    }
    nodes_[node.next].previous = node.previous;
    nodes_[node.previous].next = node.next;
    if (head == handle) head = node.next;
}

/// Nodes of the first half are used again first, so that the second one comes to hold nothing, and shrink() can have it.
void Deadlines::release(Handle handle) noexcept {
    link(handle, free_list);
    if (handle < nodes_.size() / 2) heads_[free_list] = handle;
    --size_;
}

bool Deadlines::shrink(std::size_t keep, std::size_t at_most) {
    const auto droppable = [&] { return made() > keep && nodes_.back().list == free_list; };
    for (; at_most > 0 && droppable(); --at_most) {
        unlink(static_cast<Handle>(made()));
        nodes_.pop_back();
    }
    if (nodes_.size() < nodes_.capacity() / 4) nodes_.shrink_to_fit();
    return at_most == 0 && droppable();
}

std::optional<Deadlines::Stop> Deadlines::next_stop() const noexcept {
    for (unsigned level = 0; level < levels; ++level) {
        const auto shift = level * level_bits;
        for (unsigned word = 0; word < slots / 64; ++word) {
            const auto bits = occupied_[level][word];
            if (bits == 0) continue;
            const auto slot = word * 64 + static_cast<unsigned>(std::countr_zero(bits));
            const auto above = current_ >> (shift + level_bits) << (shift + level_bits);
            return Stop{above | std::uint64_t{slot} << shift, static_cast<List>(level * slots + slot)};
        }
    }
    if (heads_[far_list] == none) return std::nullopt;
    constexpr auto range_bits = levels * level_bits;
    return Stop{((current_ >> range_bits) + 1) << range_bits, far_list};
}

void Deadlines::advance(std::uint64_t tick) noexcept {
    while (current_ < tick) {
        const auto stop = next_stop();
        if (!stop || stop->tick > tick) {
            // No list begins up to `tick`, so none of them is another one for having it as the current tick.
            current_ = tick;
            return;
        }
        current_ = stop->tick;
        take_apart(stop->list);
    }
}

/// Puts what is in `list` where it belongs now, in order.
void Deadlines::take_apart(List list) noexcept {
    // A far deadline may belong into the far list again: so the list is emptied first, whole.
    Handle handle = heads_[list];
    const Handle last = nodes_[handle].previous;
    heads_[list] = none;
    if (list < due_list) occupied_[list / slots][list % slots / 64] &= ~(std::uint64_t{1} << list % 64);
    while (true) {
        const Handle following = nodes_[handle].next;
        link(handle, list_for(nodes_[handle].tick));
        if (handle == last) return;
        handle = following;
    }
}

}  // namespace rpcbroker
