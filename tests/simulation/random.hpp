// Random numbers that are the same on every machine: whatever is drawn from a seed is drawn again from it. The standard
// library's distributions differ from one library to the next, so there are none here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/time.hpp"

namespace rpcbroker::simulation {

/// SplitMix64. Not thread-safe.
class Random {
public:
    explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t next() noexcept {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    /// From 0 to `bound` - 1. The bias is of no interest here. `bound` is not 0.
    std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }
    /// Both included.
    std::uint64_t between(std::uint64_t least, std::uint64_t most) noexcept { return least + below(most - least + 1); }
    Duration between(Duration least, Duration most) noexcept {
        return least +
               Duration{static_cast<Duration::rep>(below(static_cast<std::uint64_t>((most - least).count()) + 1))};
    }
    /// True so often in a thousand.
    bool chance(unsigned permille) noexcept { return below(1000) < permille; }
    template <class T>
    const T& of(const std::vector<T>& items) noexcept {
        return items[below(items.size())];
    }
    template <class T, std::size_t n>
    const T& of(const std::array<T, n>& items) noexcept {
        return items[below(n)];
    }
    /// One that goes its own way from here.
    Random fork() noexcept { return Random{next()}; }

private:
    std::uint64_t state_;
};

}  // namespace rpcbroker::simulation
