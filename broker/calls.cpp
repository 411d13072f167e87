// Where a call goes, and how it ends.
#include <algorithm>
#include <utility>

#include <rpcbroker/pack.hpp>

#include "broker/broker_core.hpp"
#include "broker/rpc_messages.hpp"

namespace rpcbroker::broker {

namespace {

std::string_view method_name(const Call& call) noexcept {
    return called_method(call).substr(call.service->name.size() + 1);
}

Error broker_error(Code code, std::string message, Ran ran = Ran::no) {
    return {code, std::move(message), By::broker, ran};
}

Error too_late(const Call& call, Duration takes, Duration left) {
    auto error = broker_error(Code::resource_exhausted,
                              "service " + call.service->name + " is busy: the call's turn came with " +
                                  std::to_string(ceil_milliseconds(left)) + " ms left, and it takes " +
                                  std::to_string(ceil_milliseconds(takes)) + " ms",
                              call.ran());
    error.set_retry_after(std::chrono::milliseconds(ceil_milliseconds(takes - left)));
    return error;
}

std::uint32_t milliseconds_left(TimePoint deadline, TimePoint now) noexcept {
    return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count());
}

}  // namespace

/// Sends the call to a worker, lets it wait where a worker will find it, or ends it.
void BrokerCore::route(Call& call, Place place) {
    Service& service = *call.service;
    if (!call.method) call.method = Directory::method(service, method_name(call));
    if (lacks_stream(call)) return end(call, stream_needed(call));
    if (call.pinned()) {
        const auto found = workers_by_serial_.find(call.affinity);
        if (found != workers_by_serial_.end() && !found->second->draining) return route_to(call, *found->second, place);
        return end(call, broker_error(Code::unavailable, "the worker that the call asked for is gone", call.ran()));
    }
    if (service.workers == 0) return hold_without_worker(call, place);
    if (!call.method || call.method->groups.empty()) return hold_without_method(call, place);
    if (call.keyed) return route_to(call, *Directory::pick_by_key(*call.method, call.affinity), place);

    FairQueue& queue = Directory::is_even(*call.method) ? service.waiting : call.method->waiting;
    Worker* worker = Directory::pick(*call.method);
    if (worker && queue.empty()) return dispatch(call, *worker);
    enqueue(call, queue, place, call.deadline);
    if (worker) serve(*worker);
}

/// Whether route() would dispatch it.
bool BrokerCore::starts_at_once(const Call& call) const noexcept {
    if (!call.method || call.method->groups.empty()) return false;
    const Method& method = *call.method;
    if (!call.pinned() && !call.keyed) {
        const FairQueue& queue = Directory::is_even(method) ? method.service->waiting : method.waiting;
        return queue.empty() && Directory::pick(method);
    }
    const Worker* worker =
        call.keyed ? Directory::pick_by_key(method, call.affinity) : workers_by_serial_.at(call.affinity);
    return worker->has_room() && worker->waiting.empty();
}

/// Of a call that only `worker` may run.
void BrokerCore::route_to(Call& call, Worker& worker, Place place) {
    if (!call.method || !Directory::serves(worker, *call.method))
        return end(call, broker_error(Code::unimplemented,
                                      "worker " + worker.id + " has no method " + std::string(called_method(call))));
    if (worker.has_room() && worker.waiting.empty()) return dispatch(call, worker);
    enqueue(call, worker.waiting, place, call.deadline);
    serve(worker);
}

/// Nobody serves it: it waits for the grace, of a service that was there or that nobody registered yet.
void BrokerCore::hold_without_worker(Call& call, Place place) {
    Service& service = *call.service;
    const auto grace_end =
        service.known ? *service.gone_at + limits_.restart_grace : call.accepted + limits_.service_grace;
    if (grace_end > now_) return enqueue(call, service.waiting, place, std::min(call.deadline, grace_end));
    if (service.known)
        return end(
            call, broker_error(Code::unavailable, "service " + service.name + " had workers and has none", call.ran()));
    end(call, broker_error(Code::not_found,
                           "nobody registered service " + service.name + " (rpc.services lists those that are there)"));
}

