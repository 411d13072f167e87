// What a client says on a connection, and what it is answered, without the connection: the protocols of the gateway.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rpcbroker {

/// A session's way out. What is sent travels once the turn of the loop ends, all of it together.
class Link {
public:
    virtual ~Link() = default;
    virtual void send(std::string_view bytes) = 0;
    /// Whether the client takes what is sent too slowly to be sent more.
    [[nodiscard]] virtual bool is_full() const = 0;
    /// Nothing more is received; the connection closes when all is sent.
    virtual void finish() = 0;
};

/// Told of all bytes in the order of their coming, cut anywhere. Any bytes are data.
class Session {
public:
    virtual ~Session() = default;
    virtual void receive(std::string_view bytes) = 0;
    /// Whether the client has begun to say something and not finished it.
    [[nodiscard]] virtual bool within_message() const = 0;
    /// Calls that are not answered yet.
    [[nodiscard]] virtual std::size_t under_way() const = 0;
    /// Bytes of answers that cannot be sent yet, as others have to come before them.
    [[nodiscard]] virtual std::size_t held() const { return 0; }
    /// What the client is about to say cannot be taken. True: it is told so, and nothing more is received. False: there is
    /// no way to tell it.
    virtual bool refuse_message() { return false; }
    /// Whether a client that is silent between calls may stay.
    [[nodiscard]] virtual bool may_idle() const = 0;
};

/// What a client may send, in bytes.
struct MessageLimits {
    std::uint64_t header = 16 * 1024;
    std::uint64_t body = 16 * 1024 * 1024;
};

}  // namespace rpcbroker
