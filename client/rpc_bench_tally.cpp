#include "client/rpc_bench_tally.hpp"

#include <algorithm>

namespace rpcbroker::bench {

void Tally::ended(const Interval& interval, TimePoint due, TimePoint now, std::size_t sent_bytes,
                  const Result<RawReply>& reply) {
    if (reply && interval.holds(now)) {
        ++in_time_;
        sent_bytes_ += sent_bytes;
        received_bytes_ += reply->result.size();
    }
    if (!interval.holds(due)) {
        ++warm_up_;
        return;
    }
    last_end_ = std::max(last_end_, now);
    if (reply) {
        const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(now - due).count();
        latency_.record(static_cast<std::uint64_t>(std::max<std::int64_t>(took, 0)));
        return;
    }
    auto& failures = failures_[reply.error().code()];
    if (failures.count++ == 0) failures.first = reply.error().message();
}

void Tally::add(const Tally& other) {
    latency_.add(other.latency_);
    for (const auto& [code, more] : other.failures_) {
        auto& failures = failures_[code];
        if (failures.count == 0) failures.first = more.first;
        failures.count += more.count;
    }
    in_time_ += other.in_time_;
    sent_bytes_ += other.sent_bytes_;
    received_bytes_ += other.received_bytes_;
    warm_up_ += other.warm_up_;
    not_sent_ += other.not_sent_;
    unfinished_ += other.unfinished_;
    last_end_ = std::max(last_end_, other.last_end_);
}

std::uint64_t Tally::failed() const noexcept {
    std::uint64_t all = 0;
    for (const auto& each : failures_) all += each.second.count;
    return all;
}

}  // namespace rpcbroker::bench
