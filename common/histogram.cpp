#include "common/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace rpcbroker {

// Values below 2^(precision_bits + 1) have a bucket each. From there on, each power of two is cut into 2^precision_bits.

std::size_t Histogram::bucket_of(std::uint64_t value) const noexcept {
    value = std::min(value, highest_);
    if (value < std::uint64_t{2} << precision_bits_) return static_cast<std::size_t>(value);
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - precision_bits_ - 1;
    return static_cast<std::size_t>((std::uint64_t{shift} << precision_bits_) + (value >> shift));
}

std::uint64_t Histogram::upper_end(std::size_t bucket) const noexcept {
    if (bucket < std::size_t{2} << precision_bits_) return bucket;
    const auto a_power = std::size_t{1} << precision_bits_;
    const auto shift = (bucket >> precision_bits_) - 1;
    const auto lead = (bucket & (a_power - 1)) + a_power;
    return ((std::uint64_t{lead} + 1) << shift) - 1;
}

void Histogram::record(std::uint64_t value) {
    if (buckets_.empty()) buckets_.resize(bucket_of(highest_) + 1);
    ++buckets_[bucket_of(value)];
    min_ = count_ == 0 ? value : std::min(min_, value);
    max_ = std::max(max_, value);
    sum_ += value;
    ++count_;
}

void Histogram::add(const Histogram& other) {
    if (other.count_ == 0) return;
    if (buckets_.empty()) buckets_.resize(other.buckets_.size());
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) buckets_[bucket] += other.buckets_[bucket];
    min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
    sum_ += other.sum_;
    count_ += other.count_;
}

std::uint64_t Histogram::quantile(double quantile) const noexcept {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
        seen += buckets_[bucket];
        if (seen >= std::max<std::uint64_t>(wanted, 1)) return std::min(upper_end(bucket), max_);
    }
    return max_;
}

double Histogram::mean() const noexcept {
    return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

}  // namespace rpcbroker
