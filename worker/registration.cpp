#include "worker/registration.hpp"

#include <algorithm>

#include <rpcbroker/pack.hpp>

namespace rpcbroker {
namespace {

constexpr std::uint64_t protocol_version = 1;
constexpr std::uint64_t longest_heartbeat_ms = 1000ULL * 60 * 60 * 24;

bool take_field(Unpacker& unpacker, RegistrationAnswer& answer) {
    const auto key = unpacker.take_string();
    if (!key) return false;
    Unpacker value{unpacker.rest()};
    const auto whole = unpacker.take_value();
    if (!whole) return false;
    if (*key == "broker") {
        answer.broker = *whole;
    } else if (*key == "worker") {
        answer.worker = value.take_string().value_or(std::string_view{});
    } else if (*key == "heartbeat") {
        const auto ms = std::min(value.take_unsigned().value_or(0), longest_heartbeat_ms);
        answer.heartbeat = std::chrono::milliseconds{static_cast<std::int64_t>(ms)};
    } else if (*key == "max_message") {
        answer.max_message = value.take_unsigned();
    }
    return true;
}

}  // namespace

void append_registration(std::string& out, const WorkerRegistration& registration) {
    Packer packer{out};
    packer.array(1).map(6);
    packer.string("protocol").unsigned_integer(protocol_version);
    packer.string("name").string(registration.name);
    packer.string("batch").boolean(true);
    packer.string("heartbeat").boolean(true);
    packer.string("capacity").unsigned_integer(registration.capacity);
    packer.string("services").raw(registration.services);
}

std::optional<RegistrationAnswer> read_registration_answer(std::string_view result) {
    Unpacker unpacker{result};
    const auto size = unpacker.take_map();
    if (!size) return std::nullopt;
    RegistrationAnswer answer;
    for (std::uint32_t i = 0; i < *size; ++i) {
        if (!take_field(unpacker, answer)) return std::nullopt;
    }
    if (answer.worker.empty()) return std::nullopt;
    return answer;
}

}  // namespace rpcbroker
