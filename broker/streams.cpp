// Stream items on their way to clients, and credit on its way to workers.
#include <utility>

#include <rpcbroker/pack.hpp>

#include "broker/broker_core.hpp"
#include "broker/rpc_messages.hpp"

namespace rpcbroker::broker {

namespace {

/// How soon to look again whether a client has read.
constexpr auto withheld_pause = std::chrono::milliseconds(2);

}  // namespace

/// Of a call that lacks_stream().
Error BrokerCore::stream_needed(const Call& call) {
    return {Code::invalid_argument,
            call.method->full_name + " streams its results; call it with the option stream (and not one-way)",
            By::broker, call.ran()};
}

void BrokerCore::on_stream_item(Worker& worker, const MessageView& message, Body* alone) {
    Call* call = calls_.dispatched_as(message.msgid);
    if (!call || call->worker != &worker) return counters_.add(Counter::late_responses);
    if (call->state == Call::State::abandoned) return counters_.add(Counter::late_items);
    const auto ends_with = [&](const char* what) {
        end(*call, {Code::internal, "worker " + worker.id + what, By::broker, Ran::maybe});
    };
    if (!call->takes_items()) return ends_with(" sent a stream item for a call that takes none");
    if (!call->stream().credit.take_item()) return ends_with(" sent more stream items than it was granted");
    pass_item(*call, message, alone);
    top_up(*call);
}

void BrokerCore::pass_item(const Call& call, const MessageView& message, Body* alone) {
    counters_.add(Counter::stream_items);
    ++call.method->items;
    const PeerId peer = call.client->peer;
    if (!alone || message.msgid_at == 0)
        return append_stream_item(to_clients_.add(peer), call.client_msgid, message.result);
    overwrite_u32(alone->data() + message.msgid_at, call.client_msgid);
    to_clients_.add_large(peer, {}, std::move(*alone));
}

/// The client grants one of its streams more items.
void BrokerCore::on_credit(Client& client, const MessageView& message) {
    Unpacker in(message.params);
    const auto count = in.take_array();
    const auto msgid = in.take_unsigned();
    const auto items = in.take_unsigned();
    if (count != 2U || !msgid || *msgid > UINT32_MAX || !items) return counters_.add(Counter::unknown_notifications);
    Call* call = client_call(client, static_cast<std::uint32_t>(*msgid));
    if (!call) return;  // it ended meanwhile
    if (!call->takes_items()) return counters_.add(Counter::unexpected_messages);
    call->stream().credit.grant(*items);
    if (call->state == Call::State::running) top_up(*call);
}

/// Grants the worker of a running stream what its client has granted, as far as the window goes and the client reads.
void BrokerCore::top_up(Call& call) {
    if (!call.stream().credit.runs_low() || call.stream().withheld) return;
    if (!has_read(*call.client)) return withhold(call);
    scratch_.clear();
    Packer(scratch_).array(2).fixed_u32(call.wire_id).unsigned_integer(call.stream().credit.top_up());
    notify_worker(call.worker->peer, "rpc.credit", scratch_);
}

/// Whether little enough is kept for the client that its streams may go on.
bool BrokerCore::has_read(const Client& client) const noexcept {
    return to_clients_.waiting_bytes(client.peer) <= stream_unsent_bytes &&
           to_clients_.waiting_bodies(client.peer) <= stream_unsent_bodies;
}

void BrokerCore::withhold(Call& call) {
    Client& client = *call.client;
    call.stream().withheld = true;
    call.stream().next = client.withheld;
    if (client.withheld) client.withheld->stream().previous = &call;
    client.withheld = &call;
    ++withheld_;
    if (std::exchange(client.congested, true)) return;
    if (congested_.empty()) add_timer(Timer::streams, now_ + withheld_pause, 0);
    congested_.push_back(client.peer);
}

/// The call ended, left its worker, or goes on. Nothing for one that is not withheld.
void BrokerCore::stop_withholding(Call& call, Client& client) noexcept {
    CallStream& stream = call.stream();
    if (!std::exchange(stream.withheld, false)) return;
    (stream.previous ? stream.previous->stream().next : client.withheld) = stream.next;
    if (stream.next) stream.next->stream().previous = stream.previous;
    stream.next = stream.previous = nullptr;
    --withheld_;
}

/// Looks again at the clients whose streams are withheld; as soon as one has read, its streams go on.
void BrokerCore::on_streams_timer() {
    std::erase_if(congested_, [&](PeerId peer) {
        Client* client = find_client(peer);
        if (!client) return true;
        if (client->withheld && !has_read(*client)) return false;
        client->congested = false;
        while (Call* call = client->withheld) {
            stop_withholding(*call, *client);
            top_up(*call);
        }
        return true;
    });
    if (!congested_.empty()) add_timer(Timer::streams, now_ + withheld_pause, 0);
}

}  // namespace rpcbroker::broker
