// What rpc-top was asked for on its command line.
#pragma once

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include <rpcbroker/keys.hpp>

#include "client/top_state.hpp"

namespace rpcbroker {

struct RpcTopOptions {
    std::vector<std::string> brokers;
    std::optional<PeerKeys> keys;
    std::chrono::milliseconds timeout{std::chrono::seconds{3}};
    bool once = false;
    bool json = false;
    TopState state{std::chrono::seconds{1}};  ///< what is shown first
};

/// The options, or the exit status if the program is to end now: after --help, or a mistake, which was written to
/// standard error.
std::variant<RpcTopOptions, int> parse_rpc_top(int argc, const char* const* argv);

}  // namespace rpcbroker
