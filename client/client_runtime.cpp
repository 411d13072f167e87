#include "client/client_runtime.hpp"

#include <algorithm>
#include <random>

namespace rpcbroker::detail {

namespace {

/// When a connection takes no more, libzmq does not always say when it does again.
constexpr std::chrono::milliseconds retry_sending{2};

Error closed_error() { return Error{Code::cancelled, "the client is closed", By::client, Ran::no}; }

/// By this client's caller, not by the broker.
bool is_cancelled(const Result<RawReply>& reply) {
    return !reply && reply.error().code() == Code::cancelled && reply.error().by() == By::client;
}

}  // namespace

ClientRuntime::ClientRuntime(ClientOptions options, const transport::Context& context)
    : session_(options, Clock::now(), std::random_device{}()), sockets_(std::in_place, context, options) {}

Result<RawReply> ClientRuntime::call(const NewCall& call) {
    PendingCall pending;
    Lock lock{mutex_};
    begin(call, pending);
    wait(lock, pending, std::nullopt);
    return std::move(*pending.reply);
}

std::shared_ptr<PendingCall> ClientRuntime::start(const NewCall& call) {
    auto pending = std::make_shared<PendingCall>();
    const Lock lock{mutex_};
    begin(call, *pending);
    if (pending->done) return pending;
    pending->self = pending;
    ++asynchronous_;
    start_background();
    if (!driving_) background_work_.notify_one();
    return pending;
}

void ClientRuntime::begin(const NewCall& call, PendingCall& pending) {
    if (closed_) {
        pending.reply = closed_error();
        pending.done = true;
        return;
    }
    NewCall owned = call;
    owned.owner = &pending;
    pending.id = session_.start(owned, Clock::now());
    wake_driver();
}

void ClientRuntime::wake_driver() noexcept {
    if (!asleep_ || woken_) return;
    woken_ = true;
    sockets_->wake();
}

/// With the last call, the last reason to drive may have gone; what is to be sent is sent all the same.
void ClientRuntime::flush() {
    if (driving_)
        wake_driver();
    else
        sockets_->send(session_);
}

bool ClientRuntime::ready(const PendingCall& call) {
    const Lock lock{mutex_};
    return call.done;
}

bool ClientRuntime::wait(PendingCall& call, std::optional<TimePoint> until) {
    Lock lock{mutex_};
    return wait(lock, call, until);
}

bool ClientRuntime::wait(Lock& lock, PendingCall& call, std::optional<TimePoint> until) {
    ++inside_;
    while (!call.settled() && !(until && Clock::now() >= *until)) {
        if (driving_)
            wait_for_driver(lock, call, until);
        else
            drive(lock, until, [&call] { return call.settled(); });
    }
    --inside_;
    // The driving may have been handed to this thread just when it needed it no more.
    if (!driving_) pass_on();
    return call.settled();
}

void ClientRuntime::wait_for_driver(Lock& lock, PendingCall& call, std::optional<TimePoint> until) {
    followers_.push_back(&call);
    if (until)
        call.changed.wait_until(lock, *until);
    else
        call.changed.wait(lock);
    followers_.erase(std::find(followers_.begin(), followers_.end(), &call));
}

template <class Finished>
void ClientRuntime::drive(Lock& lock, std::optional<TimePoint> until, Finished finished) {
    driving_ = true;
    while (true) {
        const auto timeout = turn(until);
        if (finished() || stopping_ || (until && Clock::now() >= *until)) break;
        asleep_ = true;
        lock.unlock();
        sockets_->wait(timeout);
        lock.lock();
        asleep_ = false;
        if (std::exchange(woken_, false)) sockets_->clear_wake();
    }
    driving_ = false;
    pass_on();
}

/// Receives first, so that nothing is sent into a connection that is known to be closed. Returns how long to sleep.
std::optional<Duration> ClientRuntime::turn(std::optional<TimePoint> until) {
    const auto now = Clock::now();
    const bool received_all = sockets_->receive(session_, now);
    session_.on_time(now);
    const bool sent_all = sockets_->send(session_);
    hand_out();
    if (!received_all) return Duration::zero();
    auto wake_at = session_.next_deadline();
    if (until) wake_at = wake_at ? std::min(*wake_at, *until) : *until;
    if (!sent_all) wake_at = wake_at ? std::min<TimePoint>(*wake_at, now + retry_sending) : now + retry_sending;
    return wake_at ? std::optional{*wake_at - now} : std::nullopt;
}

void ClientRuntime::hand_out() {
    for (auto& item : session_.take_items()) hand_out(std::move(item));
    if (!session_.has_outcomes()) return;
    for (auto& outcome : session_.take_outcomes()) hand_out(std::move(outcome));
}

void ClientRuntime::hand_out(StreamItem item) {
    auto& call = *static_cast<PendingCall*>(item.owner);
    call.items.push_back(std::move(item.item));
    if (call.items.size() == 1) call.changed.notify_all();
}

void ClientRuntime::hand_out(Outcome outcome) {
    auto& call = *static_cast<PendingCall*>(outcome.owner);
    const auto keep_alive = std::exchange(call.self, nullptr);
    if (keep_alive) --asynchronous_;
    call.done = true;
    if (is_cancelled(outcome.reply)) {
        call.cancelled = true;
        call.items.clear();
    }
    if (call.callback) {
        callbacks_.push_back({keep_alive, std::exchange(call.callback, nullptr), std::move(outcome.reply)});
        background_work_.notify_one();
    } else {
        call.reply = std::move(outcome.reply);
    }
    call.changed.notify_all();
}

/// Somebody who needs the driving learns that it is free.
void ClientRuntime::pass_on() {
    if (stopping_)
        left_.notify_all();
    else if (asynchronous_ > 0 && background_idle_)
        background_work_.notify_one();
    else if (!followers_.empty())
        followers_.front()->changed.notify_all();
}

void ClientRuntime::cancel(const PendingCall& call) {
    const Lock lock{mutex_};
    if (call.done) return;
    session_.cancel(call.id);
    hand_out();
    flush();
}

void ClientRuntime::close() {
    const Lock lock{mutex_};
    close(lock);
}

void ClientRuntime::close(const Lock&) {
    closed_ = true;
    session_.cancel_all();
    hand_out();
    flush();
}

std::optional<Result<RawReply>> ClientRuntime::take_items(PendingCall& call, std::vector<std::string>& items) {
    Lock lock{mutex_};
    wait(lock, call, std::nullopt);
    if (call.items.empty()) return std::exchange(call.reply, std::nullopt);
    items.swap(call.items);
    return std::nullopt;
}

void ClientRuntime::grant(const PendingCall& call, std::uint32_t items) {
    const Lock lock{mutex_};
    if (call.done) return;
    session_.grant(call.id, items);
    wake_driver();
}

Result<RawReply> ClientRuntime::take(PendingCall& call) {
    Lock lock{mutex_};
    if (std::exchange(call.taken, true))
        return Error{Code::failed_precondition, "this future's result was taken already", By::client, Ran::unsaid};
    wait(lock, call, std::nullopt);
    return std::move(*call.reply);
}

void ClientRuntime::then(const std::shared_ptr<PendingCall>& call, RawFuture::Callback callback) {
    Lock lock{mutex_};
    if (std::exchange(call->taken, true)) {
        callbacks_.push_back(
            {call, std::move(callback),
             Error{Code::failed_precondition, "this future's result was taken already", By::client, Ran::unsaid}});
    } else if (!call->done) {
        call->callback = std::move(callback);
        return;
    } else {
        callbacks_.push_back({call, std::move(callback), std::move(*call->reply)});
    }
    if (stopping_) return run_callbacks(lock);
    start_background();
    background_work_.notify_one();
    wake_driver();
}

void ClientRuntime::take_back_callback(PendingCall& call) {
    const Lock lock{mutex_};
    call.callback = nullptr;
    std::erase_if(callbacks_, [&call](const ReadyCallback& ready) { return ready.call.get() == &call; });
}

void ClientRuntime::start_background() {
    if (background_.joinable()) return;
    background_ = std::thread{[self = shared_from_this()] { self->run_background(); }};
}

void ClientRuntime::run_background() {
    Lock lock{mutex_};
    while (!stopping_) {
        if (!callbacks_.empty()) {
            if (!driving_) pass_on();  // nobody's call waits for what a callback does
            run_callbacks(lock);
        } else if (asynchronous_ > 0 && !driving_) {
            drive(lock, std::nullopt, [this] { return asynchronous_ == 0 || !callbacks_.empty(); });
        } else {
            // The driving may have been handed to this thread just when it needed it no more.
            if (!driving_) pass_on();
            background_idle_ = true;
            background_work_.wait(lock);
            background_idle_ = false;
        }
    }
    run_callbacks(lock);
}

void ClientRuntime::run_callbacks(Lock& lock) {
    while (!callbacks_.empty()) {
        auto ready = std::move(callbacks_.front());
        callbacks_.pop_front();
        lock.unlock();
        [&]() noexcept { ready.callback(std::move(ready.reply)); }();
        ready.callback = nullptr;
        lock.lock();
    }
}

void ClientRuntime::shut_down() {
    Lock lock{mutex_};
    stopping_ = true;
    close(lock);
    background_work_.notify_all();
    left_.wait(lock, [this] { return inside_ == 0 && !driving_; });
    sockets_->send(session_);
    sockets_.reset();
    auto background = std::move(background_);
    lock.unlock();
    if (!background.joinable()) return;
    if (background.get_id() == std::this_thread::get_id())
        background.detach();
    else
        background.join();
}

}  // namespace rpcbroker::detail
