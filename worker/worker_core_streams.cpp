// The part of WorkerSession that sends stream items, and counts what the caller still takes.
#include <algorithm>
#include <limits>
#include <utility>

#include <rpcbroker/pack.hpp>

#include "worker/worker_core.hpp"

namespace rpcbroker {
namespace {

/// Of `rpc.credit [msgid, n]`.
struct Credit {
    std::uint32_t msgid = 0;
    std::uint64_t items = 0;
};

std::optional<Credit> read_credit(std::string_view params) {
    Unpacker unpacker{params};
    if (unpacker.take_array().value_or(0) < 2) return std::nullopt;
    const auto msgid = unpacker.take_unsigned();
    const auto items = unpacker.take_unsigned();
    if (!msgid || !items || *msgid > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    return Credit{static_cast<std::uint32_t>(*msgid), *items};
}

std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b) {
    return a + std::min(b, std::numeric_limits<std::uint64_t>::max() - a);
}

}  // namespace

void begin_item(std::string& out, std::uint32_t msgid) {
    Packer{out}.array(3).unsigned_integer(static_cast<unsigned>(MessageType::stream_item)).fixed_u32(msgid);
}

/// Credit of a call that is over, or that sends no items, is of no use to anyone.
void WorkerSession::on_credit(std::string_view params) {
    const auto credit = read_credit(params);
    if (!credit) {
        ++counters_.unexpected_messages;
    } else if (const auto slot = find_running(credit->msgid)) {
        add_credit(*slot, credit->items);
    } else if (WaitingCall* call = waiting_.find(credit->msgid)) {
        auto& stream = call->options.stream;
        if (stream) stream = saturating_sum(*stream, credit->items);
    }
}

void WorkerSession::add_credit(std::uint32_t slot, std::uint64_t credit) {
    Running& call = running_[slot];
    if (!call.streams || credit == 0) return;
    const bool had_none = call.credit == 0;
    call.credit = saturating_sum(call.credit, credit);
    if (had_none) event(SessionEvent::What::call_credited, {}, slot);
}

ItemSent WorkerSession::may_send_item(const Call& call) const noexcept {
    const Running& running = running_[call.slot];
    if (!running.current || running.cancelled) return ItemSent::unwanted;
    if (running.credit == 0) return ItemSent::no_credit;
    return outbox_.waiting_bytes() < most_waiting_bytes ? ItemSent::yes : ItemSent::no_room;
}

ItemSent WorkerSession::send_item(const Call& call, std::string& item) {
    const auto may = may_send_item(call);
    if (may == ItemSent::unwanted) return may;
    if (item.size() > max_message_) return ItemSent::too_large;
    if (may != ItemSent::yes) return may;
    --running_[call.slot].credit;
    ++counters_.items;
    send(item);
    return may;
}

}  // namespace rpcbroker
