#include "broker/latency_histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

namespace rpcbroker::broker {

namespace {

// Values below 64 have a bucket each. From there on, each power of two is cut into 32 buckets.
constexpr unsigned sub_bits = 5;
constexpr std::uint64_t exact = std::uint64_t{2} << sub_bits;
constexpr std::uint64_t highest = std::uint64_t{1} << 36;  // 19 hours; anything above is counted there

std::size_t bucket_of(std::uint64_t value) noexcept {
    value = std::min(value, highest);
    if (value < exact) return static_cast<std::size_t>(value);
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - sub_bits - 1;
    return static_cast<std::size_t>((std::uint64_t{shift} << sub_bits) + (value >> shift));
}

std::uint64_t upper_end(std::size_t bucket) noexcept {
    if (bucket < exact) return bucket;
    const auto shift = (bucket >> sub_bits) - 1;
    const auto lead = (bucket & ((std::size_t{1} << sub_bits) - 1)) + (std::size_t{1} << sub_bits);
    return ((std::uint64_t{lead} + 1) << shift) - 1;
}

}  // namespace

void LatencyHistogram::record(std::uint64_t microseconds) {
    if (buckets_.empty()) buckets_.resize(bucket_of(highest) + 1);
    ++buckets_[bucket_of(microseconds)];
    ++count_;
    sum_ += microseconds;
    max_ = std::max(max_, microseconds);
}

void LatencyHistogram::add(const LatencyHistogram& other) {
    if (other.count_ == 0) return;
    if (buckets_.empty()) buckets_.resize(other.buckets_.size());
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) buckets_[bucket] += other.buckets_[bucket];
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
}

void LatencyHistogram::clear() noexcept {
    if (count_ > 0) std::ranges::fill(buckets_, 0);
    count_ = sum_ = max_ = 0;
}

std::uint64_t LatencyHistogram::quantile(double quantile) const noexcept {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
        seen += buckets_[bucket];
        if (seen >= std::max<std::uint64_t>(wanted, 1)) return std::min(upper_end(bucket), max_);
    }
    return max_;
}

std::vector<std::uint64_t> LatencyHistogram::counts_up_to(std::span<const std::uint64_t> bounds) const {
    std::vector<std::uint64_t> counts;
    std::uint64_t seen = 0;
    std::size_t bucket = 0;
    for (const auto bound : bounds) {
        const auto end = std::min(bucket_of(bound) + 1, buckets_.size());
        for (; bucket < end; ++bucket) seen += buckets_[bucket];
        counts.push_back(seen);
    }
    return counts;
}

}  // namespace rpcbroker::broker
