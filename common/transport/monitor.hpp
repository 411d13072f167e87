// Private to transport/: what libzmq says of a socket's connections.
#pragma once

#include <cstdint>

#include "common/transport/socket.hpp"

namespace rpcbroker::transport {

/// Read by the thread that owns the socket, not by one of its own, for the order's sake: libzmq says "accepted" before
/// the first message of a connection can be read, and "disconnected" before the descriptor can be used again. So who reads
/// all events after a message knows which connection the message's descriptor was.
///
/// Nobody needs to read: libzmq's I/O thread would wait for room, but there always is (no high-water mark).
class Monitor {
public:
    struct Event {
        std::uint16_t what;   ///< ZMQ_EVENT_…
        std::uint32_t value;  ///< a descriptor, or an error
    };

    /// Made before `watched` is bound or connected, ended before it is closed. `events`: ZMQ_EVENT_… that are wanted.
    Monitor(Socket& watched, int events);
    ~Monitor();
    Monitor(const Monitor&) = delete;
    Monitor& operator=(const Monitor&) = delete;

    bool next(Event& event);
    [[nodiscard]] Socket& socket() noexcept { return events_; }

private:
    Socket& watched_;
    Socket events_;
    Frame frame_;
};

}  // namespace rpcbroker::transport
