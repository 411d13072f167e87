// What the peers of zmq_proxy share. Their messages are rpcbroker's: requests and responses of MessagePack-RPC, one or
// several a body.
#pragma once

#include <string>
#include <string_view>

#include <zmq.hpp>

namespace rpcbroker::compare {

/// A body is full at what rpcbroker sends at most: so many messages, or so many bytes.
inline constexpr std::uint32_t batch_messages = 1024;
inline constexpr std::size_t batch_bytes = std::size_t{128} << 10;

inline std::string_view view(const zmq::message_t& message) {
    return {static_cast<const char*>(message.data()), message.size()};
}

/// A frame of these bytes. Large ones are handed over instead of being copied, as the zmq_msg_init_data(3) suggests.
inline zmq::message_t frame(std::string& bytes) {
    constexpr std::size_t large = 8192;
    if (bytes.size() < large) {
        zmq::message_t copy{bytes.data(), bytes.size()};
        bytes.clear();
        return copy;
    }
    auto* kept = new std::string{std::move(bytes)};
    bytes.clear();
    return {kept->data(), kept->size(), [](void*, void* hint) { delete static_cast<std::string*>(hint); }, kept};
}

/// No high-water marks: ROUTER drops at them, and the windows bound what is under way.
inline void set_up(zmq::socket_t& socket) {
    socket.set(zmq::sockopt::sndhwm, 0);
    socket.set(zmq::sockopt::rcvhwm, 0);
    socket.set(zmq::sockopt::linger, 0);
}

}  // namespace rpcbroker::compare
