#include "tests/simulation/fairness.hpp"

#include <algorithm>
#include <string>

#include "tests/simulation/trace.hpp"

namespace rpcbroker::simulation {

void Fairness::step(const std::set<PeerId>& waiting, const std::vector<PeerId>& served, const std::set<PeerId>& ended) {
    std::erase_if(passes_, [&](const auto& each) { return !waiting.contains(each.first); });
    for (auto& [client, passes] : passes_) {
        if (ended.contains(client) || std::ranges::find(served, client) != served.end()) {
            passes.clear();
            continue;
        }
        for (const PeerId other : served)
            if (++passes[other] > most_passes)
                throw Violation{"clients are served in turn", "client " + std::to_string(client.slot) +
                                                                  " waits, and client " + std::to_string(other.slot) +
                                                                  " was served " + std::to_string(passes[other]) +
                                                                  " times"};
    }
    for (const PeerId client : waiting) passes_.try_emplace(client);
}

}  // namespace rpcbroker::simulation
