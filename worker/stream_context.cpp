#include <rpcbroker/stream_context.hpp>

#include "worker/dispatch.hpp"

namespace rpcbroker::detail {
namespace {

/// Whether it was sent; throws for an item that never can be.
bool was_sent(ItemSent sent, const std::string& item) {
    if (sent != ItemSent::too_large) return sent == ItemSent::yes;
    throw Error{Code::resource_exhausted,
                "a stream item of " + std::to_string(item.size()) + " bytes is over the broker's limit"};
}

}  // namespace

std::string& ItemStream::begin_item() {
    auto& item = running().item;
    item.clear();
    rpcbroker::begin_item(item, running().call.msgid);
    return item;
}

bool ItemStream::send_item() { return was_sent(running().items->send(running().item), running().item); }

bool ItemStream::try_send_item() { return was_sent(running().items->try_send(running().item), running().item); }

bool ItemStream::wait_for_credit(std::chrono::nanoseconds duration) {
    return running().items->wait_for_credit(duration);
}

}  // namespace rpcbroker::detail
