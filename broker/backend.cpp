// What workers send: registration, answers, and word of how they are.
#include <algorithm>
#include <utility>

#include <rpcbroker/pack.hpp>

#include "broker/broker_core.hpp"
#include "broker/rpc_messages.hpp"

namespace rpcbroker::broker {

namespace {

Error not_registered() {
    return {Code::failed_precondition, "no worker is registered on this connection; send rpc.register first",
            By::broker, Ran::no};
}

/// What a handler's error may say: all but what only the broker and the libraries know. The worker library speaks for
/// itself as `by: worker`. Nothing if `object` is no error object.
std::optional<Error> worker_error(std::string_view object) {
    auto error = read_error_object(object);
    if (!error || error->by() == By::worker) return error;
    Error cleaned(error->code(), error->message());
    cleaned.set_data(error->data());
    return cleaned;
}

}  // namespace

void BrokerCore::notify_worker(PeerId peer, std::string_view method, std::string_view params) {
    append_notification(to_workers_.add(peer), method, params);
}

void BrokerCore::on_worker_message(PeerId peer, const MessageView& message, Body* alone) {
    if (message.type == MessageType::request) {
        if (message.method == "rpc.register") return on_register(peer, message);
        return on_backend_request(peer, message);
    }
    Worker* worker = find_worker(peer);
    if (!worker) {
        const bool notifies = message.type == MessageType::notification;
        counters_.add(notifies ? Counter::unexpected_messages : Counter::late_responses);
        return notify_worker(peer, "rpc.register_again", no_parameters);
    }
    switch (message.type) {
    case MessageType::response: return on_response(*worker, message, alone);
    case MessageType::stream_item: return on_stream_item(*worker, message, alone);
    default: return on_worker_notification(*worker, message);
    }
}

void BrokerCore::on_backend_request(PeerId peer, const MessageView& message) {
    counters_.add(Counter::unexpected_messages);
    const Error error =
        find_worker(peer) ? Error{Code::unimplemented, "on the backend there is rpc.register; calls go to the frontend",
                                  By::broker, Ran::no}
                          : not_registered();
    append_error(to_workers_.add(peer), message.msgid, error);
}

void BrokerCore::on_register(PeerId peer, const MessageView& message) {
    const auto registration = read_registration(message.params);
    auto fits = registration ? directory_.fits(*registration) : Result<void>(registration.error());
    if (fits && draining_) fits = Error{Code::unavailable, "the broker is shutting down", By::broker, Ran::no};
    if (fits)
        if (auto error = check_right_to_register(peer, *registration)) fits = *std::move(error);
    if (!fits) return refuse_registration(peer, message.msgid, fits.error());

    const bool known = find_worker(peer) != nullptr;
    Worker& worker = known ? *find_worker(peer) : make_worker(peer);
    auto services = services_of(worker);
    worker.name = registration->name;
    worker.capacity = registration->capacity;
    worker.heartbeat = registration->heartbeat;
    worker.draining = false;
    worker.held_back = true;  // the queues of its services may hold calls that are not for it, until all are settled
    directory_.join(worker, *registration, now_);
    for (Service* service : services_of(worker)) services.push_back(service);
    to_workers_.set_batching(peer, registration->batch);
    welcome(worker, message.msgid);
    counters_.add(Counter::workers_registered);
    notice(Notice::Level::info, known ? "worker registered again" : "worker registered",
           {{"worker", worker.id}, {"name", worker.name}, {"capacity", std::to_string(worker.capacity)}});
    for (Service* service : services) settle(*service);
    reroute_own(worker);
    worker.held_back = false;
    Directory::update_load(worker);
    serve(worker);
}

void BrokerCore::refuse_registration(PeerId peer, std::uint32_t msgid, const Error& error) {
    counters_.add(Counter::registrations_refused);
    notice(Notice::Level::warning, "registration refused",
           {{"worker", worker_name(find_worker(peer), peer)}, {"why", error.message()}});
    append_error(to_workers_.add(peer), msgid, error);
}

/// Answers a registration, and begins with heartbeats.
void BrokerCore::welcome(Worker& worker, std::uint32_t msgid) {
    scratch_.clear();
    Packer out(scratch_);
    out.map(6).string("protocol").unsigned_integer(1).string("broker").string(broker_id_);
    out.string("version").string(RPCBROKER_VERSION);
    out.string("heartbeat").unsigned_integer(to_milliseconds(limits_.heartbeat));
    out.string("worker").string(worker.id).string("max_message").unsigned_integer(limits_.max_message);
    append_result(to_workers_.add(worker.peer), msgid, scratch_);

    deadlines_.remove(std::exchange(worker.timer, Deadlines::none));
    if (!worker.heartbeat) return;
    worker.next_heartbeat = now_ + limits_.heartbeat;
    worker.timer = add_timer(Timer::worker, worker.next_heartbeat, worker.peer.slot);
}

void BrokerCore::on_worker_notification(Worker& worker, const MessageView& message) {
    if (message.method == "rpc.heartbeat") {
        const auto capacity = read_heartbeat(message.params);
        if (!capacity) return counters_.add(Counter::unexpected_messages);
        if (!*capacity) return;
        worker.capacity = **capacity;
        Directory::update_load(worker);
        return serve(worker);
    }
    if (message.method == "rpc.return") return on_return(worker, message);
    if (message.method == "rpc.leave") return on_leave(worker);
    counters_.add(Counter::unknown_notifications);
}

/// The worker is sent no more calls; what it has, it finishes.
void BrokerCore::on_leave(Worker& worker) {
    if (!std::exchange(worker.draining, true)) stop_drawing(worker);
    notify_worker(worker.peer, "rpc.left", no_parameters);
}

void BrokerCore::stop_drawing(Worker& worker) {
    const auto services = services_of(worker);
    directory_.withdraw(worker, now_);
    for (Service* service : services) settle(*service);
    reroute_own(worker);
}

void BrokerCore::on_return(Worker& worker, const MessageView& message) {
    Unpacker in(message.params);
    const auto count = in.take_array();
    const auto listed = in.take_array();
    if (count != 1U || !listed) return counters_.add(Counter::unexpected_messages);
    std::vector<Call*> returned;
    for (std::uint32_t i = 0; i < *listed; ++i) {
        const auto msgid = in.take_unsigned();
        if (!msgid) {
            counters_.add(Counter::unexpected_messages);
            break;
        }
        if (Call* call = take_back(worker, *msgid)) returned.push_back(call);
    }
    counters_.add(Counter::calls_returned, returned.size());
    worker.held_back = true;
    Directory::update_load(worker);
    start_over(std::move(returned), worker);
    worker.held_back = false;
    Directory::update_load(worker);
    serve(worker);
}

/// The call that the worker gives back, if it is still wanted.
Call* BrokerCore::take_back(Worker& worker, std::uint64_t msgid) {
    Call* call = msgid <= UINT32_MAX ? calls_.dispatched_as(static_cast<std::uint32_t>(msgid)) : nullptr;
    if (call && call->worker == &worker) return take_off(*call) ? call : nullptr;
    counters_.add(Counter::late_responses);
    return nullptr;
}

/// Takes a call off its worker, which has not started it. False: nobody waits for it any more, and it is gone.
bool BrokerCore::take_off(Call& call) {
    release_place(call);
    if (call.state == Call::State::abandoned) {
        free_call(call);
        return false;
    }
    call.state = Call::State::waiting;
    if (call.takes_items()) stop_withholding(call, *call.client);
    return true;
}

/// Of a worker that is lost: the calls that it was to be sent. The rest of what waits for it is dropped.
std::vector<Call*> BrokerCore::take_unsent(Worker& worker) {
    std::vector<Call*> unsent;
    to_workers_.for_each(worker.peer, [&](Outgoing& body) {
        BodyReader reader(body.large.empty() ? std::string_view(body.bytes) : body.large.bytes());
        MessageView message;
        while (reader.next(message) == BodyReader::Step::message) {
            if (message.type != MessageType::request) continue;
            Call* call = calls_.dispatched_as(message.msgid);
            if (!call || call->worker != &worker || !take_off(*call)) continue;
            unsent.push_back(call);
            if (!call->moved_out) continue;
            call->moved_out = false;
            call->extras->large = std::move(body.large);
            return;
        }
    });
    counters_.add(Counter::calls_unsent, unsent.size());
    counters_.add(Counter::undeliverable_messages, to_workers_.forget(worker.peer) - unsent.size());
    return unsent;
}

/// Of calls that were meant for the worker in this order: the first one comes first again. What has to wait goes before what
/// waits already, so the last one of those goes first.
void BrokerCore::start_over(std::vector<Call*> calls, const Worker& worker) {
    std::erase_if(calls, [&](Call* call) {
        const bool starts = !call->pinned() && starts_at_once(*call);
        if (starts) start_over(*call, worker);
        return starts;
    });
    std::ranges::reverse(calls);
    for (Call* call : calls) start_over(*call, worker);
}

/// Of a call that the worker gave back, or was not sent.
void BrokerCore::start_over(Call& call, const Worker& worker) {
    if (call.takes_items() && call.stream().credit.begun())
        return end(call, {Code::internal, "worker " + worker.id + " gave back a stream that had begun", By::broker,
                          Ran::maybe});
    if (call.moved_out)
        return end(call,
                   {Code::unavailable, "worker " + worker.id + " gave the call back, and its large body is not kept",
                    By::broker, Ran::no});
    if (call.takes_items()) call.stream().credit.returned();
    route(call, Place::front);
}

void BrokerCore::on_response(Worker& worker, const MessageView& message, Body* alone) {
    Call* call = calls_.dispatched_as(message.msgid);
    if (!call || call->worker != &worker) return counters_.add(Counter::late_responses);
    ++worker.completed;
    if (message.error != packed_nil) ++worker.errors;
    release_place(*call);
    learn(*call, message);
    if (call->state == Call::State::abandoned)
        free_call(*call);
    else
        answer(*call, worker, message, alone);
    serve(worker);
}

/// How fast its service is, and how long its method takes: for the calls that wait. A stream takes as long as its reader
/// wants, and an error mostly came early.
void BrokerCore::learn(const Call& call, const MessageView& message) noexcept {
    if (!call.pinned() && !call.keyed && !call.service->waiting.empty()) call.service->rate.finish(now_);
    if (call.takes_items()) return;
    HandlingTime& handling = call.method->handling;
    if (call.state == Call::State::abandoned)
        handling.cut_short(now_ - call.dispatched, now_);
    else if (message.error == packed_nil)
        handling.finish(now_ - call.dispatched, now_);
}

/// Passes the worker's answer on to the caller, and ends the call.
void BrokerCore::answer(Call& call, const Worker& worker, const MessageView& message, Body* alone) {
    call.state = Call::State::waiting;  // it has no place any more
    counters_.add(Counter::calls_answered);
    if (message.error == packed_nil)
        answer_result(call, worker, message, alone);
    else
        answer_error(call, worker, message);
    give_up(call);
}

void BrokerCore::answer_result(Call& call, const Worker& worker, const MessageView& message, Body* alone) {
    record(call, &worker, nullptr);
    if (call.one_way) return;
    if (alone && message.msgid_at != 0 && message.timing.empty() && !call.timing) {
        overwrite_u32(alone->data() + message.msgid_at, call.client_msgid);
        return to_clients_.add_large(call.client->peer, call.envelope(), std::move(*alone));
    }
    auto& out = to_clients_.add(call.client->peer, call.envelope());
    if (message.msgid_at == usual_msgid_at && message.elements == 4 && !call.timing) {
        const auto at = out.size();
        out.append(message.bytes);
        return overwrite_u32(out.data() + at + usual_msgid_at, call.client_msgid);
    }
    const auto tail = message.tail.substr(0, message.tail.size() - message.timing.size());
    append_with_tail(out, MessageType::response, call.client_msgid, call.timing ? 5 : 4, tail);
    if (call.timing) append_timing(out, call, worker);
}

void BrokerCore::answer_error(Call& call, const Worker& worker, const MessageView& message) {
    auto error = worker_error(message.error);
    if (!error) {
        counters_.add(Counter::invalid_responses);
        error = Error{Code::internal, "the worker answered with an error that is no map of code and message",
                      By::worker, Ran::maybe};
    }
    // "no" is said of this run; what counts is whether any of them may have begun.
    if (call.lost > 0 && error->ran() == Ran::no) error->set_ran(Ran::maybe);
    record(call, &worker, &*error);
    if (call.one_way) return counters_.add(Counter::one_way_failed);
    scratch_.clear();
    append_error_object(scratch_, *error);
    Packer(scratch_).nil();
    auto& out = to_clients_.add(call.client->peer, call.envelope());
    append_with_tail(out, MessageType::response, call.client_msgid, call.timing ? 5 : 4, scratch_);
    if (call.timing) append_timing(out, call, worker);
}

void BrokerCore::append_timing(std::string& out, const Call& call, const Worker& worker) {
    Packer(out).map(3).string("worker").string(worker.name).string("queued_us");
    Packer(out).unsigned_integer(microseconds(call.dispatched - call.accepted));
    Packer(out).string("worker_us").unsigned_integer(microseconds(now_ - call.dispatched));
}

}  // namespace rpcbroker::broker
