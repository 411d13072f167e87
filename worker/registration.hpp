// The call rpc.register: what a worker says of itself, and what the broker answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rpcbroker {

struct WorkerRegistration {
    std::string_view name;
    std::string_view services;  ///< as MessagePack
    std::uint32_t capacity = 0;
};

/// Appends the parameters of rpc.register. Batches and heartbeats are asked for.
void append_registration(std::string& out, const WorkerRegistration& registration);

struct RegistrationAnswer {
    std::string broker;                      ///< the broker's id, as MessagePack: it is only compared
    std::string worker;                      ///< the id that is ours from now on
    std::chrono::milliseconds heartbeat{0};  ///< 0: the broker has none
    std::optional<std::uint64_t> max_message;
};

/// Nothing when it is not such an answer. Unknown keys are passed over.
std::optional<RegistrationAnswer> read_registration_answer(std::string_view result);

}  // namespace rpcbroker
