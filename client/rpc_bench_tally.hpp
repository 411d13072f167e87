// What became of calls.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <rpcbroker/error.hpp>
#include <rpcbroker/raw_reply.hpp>
#include <rpcbroker/result.hpp>

#include "client/rpc_bench_gate.hpp"
#include "common/histogram.hpp"
#include "common/time.hpp"

namespace rpcbroker::bench {

/// Errors of one code.
struct Failures {
    std::uint64_t count = 0;
    std::string first;  ///< the message of the first one, as it came
};

/// Of calls of one kind. It is told the time. Not thread-safe.
class Tally {
public:
    /// A call that was due at `due` ended at `now`. `sent_bytes` is the size of its parameters.
    void ended(const Interval& interval, TimePoint due, TimePoint now, std::size_t sent_bytes,
               const Result<RawReply>& reply);
    /// It was not sent: too many were in flight.
    void not_sent(const Interval& interval, TimePoint due) noexcept { not_sent_ += interval.holds(due); }
    /// It was under way when the user interrupted the run.
    void interrupted() noexcept { ++unfinished_; }
    void add(const Tally& other);

    /// From when they were due to their result, in nanoseconds: the calls of the interval that ended well.
    [[nodiscard]] const Histogram& latency() const noexcept { return latency_; }
    /// Those of the interval.
    [[nodiscard]] const std::map<Code, Failures>& failures() const noexcept { return failures_; }
    [[nodiscard]] std::uint64_t failed() const noexcept;
    /// Calls that ended well within the interval, also those begun before.
    [[nodiscard]] std::uint64_t in_time() const noexcept { return in_time_; }
    /// Parameters and results of those, in bytes of MessagePack.
    [[nodiscard]] std::uint64_t sent_bytes() const noexcept { return sent_bytes_; }
    [[nodiscard]] std::uint64_t received_bytes() const noexcept { return received_bytes_; }
    /// Calls of the warm-up, whatever became of them.
    [[nodiscard]] std::uint64_t warm_up() const noexcept { return warm_up_; }
    [[nodiscard]] std::uint64_t not_sent() const noexcept { return not_sent_; }
    [[nodiscard]] std::uint64_t unfinished() const noexcept { return unfinished_; }
    /// When the last call of the interval ended.
    [[nodiscard]] TimePoint last_end() const noexcept { return last_end_; }

private:
    // A 256th of a value at most; up to 18 minutes.
    Histogram latency_{8, 40};
    std::map<Code, Failures> failures_;
    std::uint64_t in_time_ = 0;
    std::uint64_t sent_bytes_ = 0;
    std::uint64_t received_bytes_ = 0;
    std::uint64_t warm_up_ = 0;
    std::uint64_t not_sent_ = 0;
    std::uint64_t unfinished_ = 0;
    TimePoint last_end_;
};

}  // namespace rpcbroker::bench
