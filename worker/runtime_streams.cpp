// The part of Runtime that sends stream items for handlers, and holds those back that may not send.
//
// A handler that has the sockets sends its items itself, some at a time; one that has not wakes their owner. What lies
// unsent when a handler begins to compute is not forgotten: the standby takes the sockets over after a millisecond. A
// handler that has to wait hands them over first, so that what it waits for can arrive.
#include <algorithm>

#include "worker/runtime_thread.hpp"

namespace rpcbroker {
namespace {

// What an owner lets wait before it sends stream items out of its handler.
constexpr std::size_t worth_sending = std::size_t{16} << 10;
// Longer than that nobody waits, and sums of times do not overflow.
constexpr std::chrono::nanoseconds longest_wait = std::chrono::hours{24 * 365};

/// Whatever the broker says, or does not say any more: nobody waits for a call beyond its deadline.
TimePoint latest_end(const Call& call) { return call.deadline.value_or(Clock::now() + longest_wait); }

bool must_wait(ItemSent sent) noexcept { return sent == ItemSent::no_credit || sent == ItemSent::no_room; }

}  // namespace

ItemSent Runtime::send_item(Thread& self, std::string& item) {
    Lock lock{mutex_};
    auto& session = self.link->session();
    auto sent = session.send_item(self.running.call, item);
    while (must_wait(sent)) {
        if (!wait_to_send(self, lock, latest_end(self.running.call))) return ItemSent::unwanted;
        sent = session.send_item(self.running.call, item);
    }
    if (sent == ItemSent::yes) send_soon(self);
    return sent;
}

ItemSent Runtime::try_send_item(Thread& self, std::string& item) {
    const Lock lock{mutex_};
    const auto sent = self.link->session().send_item(self.running.call, item);
    if (sent == ItemSent::yes) send_soon(self);
    return sent;
}

bool Runtime::wait_for_credit(Thread& self, std::chrono::nanoseconds duration) {
    Lock lock{mutex_};
    const auto end = std::min(Clock::now() + std::min(duration, longest_wait), latest_end(self.running.call));
    const auto may_send = [&self] { return self.link->session().may_send_item(self.running.call); };
    while (must_wait(may_send()) && wait_to_send(self, lock, end)) continue;
    return may_send() == ItemSent::yes;
}

/// An item was put into the outbox.
void Runtime::send_soon(Thread& self) {
    if (owner_ != &self) return wake_owner();
    if (self.link->session().outbox().waiting_bytes() >= worth_sending) flush();
}

/// Returns when it is worth asking again whether the call may send. False when that is in vain: the time is over, or the
/// worker ends.
bool Runtime::wait_to_send(Thread& self, Lock& lock, TimePoint end) {
    if (done_) return false;
    if (owner_ == &self) {
        flush();
        if (!must_wait(self.link->session().may_send_item(self.running.call))) return true;
        hand_over();
    }
    self.lacks_room = self.link->session().may_send_item(self.running.call) == ItemSent::no_room;
    lacking_room_ += self.lacks_room;
    const bool told = self.may_send.wait_until(lock, end) == std::cv_status::no_timeout;
    lacking_room_ -= std::exchange(self.lacks_room, false);
    return told && !done_;
}

/// The owner is about to sleep in its handler: the standby, woken before time, takes the sockets.
void Runtime::hand_over() {
    owner_ = nullptr;
    owner_away_ = false;
    watching_ = true;
    watchdog_.set({});
}

/// Something was sent: handlers that waited for that go on.
void Runtime::make_room() {
    if (lacking_room_ == 0) return;
    for (auto& each : threads_) {
        if (each->lacks_room && each->link->session().may_send_item(each->running.call) != ItemSent::no_room) {
            each->may_send.notify_one();
        }
    }
}

}  // namespace rpcbroker
