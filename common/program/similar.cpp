#include "common/program/similar.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace rpcbroker {
namespace {

// How many letters to change, add or leave out to get from one to the other.
std::size_t edit_distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> row(to.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (const char letter : from) {
        std::size_t diagonal = row[0]++;
        for (std::size_t j = 1; j <= to.size(); ++j) {
            const std::size_t changed = diagonal + (letter == to[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[to.size()];
}

}  // namespace

std::optional<std::string> most_similar(std::string_view name, std::span<const std::string> names) {
    std::optional<std::string> nearest;
    std::size_t least = 3;
    for (const auto& candidate : names) {
        const auto distance = edit_distance(name, candidate);
        if (distance >= least) continue;
        least = distance;
        nearest = candidate;
    }
    return nearest;
}

}  // namespace rpcbroker
