#include "client/rpc_bench_lanes.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace rpcbroker::bench {

namespace {

/// One call at a time: the thread that calls drives the connection itself, which is the client's quickest way.
class CallingLane final : public Lane {
public:
    CallingLane(const LaneSetup& setup, Client& client) : Lane(setup, client) {}

    void begin() override {
        thread_ = std::jthread{[this] { run(); }};
    }

private:
    void run() {
        auto now = Clock::now();
        while (const auto number = setup_.gate.admit(now)) {
            const auto kind = setup_.round.kind_of(*number);
            const auto& call = setup_.round.kinds[kind];
            const auto reply = client_.call_raw(call.method, call.params, setup_.call);
            now = note(kind, now, reply);
        }
        setup_.on_ended();
    }

    std::jthread thread_;
};

/// Keeps a window of calls in flight. Each answer's callback makes the next call on the client's own thread, so that no
/// call is handed from one thread to another.
class PipelinedLane final : public Lane {
public:
    PipelinedLane(const LaneSetup& setup, Client& client) : Lane(setup, client), slots_(setup.round.window) {}

    /// The first calls go out while answers come already. The one place more that is counted meanwhile keeps the lane
    /// from ending under it.
    void begin() override {
        open_ = slots_.size() + 1;
        for (auto& slot : slots_) call(slot, Clock::now());
        end_one();
    }

private:
    struct Slot {
        TimePoint due;
        std::size_t kind = 0;
    };

    void call(Slot& slot, TimePoint now) {
        slot.due = now;
        const auto number = setup_.gate.admit(now);
        if (!number) return end_one();
        slot.kind = setup_.round.kind_of(*number);
        const auto& kind = setup_.round.kinds[slot.kind];
        client_.async_raw(kind.method, kind.params, setup_.call, [this, &slot](const Result<RawReply>& reply) {
            call(slot, note(slot.kind, slot.due, reply));
        });
    }

    void end_one() {
        if (open_.fetch_sub(1) == 1) setup_.on_ended();
    }

    std::vector<Slot> slots_;
    std::atomic<std::size_t> open_{0};
};

/// Sends on a schedule, whatever comes back: an open loop.
class SendingLane final : public Lane {
public:
    SendingLane(const LaneSetup& setup, Client& client, std::uint64_t index)
        : Lane(setup, client),
          schedule_(setup.start, *setup.round.rate, index, setup.round.clients),
          most_(std::max<std::uint64_t>(1, setup.round.max_in_flight / setup.round.clients)),
          not_sent_(setup.round.kinds.size()) {}

    void begin() override {
        thread_ = std::jthread{[this] { run(); }};
    }

private:
    void run() {
        prctl(PR_SET_TIMERSLACK, 1UL);  // the kernel may be 50 us late otherwise
        for (std::uint64_t call = 0;; ++call) {
            const auto due = schedule_.due(call);
            const auto number = setup_.gate.admit(due);
            if (!number || !wait_until(due)) break;
            send(setup_.round.kind_of(*number), due);
        }
        wait_for_answers();
        for (std::size_t kind = 0; kind < not_sent_.size(); ++kind) tallies_[kind].add(not_sent_[kind]);
        setup_.on_ended();
    }

    /// False when the run was interrupted meanwhile.
    bool wait_until(TimePoint due) const {
        constexpr Duration at_once = std::chrono::milliseconds{50};
        while (!setup_.gate.is_closed()) {
            const auto left = due - Clock::now();
            if (left <= Duration::zero()) return true;
            std::this_thread::sleep_for(std::min(left, at_once));
        }
        return false;
    }

    void send(std::size_t kind, TimePoint due) {
        if (in_flight_.load() >= most_) return not_sent_[kind].not_sent(setup_.gate.interval(), due);
        ++in_flight_;
        const auto& call = setup_.round.kinds[kind];
        client_.async_raw(call.method, call.params, setup_.call, [this, kind, due](const Result<RawReply>& reply) {
            note(kind, due, reply);
            if (--in_flight_ == 0) in_flight_.notify_all();
        });
    }

    void wait_for_answers() const {
        while (const auto open = in_flight_.load()) in_flight_.wait(open);
    }

    Schedule schedule_;
    std::uint64_t most_;
    std::vector<Tally> not_sent_;  ///< the sender's own: tallies_ are for the thread of the callbacks
    std::atomic<std::uint64_t> in_flight_{0};
    std::jthread thread_;
};

}  // namespace

std::unique_ptr<Lane> Lane::make(const LaneSetup& setup, Client& client, std::uint64_t index) {
    if (setup.round.rate) return std::make_unique<SendingLane>(setup, client, index);
    if (setup.round.window == 1) return std::make_unique<CallingLane>(setup, client);
    return std::make_unique<PipelinedLane>(setup, client);
}

TimePoint Lane::note(std::size_t kind, TimePoint due, const Result<RawReply>& reply) {
    const auto now = Clock::now();
    constexpr auto relaxed = std::memory_order_relaxed;
    auto& tally = tallies_[kind];
    if (!reply && setup_.gate.is_closed() && reply.error().code() == Code::cancelled) {
        tally.interrupted();
        return now;
    }
    tally.ended(setup_.gate.interval(), due, now, setup_.round.kinds[kind].params.size(), reply);
    ended_.store(ended_.load(relaxed) + 1, relaxed);
    if (!reply) failed_.store(failed_.load(relaxed) + 1, relaxed);
    return now;
}

}  // namespace rpcbroker::bench
