// A process that runs in turns: when it is woken, when its time comes, and not while it is stopped.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tests/simulation/scene.hpp"

namespace rpcbroker::simulation {

/// To be held by a shared_ptr: what it had planned is forgotten when it is destroyed, which is how it crashes.
class Process : public std::enable_shared_from_this<Process> {
public:
    Process(Scene& scene, Place place, std::string name) : scene_(scene), place_(place), name_(std::move(name)) {}
    virtual ~Process() = default;
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    [[nodiscard]] Place place() const noexcept { return place_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// A turn soon: as soon as a process is run that was woken.
    void wake();
    /// It does not run until then; what would have happened meanwhile happens right after, in no particular order.
    void pause(TimePoint until);
    void resume();
    [[nodiscard]] bool paused() const noexcept { return paused_until_ > scene_.events.now(); }
    /// It did all that it wanted and has ended by itself: its place is free.
    [[nodiscard]] bool ended() const noexcept { return ended_; }

protected:
    /// Returns when the next one is wanted, if nothing wakes it.
    virtual std::optional<TimePoint> turn(TimePoint now) = 0;
    /// Something of this process' own, such as a handler's end.
    void at(TimePoint when, std::function<void()> action);
    void wake_at(TimePoint when);
    void note(std::string_view what) const { scene_.trace.note(name_, what); }
    void end() noexcept { ended_ = true; }

    Scene& scene_;

private:
    void take_turn();

    Place place_;
    std::string name_;
    TimePoint paused_until_{};
    std::optional<TimePoint> next_turn_;
    std::uint64_t plan_ = 0;  ///< the latest; earlier ones do not count
    bool ended_ = false;
};

}  // namespace rpcbroker::simulation
