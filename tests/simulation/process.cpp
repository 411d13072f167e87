#include "tests/simulation/process.hpp"

#include <utility>

namespace rpcbroker::simulation {

using namespace std::chrono_literals;

void Process::wake() { wake_at(scene_.events.now() + scene_.random.between(0us, scene_.settings.sleepy)); }

void Process::wake_at(TimePoint when) {
    if (next_turn_ && *next_turn_ <= when) return;
    next_turn_ = when;
    scene_.events.at(when, [weak = weak_from_this(), plan = ++plan_] {
        const auto self = weak.lock();
        if (self && plan == self->plan_) self->take_turn();
    });
}

void Process::take_turn() {
    next_turn_.reset();
    if (ended_) return;
    if (paused()) return wake_at(paused_until_ + scene_.random.between(0us, scene_.settings.sleepy));
    if (const auto next = turn(scene_.events.now())) wake_at(std::max(*next, scene_.events.now()));
}

void Process::at(TimePoint when, std::function<void()> action) {
    scene_.events.at(when, [weak = weak_from_this(), action = std::move(action)]() mutable {
        const auto self = weak.lock();
        if (!self || self->ended_) return;
        if (!self->paused()) return action();
        self->at(self->paused_until_ + self->scene_.random.between(0us, 100us), std::move(action));
    });
}

void Process::pause(TimePoint until) {
    paused_until_ = std::max(paused_until_, until);
    scene_.network.set_running(place_, false);
    scene_.events.at(paused_until_, [weak = weak_from_this()] {
        if (const auto self = weak.lock(); self && !self->paused()) self->resume();
    });
}

void Process::resume() {
    if (paused()) paused_until_ = scene_.events.now();
    scene_.network.set_running(place_, true);
    next_turn_.reset();
    wake();
}

}  // namespace rpcbroker::simulation
