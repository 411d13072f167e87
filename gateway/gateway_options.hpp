// What rpc-gateway was asked for on its command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include <rpcbroker/client_options.hpp>

#include "gateway/settings.hpp"
#include "gateway/tls/context.hpp"

namespace rpcbroker {

struct GatewayOptions {
    std::string host;
    std::uint16_t port = 0;
    ClientOptions broker;
    GatewaySettings settings;
    tls::Files tls_files;
    std::shared_ptr<const tls::Context> tls;  ///< what was in these files; null: none were named
    std::chrono::milliseconds drain_timeout{std::chrono::seconds{10}};
};

/// The options, or the exit status if the program is to end now: after --help, or a mistake, which was written to
/// standard error. Reads the files of keys and certificates.
std::variant<GatewayOptions, int> parse_gateway(int argc, const char* const* argv);

}  // namespace rpcbroker
