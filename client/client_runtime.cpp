#include "client/client_runtime.hpp"

#include <algorithm>
#include <random>

namespace rpcbroker::detail {

namespace {

/// When a connection takes no more, libzmq does not always say when it does again.
constexpr std::chrono::milliseconds retry_sending{2};

/// Calls that are used again, at most.
constexpr std::size_t most_spare = 4096;

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
    begin_in_background(call, *pending);
    if (!pending->done) leave_to_background(pending);
    return pending;
}

void ClientRuntime::start(const NewCall& call, RawFuture::Callback callback) {
    Lock lock{mutex_};
    auto pending = fresh();
    pending->has_future = false;
    pending->callback = std::move(callback);
    begin_in_background(call, *pending);
    if (pending->done)
        call_back(lock, std::move(pending));
    else
        leave_to_background(std::move(pending));
}

std::shared_ptr<PendingCall> ClientRuntime::start(Hold& hold, const NewCall& call, RawFuture::Callback callback) {
    auto pending = std::make_shared<PendingCall>();
    pending->taken = true;
    pending->callback = std::move(callback);
    begin_in_background(call, *pending);
    if (pending->done)
        call_back(hold, pending);
    else
        leave_to_background(pending);
    return pending;
}

std::shared_ptr<PendingCall> ClientRuntime::fresh() {
    if (spare_.empty()) return std::make_shared<PendingCall>();
    auto pending = std::move(spare_.back());
    spare_.pop_back();
    return pending;
}

void ClientRuntime::leave_to_background(std::shared_ptr<PendingCall> pending) {
    auto& call = *pending;
    call.self = std::move(pending);
    ++asynchronous_;
    if (!driving_) wake_background();
}

/// A thread that cannot be had is thrown for before the call is made.
void ClientRuntime::begin_in_background(const NewCall& call, PendingCall& pending) {
    if (!closed_) start_background();
    begin(call, pending);
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
    alone_ = false;
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
    std::condition_variable changed;
    followers_.push_back(&call);
    call.waiting = &changed;
    if (until)
        changed.wait_until(lock, *until);
    else
        changed.wait(lock);
    call.waiting = nullptr;
    followers_.erase(std::find(followers_.begin(), followers_.end(), &call));
}

template <class Finished>
void ClientRuntime::drive(Lock& lock, std::optional<TimePoint> until, Finished finished) {
    driving_ = true;
    while (true) {
        const auto timeout = turn(until);
        if (finished() || stopping_ || (until && Clock::now() >= *until)) break;
        sleep(lock, timeout);
    }
    driving_ = false;
    pass_on();
}

/// A client of a thread that makes a call after the other is most of them, and nobody wakes its driver. The first one who does
/// may be heard some milliseconds late.
void ClientRuntime::sleep(Lock& lock, std::optional<Duration> timeout) {
    const bool undisturbed = alone_ && asynchronous_ == 0;
    asleep_ = true;
    lock.unlock();
    undisturbed ? sockets_->wait_undisturbed(timeout) : sockets_->wait(timeout);
    lock.lock();
    asleep_ = false;
    if (std::exchange(woken_, false)) sockets_->clear_wake();
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
    session_.take_outcomes(outcomes_);
    for (auto& outcome : outcomes_) hand_out(outcome);
}

void ClientRuntime::hand_out(StreamItem item) {
    auto& call = *static_cast<PendingCall*>(item.owner);
    call.items.push_back(std::move(item.item));
    if (call.items.size() == 1) call.notify();
}

void ClientRuntime::hand_out(Outcome& outcome) {
    auto& call = *static_cast<PendingCall*>(outcome.owner);
    auto keep_alive = std::move(call.self);
    if (keep_alive) --asynchronous_;
    call.done = true;
    if (is_cancelled(outcome.reply)) {
        call.cancelled = true;
        call.items.clear();
    }
    call.reply.emplace(std::move(outcome.reply));
    call.notify();
    if (!call.callback) return;
    callbacks_.push_back(std::move(keep_alive));
    wake_background();
}

/// Somebody who needs the driving learns that it is free.
void ClientRuntime::pass_on() {
    if (stopping_)
        left_.notify_all();
    else if (asynchronous_ > 0 && background_idle_)
        background_work_.notify_one();
    else if (!followers_.empty())
        followers_.front()->notify();
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
        auto refused = fresh();
        refused->callback = std::move(callback);
        refused->reply =
            Error{Code::failed_precondition, "this future's result was taken already", By::client, Ran::unsaid};
        return call_back(lock, std::move(refused));
    }
    call->callback = std::move(callback);
    if (call->done) call_back(lock, call);
}

/// Its call has ended already.
void ClientRuntime::call_back(Lock& lock, std::shared_ptr<PendingCall> call) {
    callbacks_.push_back(std::move(call));
    if (stopping_) return run_callbacks(lock);
    start_background();
    wake_background();
    wake_driver();
}

void ClientRuntime::take_back_callback(PendingCall& call) { call.withdrawn = true; }

void ClientRuntime::start_background() {
    if (background_.joinable()) return;
    background_ = std::thread{[self = shared_from_this()] { self->run_background(); }};
}

/// If it is not idle, it will look for what there is to do before it is.
void ClientRuntime::wake_background() {
    if (background_idle_) background_work_.notify_one();
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

/// All that there are, outside the mutex, which is not taken in between.
void ClientRuntime::run_callbacks(Lock& lock) {
    Batch batch;
    while (!callbacks_.empty()) {
        batch.swap(callbacks_);
        lock.unlock();
        for (const auto& call : batch) {
            const auto callback = std::exchange(call->callback, nullptr);
            [&]() noexcept {
                if (!call->withdrawn) callback(std::move(*call->reply));
            }();
        }
        lock.lock();
        use_again(batch);
    }
}

void ClientRuntime::use_again(Batch& called_back) {
    for (auto& call : called_back) {
        if (call->has_future || spare_.size() == most_spare) continue;
        call->reply.reset();
        call->done = call->cancelled = false;  // what has no future is not withdrawn
        spare_.push_back(std::move(call));
    }
    called_back.clear();
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