/// The service is there, the method is not: perhaps its worker is just restarting.
void BrokerCore::hold_without_method(Call& call, Place place) {
    const Method* method = call.method;
    const bool was_there = method && method->gone_at;
    if (was_there && *method->gone_at + limits_.restart_grace > now_)
        return enqueue(call, call.method->waiting, place,
                       std::min(call.deadline, *method->gone_at + limits_.restart_grace));
    end(call, broker_error(Code::unimplemented,
                           "service " + call.service->name + " has no method " + std::string(method_name(call)) +
                               " (rpc.services lists what it has)",
                           call.ran()));
}

void BrokerCore::enqueue(Call& call, FairQueue& queue, Place place, TimePoint until) {
    call.state = Call::State::waiting;
    if (&queue == &call.service->waiting && queue.empty()) call.service->rate.begin(now_);
    if (place == Place::front)
        queue.push_front(call.caller, call);
    else
        queue.push_back(call.caller, call);
    begin_waiting(call, place);
    deadlines_.remove(call.timer);
    call.timer = add_timer(Timer::call, until, call.index);
}

/// Of a call that is in a queue now. One that comes back is older than what its client has waiting.
void BrokerCore::begin_waiting(Call& call, Place place) {
    const auto age = place == Place::back ? Shares::Age::newest : Shares::Age::oldest;
    call.service->shares.add(calls_, call, age);
    shares_of_bytes_.add(calls_, call, age);
    count_waiting(call, true);
}

/// Of a call that is to leave its queue.
void BrokerCore::stop_waiting(Call& call) noexcept {
    call.service->shares.remove(calls_, call);
    shares_of_bytes_.remove(calls_, call);
    count_waiting(call, false);
}

void BrokerCore::count_waiting(const Call& call, bool enters) noexcept {
    Service& service = *call.service;
    const auto one = enters ? std::size_t{1} : ~std::size_t{0};  // adding the latter takes one off
    const auto bytes = call.tail().size();
    service.queued += one;
    waiting_ += one;
    queued_bytes_ += enters ? bytes : std::size_t{0} - bytes;
    if (call.keyed) service.keyed_waiting += one;
    if (!call.method) return;
    call.method->queued += one;
    if (call.queue == &call.method->waiting) service.uneven_waiting += one;
}

void BrokerCore::unqueue(Call& call) noexcept {
    stop_waiting(call);
    call.queue->remove(call);
}

/// Gives the worker what waits for it, as far as it has room. While nothing waits anywhere, no queue is looked at.
void BrokerCore::serve(Worker& worker) {
    while (waiting_ > 0 && worker.has_room()) {
        Call* call = next_for(worker);
        if (!call) return;
        dispatch(*call, worker);
    }
}

/// The next call for the worker, out of its queue: in turn from its own queue and from those of its services.
Call* BrokerCore::next_for(Worker& worker) {
    worker.own_turn = !worker.own_turn;
    if (worker.own_turn && !worker.waiting.empty()) return take_first(worker.waiting);
    const auto count = worker.memberships.size();
    for (std::size_t i = 0; i < count; ++i) {
        worker.turn = worker.turn + 1 < count ? worker.turn + 1 : 0;
        if (Call* call = next_of(*worker.memberships[worker.turn])) return call;
    }
    return worker.waiting.empty() ? nullptr : take_first(worker.waiting);
}

Call* BrokerCore::next_of(Membership& membership) {
    Service& service = *membership.service;
    service.uneven_turn = !service.uneven_turn;
    if (service.uneven_waiting > 0 && (service.uneven_turn || service.waiting.empty()))
        if (Call* call = next_uneven(*membership.group)) return call;
    return next_in_time(service);
}

/// The next call of the service's queue that can be answered in its time. Those before it that cannot end here: workers are
/// not to be busy with what nobody waits for any more by the time it is done. The last one to wait is tried all the same.
Call* BrokerCore::next_in_time(Service& service) {
    const bool rate_known = service.rate.time_for(1, now_).has_value();
    while (!service.waiting.empty()) {
        Call& call = *take_first(service.waiting);
        const auto takes = handling_time(call);
        const auto left = call.deadline - now_;
        if (takes <= left || service.waiting.empty() || !rate_known) {
            service.waiting.served(call, now_);
            return &call;
        }
        counters_.add(Counter::calls_too_late);
        end(call, too_late(call, takes, left));
    }
    return nullptr;
}

