// What there is to call: a few services whose methods say by their names what they are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/history.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/settings.hpp"

namespace rpcbroker::simulation {

/// Registered by every honest worker: so is every other method of its service.
inline constexpr std::string_view everywhere = "A.plain";

[[nodiscard]] bool is_stream(std::string_view method);
/// By its registration.
[[nodiscard]] bool is_idempotent(std::string_view method);

std::string draw_method(Random& random, const Settings& settings);
Behaviour draw_behaviour(Random& random, const Settings& settings, std::string_view method);

/// The services of one worker, as rpc.register lists them: "A" in full, and others, whole or in part.
std::string draw_offer(Random& random);

}  // namespace rpcbroker::simulation
