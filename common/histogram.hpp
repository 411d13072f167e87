// How often which value came, in buckets whose width is a bounded part of their value (as HdrHistogram does it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rpcbroker {

/// Values in a unit of the user's choice. Takes no memory until the first value. Not thread-safe.
class Histogram {
public:
    /// Quantiles are too high by a part of 2^-precision_bits at most. What is over 2^highest_bits is counted as that.
    /// Memory: 8 bytes × 2^precision_bits × (highest_bits - precision_bits + 1).
    Histogram(unsigned precision_bits, unsigned highest_bits) noexcept
        : precision_bits_(precision_bits), highest_(std::uint64_t{1} << highest_bits) {}

    void record(std::uint64_t value);
    /// Adds what `other` holds, which was made with the same bits.
    void add(const Histogram& other);

    /// The value that a share of `quantile` (0 to 1) of all values does not exceed; 0 when there is none.
    [[nodiscard]] std::uint64_t quantile(double quantile) const noexcept;
    /// These are exact; 0 when there is no value.
    [[nodiscard]] std::uint64_t min() const noexcept { return min_; }
    [[nodiscard]] std::uint64_t max() const noexcept { return max_; }
    [[nodiscard]] double mean() const noexcept;
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

private:
    [[nodiscard]] std::size_t bucket_of(std::uint64_t value) const noexcept;
    [[nodiscard]] std::uint64_t upper_end(std::size_t bucket) const noexcept;

    unsigned precision_bits_;
    std::uint64_t highest_;
    std::vector<std::uint64_t> buckets_;
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t min_ = 0;
    std::uint64_t max_ = 0;
};

}  // namespace rpcbroker
