// The callers of a round: each lane makes one call after the other, keeps several in flight, or sends on a schedule.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <rpcbroker/client.hpp>

#include "client/rpc_bench_gate.hpp"
#include "client/rpc_bench_plan.hpp"
#include "client/rpc_bench_tally.hpp"

namespace rpcbroker::bench {

/// What the lanes of a round share; all of it outlives them.
struct LaneSetup {
    const Round& round;
    Gate& gate;
    const CallOptions& call;
    TimePoint start;                 ///< open loop: when the first call is due
    std::function<void()> on_ended;  ///< once for each lane, when its last call has ended; from any thread
};

class Lane {
public:
    /// For the lane with this index; of which kind it is depends on the round.
    static std::unique_ptr<Lane> make(const LaneSetup& setup, Client& client, std::uint64_t index);
    /// Its last call must have ended.
    virtual ~Lane() = default;
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    /// Begins to call. Returns at once.
    virtual void begin() = 0;
    /// A tally for each kind. Once the last call has ended.
    [[nodiscard]] const std::vector<Tally>& tallies() const noexcept { return tallies_; }
    /// Calls that have ended, and those of them that failed, so far. From any thread.
    [[nodiscard]] std::uint64_t ended() const noexcept { return ended_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t failed() const noexcept { return failed_.load(std::memory_order_relaxed); }

protected:
    Lane(const LaneSetup& setup, Client& client) : setup_(setup), client_(client), tallies_(setup.round.kinds.size()) {}

    /// One thread at a time. Returns the time, which it has looked up.
    TimePoint note(std::size_t kind, TimePoint due, const Result<RawReply>& reply);

    const LaneSetup& setup_;
    Client& client_;
    std::vector<Tally> tallies_;

private:
    std::atomic<std::uint64_t> ended_{0};
    std::atomic<std::uint64_t> failed_{0};
};

}  // namespace rpcbroker::bench
