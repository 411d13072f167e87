#include "worker/runtime.hpp"

#include <algorithm>
#include <system_error>

#include "worker/runtime_thread.hpp"

namespace rpcbroker {
namespace {

using namespace std::chrono_literals;

// The owner may be away from the sockets for so long before another thread takes them.
constexpr Duration longest_absence = 1ms;
// It comes back by itself after so long or so many calls: what is ready is to be sent.
constexpr Duration run_time = 500us;
constexpr int most_calls = 256;
// A run that took all that time for fewer calls had handlers that are worth a hand-off to another thread.
constexpr int few_calls = 32;
constexpr Duration blocked_pause = 5ms;

}  // namespace

Runtime::Runtime(transport::Context context, const Registry& registry, RuntimeOptions options)
    : context_(std::move(context)), registry_(registry), options_(std::move(options)) {}

Runtime::~Runtime() = default;

void Runtime::stop() noexcept {
    stop_.store(true);
    wakeup_.signal();
}

void Runtime::run() {
    connect();
    for (unsigned i = 0; i <= options_.threads; ++i) threads_.push_back(std::make_unique<Thread>(*this));
    try {
        for (auto& each : threads_) {
            if (each == threads_.front()) continue;
            each->thread = std::thread{[this, self = each.get()] { serve_guarded(*self); }};
        }
    } catch (const std::system_error&) {
        const std::lock_guard lock{mutex_};
        end(std::current_exception());
    }
    serve_guarded(*threads_.front());
    for (auto& each : threads_) {
        if (each->thread.joinable()) each->thread.join();
    }
    if (problem_) std::rethrow_exception(problem_);
}

void Runtime::connect() {
    const auto now = Clock::now();
    const SessionOptions session{options_.name,
                                 registry_.describe(),
                                 options_.threads,
                                 options_.capacity,
                                 [this](std::string_view name) {
                                     const Method* method = registry_.find(name);
                                     return method && method->options.idempotent;
                                 },
                                 std::make_shared<SharedCapacity>(options_.threads, options_.capacity)};
    poller_.add(wakeup_);
    for (const auto& endpoint : options_.brokers) {
        links_.push_back(std::make_unique<Link>(context_, endpoint, options_.keys, session, now));
        poller_.add(links_.back()->dealer());
    }
}

// ---- what a thread does

void Runtime::serve_guarded(Thread& self) noexcept {
    try {
        serve(self);
    } catch (...) {
        const std::lock_guard lock{mutex_};
        end(std::current_exception());
    }
}

void Runtime::serve(Thread& self) {
    Lock lock{mutex_};
    while (!done_) {
        if (unattended()) {
            attend(self, lock);
        } else if (!run_one(self, lock)) {
            rest(lock);
        }
    }
}

void Runtime::end(std::exception_ptr problem) noexcept {
    if (problem && !problem_) problem_ = std::move(problem);
    done_ = true;
    work_.notify_all();
    for (auto& each : threads_) each->may_send.notify_one();
    watchdog_.set({});
    wakeup_.signal();
}

// ---- the sockets

void Runtime::attend(Thread& self, Lock& lock) {
    owner_ = &self;
    owner_away_ = false;
    wait(lock, true);  // only looks: nobody has, for a while
    while (owner_ == &self && !done_) turn(self, lock);
}

void Runtime::turn(Thread& self, Lock& lock) {
    const auto now = Clock::now();
    receive(now);
    deliver_events(lock);
    flush();
    const bool calls_wait = run_some(self, lock);
    if (owner_ != &self) return wake_owner();
    flush();
    if (finished(now)) return end(nullptr);
    wait(lock, calls_wait);
}

/// What ends a sleep is mostly one body: its answer is on its way before anyone looks for a second one, which costs system
/// calls. Where there is one, the next turn takes all.
void Runtime::receive(TimePoint now) {
    for (auto& link : links_) {
        link->receive(poller_.slept() ? Link::Bodies::one : Link::Bodies::all, now);
        if (stop_.load()) link->session().leave(now);
        link->session().on_time(now);
    }
    if (all_busy()) give_back(now);
    collect_events();
}

void Runtime::flush() {
    for (auto& link : links_) link->flush();
    make_room();
}

bool Runtime::finished(TimePoint now) {
    return std::ranges::all_of(links_, [now](auto& link) { return link->finished(now); });
}

void Runtime::wait(Lock& lock, bool calls_wait) {
    const auto timeout = calls_wait ? Duration::zero() : time_to_wait(Clock::now());
    const bool undisturbed = running_ == 0;  // nobody has anything to send: only stop() would want to be heard sooner
    polling_ = true;
    lock.unlock();
    undisturbed ? poller_.wait_undisturbed(timeout) : poller_.wait(timeout);
    lock.lock();
    polling_ = false;
    wakeup_.clear();
}

std::optional<Duration> Runtime::time_to_wait(TimePoint now) {
    std::optional<TimePoint> next;
    const auto consider = [&next](std::optional<TimePoint> when) {
        if (when) next = next ? std::min(*next, *when) : when;
    };
    for (auto& link : links_) {
        consider(link->session().next_deadline());
        if (all_busy()) consider(link->session().give_back_at());
        if (link->blocked()) consider(now + blocked_pause);
    }
    if (!next) return std::nullopt;
    return *next - now;
}

void Runtime::wake_owner() {
    const auto wanted = [](auto& link) {
        return link->session().outbox().waiting_bytes() > 0 || link->session().finished();
    };
    if (!polling_ || !std::ranges::any_of(links_, wanted)) return;
    polling_ = false;
    wakeup_.signal();
}

// ---- calls

/// The owner's: runs calls until there are none that it can start, or it is time to see to the sockets, or another thread
/// does already. Returns whether more can be started.
bool Runtime::run_some(Thread& self, Lock& lock) {
    const auto began = Clock::now();
    auto now = began;
    int calls = 0;
    bool more = start_call(self, now);
    if (more) watch_owner(now);
    while (more) {
        run_call(self, lock);
        now = Clock::now();
        if (owner_ != &self || ++calls == most_calls || now - began >= run_time) break;
        more = start_call(self, now);
    }
    const bool slow = calls < few_calls && now - began >= run_time;
    if (slow && !all_busy()) wake_one();
    return more;
}

/// Any other thread's.
bool Runtime::run_one(Thread& self, Lock& lock) {
    const bool started = start_call(self, Clock::now());
    if (started) run_call(self, lock);
    if (owner_ != &self) wake_owner();
    return started;
}

bool Runtime::start_call(Thread& self, TimePoint now) {
    for (std::size_t i = 0; i < links_.size() && !all_busy(); ++i) {
        Link& link = *links_[next_link_++ % links_.size()];
        if (!link.session().next_call(self.running.call, now)) continue;
        self.running.cancellation.reset();
        self.link = &link;
        ++running_;
        if (!stood_by_) wake_one();
        return true;
    }
    return false;
}

void Runtime::run_call(Thread& self, Lock& lock) {
    if (owner_ == &self) owner_away_ = true;
    lock.unlock();
    run_handler(self);
    lock.lock();
    if (owner_ == &self) owner_away_ = false;
    --running_;
    std::exchange(self.link, nullptr)->session().finish(self.running.call, self.response);
    take_again();
}

/// Without the lock, and with a look at the clock only where somebody wants to know.
void Runtime::run_handler(Thread& self) const {
    const auto began = options_.on_call ? Clock::now() : TimePoint{};
    const auto outcome = dispatch(registry_, self.running, self.response);
    if (!options_.on_call) return;
    const auto& call = self.running.call;
    options_.on_call({.method = call.method,
                      .worker = *call.worker,
                      .trace = call.options.trace.value_or(std::string_view{}),
                      .duration = Clock::now() - began,
                      .error = outcome ? nullptr : &outcome.error(),
                      .cancelled = self.running.cancellation.requested(),
                      .packed_meta = call.options.meta.value_or(std::string_view{})});
}

void Runtime::give_back(TimePoint now) {
    for (auto& link : links_) gave_back_ |= link->session().give_back(now);
}

void Runtime::take_again() {
    if (!std::exchange(gave_back_, false)) return;
    for (auto& link : links_) link->session().take_again();
}

// ---- threads that have nothing to do

void Runtime::rest(Lock& lock) {
    if (!stood_by_) return stand_by(lock);
    ++idle_;
    work_.wait(lock);
    --idle_;
}

/// Sleeps until the owner has been away for too long, or there is none any more.
void Runtime::stand_by(Lock& lock) {
    stood_by_ = true;
    for (bool overdue = false; !overdue && !done_;) {
        lock.unlock();
        watchdog_.wait();
        lock.lock();
        watching_ = false;
        overdue = !owner_ || (owner_away_ && Clock::now() - owner_left_ >= longest_absence);
        if (owner_away_ && !overdue) watch_owner(owner_left_);
    }
    stood_by_ = false;
}

/// The owner is away from the sockets since then. The watchdog is not set again for every call: it is found out when it
/// goes off whether it did so for the one that runs.
void Runtime::watch_owner(TimePoint left) {
    owner_left_ = left;
    if (std::exchange(watching_, true)) return;
    watchdog_.set(left + longest_absence - Clock::now());
}

void Runtime::wake_one() noexcept {
    if (idle_ > 0) work_.notify_one();
}

// ---- what is told

void Runtime::collect_events() {
    for (auto& link : links_) {
        while (auto event = link->session().next_event()) collect_event(*link, std::move(*event));
        if (auto why = link->next_refusal()) {
            events_.push_back({WorkerEvent::What::refused, link->endpoint(), std::move(*why)});
        }
    }
}

void Runtime::collect_event(Link& link, SessionEvent event) {
    const auto tell = [&](WorkerEvent::What what) {
        events_.push_back({what, link.endpoint(), std::move(event.detail)});
    };
    switch (event.what) {
    case SessionEvent::What::registered: return tell(WorkerEvent::What::registered);
    case SessionEvent::What::refused: return tell(WorkerEvent::What::refused);
    case SessionEvent::What::unreachable: return tell(WorkerEvent::What::unreachable);
    case SessionEvent::What::lost: return tell(WorkerEvent::What::lost);
    case SessionEvent::What::left: return tell(WorkerEvent::What::left);
    case SessionEvent::What::call_cancelled: return cancel_call(thread_of(link, event.slot));
    case SessionEvent::What::call_credited: return credit_call(thread_of(link, event.slot));
    }
}

/// Null when the call is over.
Runtime::Thread* Runtime::thread_of(const Link& link, std::uint32_t slot) const noexcept {
    const auto found = std::ranges::find_if(
        threads_, [&](const auto& each) { return each->link == &link && each->running.call.slot == slot; });
    return found == threads_.end() ? nullptr : found->get();
}

void Runtime::cancel_call(Thread* thread) {
    if (!thread) return;
    auto& cancellation = thread->running.cancellation;
    cancelled_.emplace_back(&cancellation, cancellation.request());
    thread->may_send.notify_one();
}

void Runtime::credit_call(Thread* thread) {
    if (thread) thread->may_send.notify_one();
}

void Runtime::deliver_events(Lock& lock) {
    if (events_.empty() && cancelled_.empty()) return;
    const auto events = std::exchange(events_, {});
    const auto cancelled = std::exchange(cancelled_, {});
    lock.unlock();
    for (const auto& [cancellation, generation] : cancelled) cancellation->notify(generation);
    if (options_.on_event) {
        for (const auto& event : events) options_.on_event(event);
    }
    lock.lock();
}

}  // namespace rpcbroker
