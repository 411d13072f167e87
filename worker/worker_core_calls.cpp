// The part of WorkerSession that keeps the calls: those that wait, those that run, and how much room there is.
#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <rpcbroker/pack.hpp>

#include "worker/worker_core.hpp"

namespace rpcbroker {
namespace {

// The broker lets go of the bytes of larger bodies once they are dispatched, unless the call is idempotent.
constexpr std::size_t largest_kept_body = std::size_t{64} << 10;

Duration timeout_of(std::uint64_t ms) {
    constexpr std::uint64_t longest = 1000ULL * 60 * 60 * 24 * 365;
    return std::chrono::milliseconds{static_cast<std::int64_t>(std::min(ms, longest))};
}

/// The msgid of `rpc.cancel [msgid]`.
std::optional<std::uint32_t> read_msgid(std::string_view params) {
    Unpacker unpacker{params};
    if (unpacker.take_array().value_or(0) == 0) return std::nullopt;
    const auto msgid = unpacker.take_unsigned();
    if (!msgid || *msgid > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    return static_cast<std::uint32_t>(*msgid);
}

Error not_run(Code code, std::string message) { return {code, std::move(message), By::worker, Ran::no}; }

Error too_large(std::size_t size, std::size_t limit) {
    return {Code::resource_exhausted,
            "a response of " + std::to_string(size) + " bytes is over the broker's limit of " + std::to_string(limit),
            By::worker, Ran::maybe};
}

}  // namespace

void begin_result(std::string& out, std::uint32_t msgid) {
    std::array<char, 8> head{'\x94', static_cast<char>(MessageType::response), '\xce', 0, 0, 0, 0, '\xc0'};
    overwrite_u32(head.data() + usual_msgid_at, msgid);
    out.append(head.data(), head.size());
}

// ---- calls that come

void WorkerSession::on_request(const MessageView& message, HeldBodies::Index body, TimePoint now) {
    if (state_ != State::registered && (state_ != State::registering || left_)) {
        ++counters_.unexpected_messages;
    } else if (message.bad_option) {
        answer(message.msgid, not_run(Code::invalid_argument, message.bad_option));
    } else {
        keep(message, body, now);
    }
}

/// Field by field: a call that was put together elsewhere first would be copied once more.
void WorkerSession::keep(const MessageView& message, HeldBodies::Index body, TimePoint now) {
    WaitingCall& call = waiting_.push();
    call.msgid = message.msgid;
    call.body = body;
    call.method = message.method;
    call.params = message.params;
    call.options = message.options;
    call.arrived = now;
    call.deadline = std::nullopt;
    if (message.options.timeout_ms) call.deadline = now + timeout_of(*message.options.timeout_ms);
    call.returnable = may_return(message);
    call.removed = false;
    bodies_.hold(body);
}

bool WorkerSession::may_return(const MessageView& message) const {
    if (message.bytes.size() <= largest_kept_body) return true;
    if (message.options.idempotent) return *message.options.idempotent;
    return options_.idempotent && options_.idempotent(message.method);
}

void WorkerSession::on_cancel(std::string_view params) {
    const auto msgid = read_msgid(params);
    if (!msgid) {
        ++counters_.unexpected_messages;
        return;
    }
    if (const auto slot = find_running(*msgid)) return cancel_running(*slot);
    cancel_waiting(*msgid);
}

void WorkerSession::cancel_waiting(std::uint32_t msgid) {
    WaitingCall* call = waiting_.find(msgid);
    if (!call) return;
    bodies_.release(call->body);
    waiting_.remove(*call);
    ++counters_.cancelled;
    answer(msgid, not_run(Code::cancelled, "cancelled before it was started"));
}

void WorkerSession::cancel_running(std::uint32_t slot) {
    if (!std::exchange(running_[slot].cancelled, true)) event(SessionEvent::What::call_cancelled, {}, slot);
}

void WorkerSession::drop_waiting() {
    counters_.dropped += waiting_.size();
    for (const auto& call : waiting_.take_all()) bodies_.release(call.body);
}

/// The broker waits for none of them any more.
void WorkerSession::forget_calls() {
    drop_waiting();
    for (std::uint32_t slot = 0; slot < running_.size(); ++slot) {
        if (!std::exchange(running_[slot].current, false)) continue;
        --current_count_;
        cancel_running(slot);
    }
    tell_room();
}

// ---- calls that run

bool WorkerSession::next_call(Call& call, TimePoint now) {
    observe(now);
    while (state_ == State::registered && !waiting_.empty()) {
        const WaitingCall& next = waiting_.front();
        if (!next.deadline || now < *next.deadline) return start(next, call, now), true;
        expire(next);
    }
    return false;
}

/// `waiting` is the first of those that wait.
void WorkerSession::expire(const WaitingCall& waiting) {
    answer(waiting.msgid, not_run(Code::deadline_exceeded, "its time ran out before it was started"));
    bodies_.release(waiting.body);
    ++counters_.expired;
    waiting_.pop();
    tell_room();
}

/// `waiting` is the first of those that wait.
void WorkerSession::start(const WaitingCall& waiting, Call& call, TimePoint now) {
    const std::uint32_t slot = take_slot();
    const auto& stream = waiting.options.stream;
    running_[slot] = {waiting.msgid, waiting.body, stream.value_or(0), stream.has_value(), true, false};
    call.slot = slot;
    call.msgid = waiting.msgid;
    call.method = waiting.method;
    call.params = waiting.params;
    call.options = waiting.options;
    call.deadline = waiting.deadline;
    if (call.worker != worker_id_) call.worker = worker_id_;
    const bool late = now - waiting.arrived >= 2 * Capacity::patience;
    waiting_.pop();
    ++running_count_;
    ++current_count_;
    ++counters_.calls;
    if (room_->started(now) || waiting_.empty() || room_->counts_running()) {
        tell_room();
        announce_capacity();
    }
    if (late) return_excess();
}

std::uint32_t WorkerSession::take_slot() {
    if (free_slots_.empty()) [[unlikely]] {
        free_slots_.push_back(static_cast<std::uint32_t>(running_.size()));
        running_.emplace_back();
    }
    const std::uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
}

void WorkerSession::finish(const Call& call, std::string& response) {
    if (!running_[call.slot].current) {
        ++counters_.stale_outcomes;
    } else if (response.size() > max_message_) {
        answer(call.msgid, too_large(response.size(), max_message_));
    } else {
        send(response);
    }
    settle(call.slot);
}

/// A whole message, moved from where it is large.
void WorkerSession::send(std::string& message) {
    if (message.size() > Outbox::large_bytes) {
        outbox_.add_large(broker, {}, Body{std::move(message)});
        message = {};
    } else {
        outbox_.add(broker).append(message);
    }
}

std::optional<std::uint32_t> WorkerSession::find_running(std::uint32_t msgid) const noexcept {
    for (std::uint32_t slot = 0; slot < running_.size(); ++slot) {
        if (running_[slot].current && running_[slot].msgid == msgid) return slot;
    }
    return std::nullopt;
}

/// The call is over: its bytes and its slot are free.
void WorkerSession::settle(std::uint32_t slot) {
    Running& call = running_[slot];
    bodies_.release(call.body);
    --running_count_;
    if (call.current) --current_count_;
    call.current = false;
    free_slots_.push_back(slot);
    if (room_->counts_running()) tell_room();
}

void WorkerSession::answer(std::uint32_t msgid, const Error& error) { append_error(outbox_.add(broker), msgid, error); }

// ---- room

bool WorkerSession::give_back(TimePoint now) {
    const auto when = give_back_at();
    if (!when || now < *when) return room_->closed();
    tell_room();
    room_->close(now);
    announce_capacity();
    return_waiting();
    return true;
}

std::optional<TimePoint> WorkerSession::give_back_at() const {
    if (state_ != State::registered) return std::nullopt;
    const WaitingCall* first = waiting_.first_returnable();
    if (!first) return std::nullopt;
    return std::max(first->arrived, room_->last_start()) + Capacity::patience;
}

void WorkerSession::take_again() {
    room_->open();
    announce_capacity();
}

void WorkerSession::tell_room() {
    room_->holds(place_, {static_cast<std::uint32_t>(waiting_.size()), current_count_, running_count_ - current_count_},
                 seen_);
}

bool WorkerSession::is_announced() const noexcept {
    return state_ != State::registered || leaving_ || capacity() == announced_;
}

void WorkerSession::announce_capacity() {
    if (!is_announced()) send_heartbeat();
}

void WorkerSession::send_heartbeat() {
    announced_ = capacity();
    scratch_.clear();
    Packer{scratch_}.array(1).map(1).string("capacity").unsigned_integer(announced_);
    notify("rpc.heartbeat", scratch_);
}

/// What would wait for much longer than it is meant to: handlers take longer than was measured until now.
void WorkerSession::return_excess() {
    tell_room();
    if (const auto calls = std::min<std::size_t>(room_->excess(), waiting_.returnable())) return_latest(calls);
}

void WorkerSession::return_waiting() {
    if (const auto calls = waiting_.returnable()) return_latest(calls);
}

/// There must be so many that may be returned.
void WorkerSession::return_latest(std::size_t calls) {
    std::size_t kept = waiting_.returnable() - calls;
    scratch_.clear();
    Packer packer{scratch_};
    packer.array(1).array(calls);
    for (auto& call : waiting_.take_all()) {
        if (!call.returnable || kept > 0) {
            if (call.returnable) --kept;
            waiting_.push() = call;
        } else {
            packer.fixed_u32(call.msgid);
            bodies_.release(call.body);
        }
    }
    counters_.returned += calls;
    notify("rpc.return", scratch_);
    tell_room();
}

}  // namespace rpcbroker
