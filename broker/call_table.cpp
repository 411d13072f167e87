#include "broker/call_table.hpp"

namespace rpcbroker::broker {

namespace {
/// A slot keeps the memory of a small request for the next one, not that of a large one.
constexpr std::size_t kept_capacity = 256;
}  // namespace

Call* CallTable::take() {
    if (!free_first_) {
        if (made_ == max_calls) return nullptr;
        if ((made_ & (block_size - 1)) == 0) blocks_.push_back(std::make_unique<Call[]>(block_size));
        Call& call = at(made_);
        call.index = made_++;
        ++size_;
        return &call;
    }
    Call* call = free_first_;
    free_first_ = call->next;
    if (!free_first_) free_last_ = nullptr;
    call->next = nullptr;
    ++size_;
    return call;
}

void CallTable::release(Call& call) noexcept {
    const auto index = call.index;
    const auto generation = call.generation;
    auto bytes = std::move(call.tail_bytes);
    bytes.clear();
    if (bytes.capacity() > kept_capacity) std::string().swap(bytes);  // an assignment would keep the memory
    std::destroy_at(&call);  // and not `call = Call{}`, which makes a second one to copy from
    std::construct_at(&call);
    call.index = index;
    call.generation = generation;
    call.tail_bytes = std::move(bytes);
    if (free_last_)
        free_last_->next = &call;
    else
        free_first_ = &call;
    free_last_ = &call;
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