/// In turn from the queues of the group's methods.
Call* BrokerCore::next_uneven(Group& group) {
    const auto count = group.methods.size();
    for (std::size_t i = 0; i < count; ++i) {
        group.turn = group.turn + 1 < count ? group.turn + 1 : 0;
        FairQueue& queue = group.methods[group.turn]->waiting;
        if (!queue.empty()) return take_first(queue);
    }
    return nullptr;
}

/// Null when the queue is empty.
Call* BrokerCore::take_first(FairQueue& queue) {
    if (Call* first = queue.first()) stop_waiting(*first);
    return queue.pop();
}

void BrokerCore::dispatch(Call& call, Worker& worker) {
    if (call.deadline <= now_)
        return end(call,
                   broker_error(Code::deadline_exceeded, "the call's time ran out in the broker's queue", call.ran()));
    deadlines_.remove(call.timer);
    call.timer = add_timer(Timer::call, call.deadline, call.index);
    call.state = Call::State::running;
    call.worker = &worker;
    call.dispatched = now_;
    if (!call.idempotent_said) call.idempotent = call.method->shown.idempotent;
    call.previous = nullptr;
    call.next = worker.running;
    if (worker.running) worker.running->previous = &call;
    worker.running = &call;
    ++worker.in_flight;
    ++call.service->in_flight;
    ++call.method->in_flight;
    Directory::update_load(worker);
    counters_.add(Counter::calls_dispatched);
    CallTable::new_wire_id(call);
    send_request(call, worker);
    if (!call.takes_items()) return;
    call.stream().credit.dispatched();
    top_up(call);
}

void BrokerCore::send_request(Call& call, Worker& worker) {
    const auto left = milliseconds_left(call.deadline, now_);
    if (call.large()) return send_large_request(call, worker, left);
    auto& out = to_workers_.add(worker.peer);
    const auto at = out.size();
    out.append(call.request.view());
    char* const request = out.data() + at;
    overwrite_u32(request + usual_msgid_at, call.wire_id);
    if (call.timeout_at) overwrite_u32(request + usual_head_size + call.timeout_at, left);
}

/// It goes out as it came in. What may have to be sent again is kept, and shared with the worker's connection; only to the next
/// worker it goes as a copy, as the first one's connection may still be sending it.
void BrokerCore::send_large_request(Call& call, Worker& worker, std::uint32_t left) {
    auto& extras = *call.extras;
    if (extras.large_msgid_at != 0 && !extras.large_shared) {
        char* const data = extras.large->data();
        overwrite_u32(data + extras.large_msgid_at, call.wire_id);
        if (call.timeout_at) overwrite_u32(data + extras.large_tail_at + call.timeout_at, left);
        if (!call.idempotent) {
            to_workers_.add_large(worker.peer, {}, *std::move(extras.large));
            extras.large.reset();
            call.moved_out = true;
            return;
        }
        if (Body shared = extras.large->share(); !shared.empty()) {
            extras.large_shared = true;
            return to_workers_.add_large(worker.peer, {}, std::move(shared));
        }
    }
    std::string copy;
    append_with_tail(copy, MessageType::request, call.wire_id, call.elements, call.tail());
    if (call.timeout_at) overwrite_u32(copy.data() + usual_head_size + call.timeout_at, left);
    to_workers_.add_large(worker.peer, {}, Body{std::move(copy)});
}

/// Takes a dispatched call off its worker: it was answered, returned or lost.
void BrokerCore::release_place(Call& call) {
    Worker& worker = *std::exchange(call.worker, nullptr);
    (call.previous ? call.previous->next : worker.running) = call.next;
    if (call.next) call.next->previous = call.previous;
    call.next = call.previous = nullptr;
    --worker.in_flight;
    --call.service->in_flight;
    --call.method->in_flight;
    Directory::update_load(worker);
}

void BrokerCore::on_call_timer(Call& call) {
    call.timer = Deadlines::none;
    if (call.deadline > now_) {  // a grace is over
        unqueue(call);
        return route(call, Place::back);
    }
    const bool dispatched = call.state == Call::State::running;
    const std::string worker = dispatched ? call.worker->id : std::string();
    end(call, broker_error(Code::deadline_exceeded,
                           dispatched ? "the call's time ran out at worker " + worker
                                      : "the call's time ran out in the broker's queue: " + why_waiting(call),
                           call.ran()));
}

