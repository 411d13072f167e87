// What a worker says of itself in rpc.register, read and checked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <rpcbroker/result.hpp>

namespace rpcbroker::broker {

struct MethodRegistration {
    std::string name;  ///< without the service
    std::vector<std::string> params;
    std::string result;
    std::string doc;
    bool idempotent = false;
    bool stream = false;
};

struct ServiceRegistration {
    std::string name;
    std::vector<MethodRegistration> methods;
};

struct Registration {
    std::string name;
    bool batch = false;
    bool heartbeat = false;
    std::uint32_t capacity = 0;
    std::vector<ServiceRegistration> services;
};

inline constexpr std::uint32_t max_capacity = 1'000'000;

/// Reads the parameters of rpc.register. The error says which key is wrong and what was expected: INVALID_ARGUMENT, or
/// FAILED_PRECONDITION for another version of the protocol.
Result<Registration> read_registration(std::string_view params);

/// What a client says in rpc.hello; a missing parameter means all defaults.
struct Hello {
    bool batch = false;
    bool heartbeat = false;
    std::string name;
};
Result<Hello> read_hello(std::string_view params);

/// The capacity that a worker's heartbeat announces, when it does.
Result<std::optional<std::uint32_t>> read_heartbeat(std::string_view params);

}  // namespace rpcbroker::broker
