// How the gateway is to behave towards its clients.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "gateway/http/guard.hpp"
#include "gateway/http/routes.hpp"
#include "gateway/method_filter.hpp"
#include "gateway/session.hpp"

namespace rpcbroker {

struct ConnectionLimits {
    std::size_t connections = 10'000;
    std::size_t calls = 10'000;                      ///< under way on one connection; beyond that it is not read
    std::uint64_t unsent = std::uint64_t{64} << 20;  ///< bytes that a client has not taken yet; beyond that it is cut
    std::uint64_t held = std::uint64_t{1} << 30;     ///< bytes of all connections; beyond that, who holds most is cut
    std::chrono::milliseconds first_byte{std::chrono::seconds{10}};
    std::chrono::milliseconds message{std::chrono::seconds{30}};  ///< from its first byte to its last
    std::chrono::milliseconds idle{std::chrono::seconds{75}};     ///< of HTTP; Go's clients may be silent for ever
    std::chrono::milliseconds stalled{std::chrono::seconds{30}};  ///< a client that takes nothing of what is sent to it
};

struct GatewaySettings {
    ConnectionLimits limits{};
    MessageLimits messages{};
    MethodFilter filter{};
    http::GuardSettings guard{};
    http::RouteSettings routes{};
};

}  // namespace rpcbroker