/// For the caller whose time ran out: what its call waited for.
std::string BrokerCore::why_waiting(const Call& call) {
    const Service& service = *call.service;
    if (!service.known) return "nobody registered service " + service.name;
    if (service.workers == 0) return "service " + service.name + " has no worker just now";
    if (call.method && call.method->groups.empty())
        return "no worker has method " + call.method->full_name + " just now";
    return "all workers of service " + service.name + " that may run it are busy";
}

/// Ends the caller's call with an error of the broker's. Its place at a worker, if it has one, stays taken.
void BrokerCore::end(Call& call, const Error& error) {
    counters_.add(Counter::calls_failed);
    ++failures_by_code_[static_cast<std::size_t>(error.code())];
    if (call.one_way)
        counters_.add(Counter::one_way_failed);
    else if (call.client)
        reply_error(call.client->peer, call.envelope(), call.client_msgid, error);
    record(call, call.worker, &error);
    give_up(call);
}

/// Nobody waits for its outcome any more.
void BrokerCore::give_up(Call& call) {
    detach(call);
    --unanswered_;
    deadlines_.remove(std::exchange(call.timer, Deadlines::none));
    if (call.state != Call::State::running) return free_call(call);
    call.state = Call::State::abandoned;
    call.request.free();
    if (call.extras) call.extras->large.reset();
    scratch_.clear();
    Packer(scratch_).array(1).fixed_u32(call.wire_id);
    notify_worker(call.worker->peer, "rpc.cancel", scratch_);
}

void BrokerCore::free_call(Call& call) {
    if (call.queue) unqueue(call);
    Service& service = *call.service;
    calls_.release(call);
    forget_if_unused(service);
}

void BrokerCore::forget_if_unused(Service& service) {
    if (!service.known && service.queued == 0) directory_.forget(service);
}

/// After workers joined or left: decides again where the service's calls wait, if that can have changed.
void BrokerCore::settle(Service& service) {
    if (std::exchange(service.reshaped, false))
        reroute(service);
    else if (service.keyed_waiting > 0)
        reroute_keyed(service);
}

void BrokerCore::reroute(Service& service) {
    std::vector<Call*> calls;
    calls.reserve(service.waiting.size() + service.uneven_waiting);
    while (!service.waiting.empty()) calls.push_back(take_first(service.waiting));
    if (service.uneven_waiting > 0)
        for (const auto& [name, method] : service.methods)
            while (!method->waiting.empty()) calls.push_back(take_first(method->waiting));
    if (service.keyed_waiting > 0) reroute_keyed(service);
    for (Call* call : calls) route(*call, Place::back);
}

void BrokerCore::reroute_keyed(Service& service) {
    std::vector<Call*> calls;
    for (const auto& group : service.groups)
        for (Membership* member : group->members)
            member->worker->waiting.for_each([&](Call& call) {
                if (call.keyed && call.service == &service) calls.push_back(&call);
            });
    for (Call* call : calls) unqueue(*call);
    for (Call* call : calls) route(*call, Place::back);
}

/// Of a worker that draws no more calls: those that wait for it alone.
void BrokerCore::reroute_own(Worker& worker) {
    std::vector<Call*> calls;
    while (!worker.waiting.empty()) calls.push_back(take_first(worker.waiting));
    for (Call* call : calls) route(*call, Place::back);
}

/// Its worker is gone with it. An idempotent call runs once more, unless part of its outcome was sent already.
void BrokerCore::lose(Call& call, const std::string& worker, std::string_view why) {
    ++call.lost;
    call.state = Call::State::waiting;  // it has no place any more
    if (call.idempotent && !call.takes_items() && !call.pinned() && call.lost == 1) {
        counters_.add(Counter::calls_rerun);
        return route(call, Place::front);
    }
    end(call, broker_error(Code::unavailable, "worker " + worker + " was lost with the call: " + std::string(why),
                           Ran::maybe));
}

}  // namespace rpcbroker::broker
