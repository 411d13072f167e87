#include "worker/worker_core.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace rpcbroker {
namespace {

using namespace std::chrono_literals;

constexpr Duration first_pause = 500ms;
constexpr Duration longest_pause = 30s;
constexpr Duration answer_patience = 1s;     // for the broker's answer to rpc.register
constexpr Duration complaint_patience = 1s;  // before it is told that there is no connection
constexpr Duration complaint_pause = 5min;

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();
constexpr std::string_view no_params = "\x90";

}  // namespace

WorkerSession::WorkerSession(SessionOptions options, TimePoint now)
    : options_(std::move(options)),
      room_(options_.room ? options_.room : std::make_shared<SharedCapacity>(options_.threads, options_.capacity)),
      place_(room_->add()),
      max_message_(no_limit),
      seen_(now),
      heard_(now),
      complain_at_(now + complaint_patience),
      pause_(first_pause) {}

// ---- the connection and the time

void WorkerSession::on_connected(TimePoint now) {
    seen_ = now;
    if (left_) return;
    outbox_.forget(broker);
    outbox_.set_batching(broker, true);
    pause_ = first_pause;
    room_->attach(place_, now);
    send_register(now);
}

void WorkerSession::on_closed(TimePoint now) {
    seen_ = now;
    outbox_.forget(broker);
    forget_calls();
    room_->detach(place_, now);
    if (leaving_)
        left();
    else if (state_ == State::registered)
        event(SessionEvent::What::lost, "the connection closed");
    state_ = State::closed;
    returning_ = false;
    complain_at_ = now + complaint_patience;
}

void WorkerSession::on_body(Body body, TimePoint now) {
    observe(now);
    heard_ = now;
    const HeldBodies::Index index = bodies_.add(std::move(body));
    BodyReader reader{bodies_.bytes(index)};
    MessageView message;
    auto step = reader.next(message);
    for (; step == BodyReader::Step::message; step = reader.next(message)) on_message(message, index, now);
    if (step == BodyReader::Step::malformed) ++counters_.malformed_bodies;
    bodies_.release(index);
    tell_room();
    if (returning_ || room_->exceeds(place_)) return_waiting();
}

void WorkerSession::on_time(TimePoint now) {
    observe(now);
    room_->on_time(now);
    switch (state_) {
    case State::closed: complain(now, "no connection"); break;
    case State::registering: complain(now, "no answer to rpc.register"); [[fallthrough]];
    case State::refused:
        if (now >= retry_at_ && !leaving_) register_again(now);
        break;
    case State::registered: keep_alive(now); break;
    }
    if (beating_) give_up_running(now);
    announce_capacity();
    if (leaving_ && now >= give_up_leaving_at_) left();
}

std::optional<TimePoint> WorkerSession::next_deadline() const {
    std::optional<TimePoint> next;
    const auto consider = [&next](bool applies, TimePoint when) {
        if (applies) next = next ? std::min(*next, when) : when;
    };
    const bool registering = state_ == State::registering;
    const bool alive = state_ == State::registered && beating_;
    consider((state_ == State::closed || registering) && !leaving_, complain_at_);
    consider((state_ == State::refused || registering) && !leaving_, retry_at_);
    consider(registering && beating_, seen_ + heartbeat_);  // so that a gap is one
    consider(alive, beat_at_);
    consider(alive && !leaving_, heard_ + silent_heartbeats * heartbeat_);
    consider(leaving_ && !left_, give_up_leaving_at_);
    consider(!is_announced(), seen_);
    if (const auto when = room_->next_deadline()) consider(true, *when);
    return next;
}

/// Time in which we did not run shows as a gap: nobody calls us for longer than a heartbeat otherwise.
void WorkerSession::observe(TimePoint now) {
    const Duration gap = now - std::exchange(seen_, now);
    const bool known = state_ == State::registered || state_ == State::registering;
    if (known && beating_ && gap >= silent_heartbeats * heartbeat_) on_gap(now);
}

/// The broker has given us up by now, or nearly so, and may have given our calls to others. What waits here goes back
/// before anything is run, and so does what is still on its way: all that comes before the answer to a new rpc.register.
void WorkerSession::on_gap(TimePoint now) {
    heard_ = now;
    if (!leaving_) {
        send_register(now);
        returning_ = true;
    }
    return_waiting();
}

void WorkerSession::keep_alive(TimePoint now) {
    if (!beating_) return;
    if (!leaving_ && now >= heard_ + silent_heartbeats * heartbeat_) {
        event(SessionEvent::What::lost, "the broker has been silent for three heartbeats");
        register_again(now);
    } else if (now >= beat_at_) {
        send_heartbeat();
        beat_at_ = now + heartbeat_;
    }
}

/// A broker that stands still, its connection open, cancels nothing: a handler could wait for its credit for ever.
void WorkerSession::give_up_running(TimePoint now) {
    if (now < heard_ + longest_silence) return;
    for (std::uint32_t slot = 0; slot < running_.size(); ++slot)
        if (running_[slot].current) cancel_running(slot);
}

void WorkerSession::complain(TimePoint now, std::string_view what) {
    if (now < complain_at_ || leaving_) return;
    complain_at_ = now + complaint_pause;
    event(SessionEvent::What::unreachable, std::string{what});
}

