#include "broker/call_table.hpp"

#include <algorithm>
#include <memory>

namespace rpcbroker::broker {

namespace {
/// A slot keeps the memory of a small request for the next one, not that of a large one.
constexpr std::size_t kept_capacity = 256;
}  // namespace

Call* CallTable::take() {
    if (!free_first_ && made_ == max_calls) return nullptr;
    Call& call = free_first_ ? unlink_free(*free_first_) : make();
    ++blocks_[call.index / block_size].used;
    most_ = std::max(most_, ++size_);
    return &call;
}

/// Ids go on where those of a slot that was here before ended.
Call& CallTable::make() {
    if (made_ % block_size == 0) blocks_.emplace_back(Block{std::make_unique<Call[]>(block_size)});
    if (made_ == generations_.size()) generations_.push_back(0);
    Call& call = at(made_);
    call.generation = generations_[made_];
    call.index = made_++;
    return call;
}

void CallTable::drop_block() noexcept {
    const auto first = static_cast<std::uint32_t>(blocks_.size() - 1) * block_size;
    for (; made_ > first; --made_) {
        Call& call = at(made_ - 1);
        generations_[call.index] = call.generation;
        unlink_free(call);
    }
    blocks_.pop_back();
}

bool CallTable::trim(std::size_t keep, unsigned at_most) {
    const auto droppable = [&] { return made_ >= keep + block_size && blocks_.back().used == 0; };
    for (; at_most > 0 && droppable(); --at_most) drop_block();
    return at_most == 0 && droppable();
}

void CallTable::link_free(Call& call) noexcept {
    call.previous = std::exchange(free_last_, &call);
    (call.previous ? call.previous->next : free_first_) = &call;
}

Call& CallTable::unlink_free(Call& call) noexcept {
    (call.previous ? call.previous->next : free_first_) = call.next;
    (call.next ? call.next->previous : free_last_) = call.previous;
    call.next = call.previous = nullptr;
    return call;
}

void CallTable::release(Call& call) noexcept {
    static_cast<CallRecord&>(call) = CallRecord();
    call.request.clear();
    if (call.request.capacity() > kept_capacity) call.request.free();
    call.extras.reset();
    link_free(call);
    --blocks_[call.index / block_size].used;
    --size_;
}

std::uint32_t CallTable::new_wire_id(Call& call) noexcept {
    ++call.generation;
    call.wire_id = (std::uint32_t{call.generation} << index_bits) | call.index;
    return call.wire_id;
}

Call* CallTable::dispatched_as(std::uint32_t wire_id) noexcept {
    const auto index = wire_id & (max_calls - 1);
    if (index >= made_) return nullptr;
    Call& call = at(index);
    const bool out = call.state == Call::State::running || call.state == Call::State::abandoned;
    return out && call.wire_id == wire_id ? &call : nullptr;
}

}  // namespace rpcbroker::broker
