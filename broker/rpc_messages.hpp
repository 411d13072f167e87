// Small things that the broker's own messages are made of.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <rpcbroker/error.hpp>
#include <rpcbroker/pack.hpp>

#include "broker/call_table.hpp"
#include "broker/directory.hpp"
#include "common/body.hpp"
#include "common/message.hpp"
#include "common/outbox.hpp"
#include "common/peer.hpp"
#include "common/time.hpp"

namespace rpcbroker::broker {

inline constexpr std::string_view no_parameters = "\x90";            ///< []
inline constexpr std::string_view empty_map_parameter = "\x91\x80";  ///< [{}]
inline constexpr std::string_view packed_nil = "\xc0";

/// How rpc.calls and the log name a connection.
inline std::string peer_name(PeerId peer) {
    return "c" + std::to_string(peer.slot) + "." + std::to_string(peer.generation);
}
inline std::string worker_name(const Worker* worker, PeerId peer) { return worker ? worker->id : peer_name(peer); }

/// The full name, as it stands in the request: also of a call that nobody's method was found for yet, but not of one
/// that is abandoned or moved out.
inline std::string_view called_method(const Call& call) noexcept {
    return Unpacker(call.tail()).take_string().value_or(std::string_view());
}

/// Answers what was malformed. An answer without a msgid goes in a body of its own: to a reader of messages it is none, and
/// would hide what stands behind it.
inline void answer_malformed(Outbox& out, PeerId peer, std::string_view envelope, std::optional<std::uint32_t> msgid,
                             const Error& error) {
    if (msgid) return append_error(out.add(peer, envelope), msgid, error);
    std::string alone;
    append_error(alone, msgid, error);
    out.add_large(peer, envelope, Body(std::move(alone)));
}

inline Error invalid_argument(std::string message) {
    return {Code::invalid_argument, std::move(message), By::broker, Ran::no};
}

/// What is wrong with a call of the service rpc that takes no parameters, if anything is.
inline std::optional<Error> expect_nothing(const MessageView& message) {
    const auto count = Unpacker(message.params).take_array().value_or(0);
    if (count == 0) return std::nullopt;
    return invalid_argument(std::string(message.method) + ": expected no parameters, got " + std::to_string(count));
}

inline std::uint64_t microseconds(Duration time) noexcept {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

inline std::int64_t ceil_milliseconds(Duration time) noexcept {
    return std::chrono::ceil<std::chrono::milliseconds>(time).count();
}

inline std::uint32_t to_milliseconds(std::chrono::milliseconds time) noexcept {
    return static_cast<std::uint32_t>(time.count());
}

}  // namespace rpcbroker::broker