// ---- registering

void WorkerSession::send_register(TimePoint now) {
    if (state_ != State::registering) complain_at_ = now + complaint_patience;
    state_ = State::registering;
    retry_at_ = now + answer_patience;
    ++counters_.registrations;
    announced_ = capacity();
    scratch_.clear();
    append_registration(scratch_, {options_.name, options_.services, announced_});
    append_request(outbox_.add(broker), ++register_msgid_, "rpc.register", scratch_);
}

/// With a broker that does not answer, or did not: until it does, its room is for others.
void WorkerSession::register_again(TimePoint now) {
    room_->detach(place_, now);
    send_register(now);
}

void WorkerSession::on_answer(const MessageView& message, TimePoint now) {
    if (state_ != State::registering || message.msgid > register_msgid_) {
        ++counters_.unexpected_messages;
    } else if (message.msgid < register_msgid_) {
        on_earlier_answer(message);
    } else if (auto answer = read_registration_answer(message.result)) {
        on_registered(std::move(*answer), now);
    } else {
        const auto error = read_error_object(message.error);
        on_refused(error ? error->what() : "an answer to rpc.register that cannot be read", now);
    }
}

/// It does not make us registered, but says who we are from here on: calls that follow are ours still when the answer to
/// the latest rpc.register names the same worker, and the broker counts on it.
void WorkerSession::on_earlier_answer(const MessageView& message) {
    ++counters_.unexpected_messages;
    if (auto answer = read_registration_answer(message.result)) become(std::move(*answer));
}

void WorkerSession::become(RegistrationAnswer answer) {
    if (worker_id_ && *worker_id_ == answer.worker && broker_id_ == answer.broker) return;
    forget_calls();
    worker_id_ = std::make_shared<const std::string>(std::move(answer.worker));
    broker_id_ = std::move(answer.broker);
}

void WorkerSession::on_registered(RegistrationAnswer answer, TimePoint now) {
    max_message_ = static_cast<std::size_t>(answer.max_message.value_or(no_limit));
    beating_ = answer.heartbeat > 0ms;
    if (beating_) heartbeat_ = answer.heartbeat;
    become(std::move(answer));
    state_ = State::registered;
    returning_ = false;
    pause_ = first_pause;
    beat_at_ = now + heartbeat_;
    room_->attach(place_, now);
    event(SessionEvent::What::registered, *worker_id_);
    announce_capacity();
}

void WorkerSession::on_refused(std::string why, TimePoint now) {
    forget_calls();
    room_->detach(place_, now);
    returning_ = false;
    state_ = State::refused;
    retry_at_ = now + pause_;
    pause_ = std::min(pause_ * 2, longest_pause);
    event(SessionEvent::What::refused, std::move(why));
    if (leaving_) left();
}

/// The broker says that it does not know us.
void WorkerSession::on_register_again(TimePoint now) {
    forget_calls();
    if (leaving_) return left();
    if (state_ != State::registered) return;  // one is on its way already, or will be after a pause
    event(SessionEvent::What::lost, "the broker does not know this worker");
    send_register(now);
}

// ---- leaving

void WorkerSession::leave(TimePoint now) {
    if (leaving_) return;
    leaving_ = true;
    if (state_ == State::closed || state_ == State::refused) return left();
    give_up_leaving_at_ = now + silent_heartbeats * heartbeat_;
    notify("rpc.leave", no_params);
}

/// Calls are handed out while registered only: otherwise none that waits ever would be.
void WorkerSession::left() {
    if (state_ != State::registered) drop_waiting();
    if (std::exchange(left_, true)) return;
    room_->detach(place_, seen_);
    event(SessionEvent::What::left);
}

bool WorkerSession::finished() const noexcept { return left_ && waiting_.empty() && running_count_ == 0; }

// ---- what the broker says

void WorkerSession::on_message(const MessageView& message, HeldBodies::Index body, TimePoint now) {
    switch (message.type) {
    case MessageType::request: return on_request(message, body, now);
    case MessageType::response: return on_answer(message, now);
    case MessageType::notification: return on_notification(message, now);
    case MessageType::stream_item: ++counters_.unexpected_messages; return;
    }
}

void WorkerSession::on_notification(const MessageView& message, TimePoint now) {
    if (message.method == "rpc.heartbeat") return;  // that it came is all that it says
    if (message.method == "rpc.credit") return on_credit(message.params);
    if (message.method == "rpc.cancel") return on_cancel(message.params);
    if (message.method == "rpc.register_again") return on_register_again(now);
    if (message.method == "rpc.drain") return leave(now);
    if (message.method == "rpc.left" && leaving_) return left();
    ++counters_.unexpected_messages;
}

void WorkerSession::notify(std::string_view method, std::string_view params) {
    append_notification(outbox_.add(broker), method, params);
}

// ---- what the driver is told

void WorkerSession::event(SessionEvent::What what, std::string detail, std::uint32_t slot) {
    events_.push_back({what, std::move(detail), slot});
}

std::optional<SessionEvent> WorkerSession::next_event() {
    if (events_.empty()) return std::nullopt;
    auto next = std::move(events_.front());
    events_.pop_front();
    return next;
}

}  // namespace rpcbroker
