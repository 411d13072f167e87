// What rpc-call was asked for on its command line.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <rpcbroker/client_options.hpp>

#include "client/rpc_call_output.hpp"

namespace rpcbroker {

struct RpcCallOptions {
    std::vector<std::string> brokers;
    std::optional<PeerKeys> keys;
    CallOptions call;
    std::string method;
    std::string params;  ///< packed
    OutputFormat format = OutputFormat::json;
    std::uint64_t repeat = 1;
    std::uint64_t parallel = 1;
    bool one_way = false;
    bool timing = false;
    bool list = false;
    bool names = false;
    std::string describe;  ///< the method to describe; empty: none
};

/// The options, or the exit status if the program is to end now: after --help, or a mistake, which was written to
/// standard error. Reads files and standard input where arguments say so.
std::variant<RpcCallOptions, int> parse_rpc_call(int argc, const char* const* argv);

}  // namespace rpcbroker
