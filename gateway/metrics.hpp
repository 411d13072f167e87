// The text that Prometheus reads.
#pragma once

#include <optional>
#include <string>

#include "gateway/figures.hpp"

namespace rpcbroker {

/// What a broker answered, packed; nothing where it did not.
struct BrokerFigures {
    std::optional<std::string> stats{};
    std::optional<std::string> workers{};
    std::optional<std::string> services{};
};

std::string metrics_text(const BrokerFigures& broker, const Figures& gateway);

}  // namespace rpcbroker
