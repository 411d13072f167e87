// The text that Prometheus reads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/figures.hpp"

namespace rpcbroker {

/// What a broker answered, packed; nothing where it did not.
struct BrokerFigures {
    std::string endpoint{};
    bool up = false;  ///< it answered something
    std::optional<std::string> stats{};
    std::optional<std::string> workers{};
    std::optional<std::string> services{};
};

std::string metrics_text(const std::vector<BrokerFigures>& brokers, const Figures& gateway);

}  // namespace rpcbroker
