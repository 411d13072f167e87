// Where a socket is bound or connected: "tcp://127.0.0.1:5555", "ipc:///run/rpc.sock", "inproc://name".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <rpcbroker/result.hpp>

namespace rpcbroker {

inline constexpr std::string_view default_frontend = "tcp://127.0.0.1:5555";
inline constexpr std::string_view default_backend = "tcp://127.0.0.1:5556";

/// A checked endpoint. libzmq takes port 99999 and binds another one, so ports are checked before it sees them.
class Endpoint {
public:
    enum class Transport : std::uint8_t { tcp, ipc, inproc };
    enum class Use : std::uint8_t { bind, connect };

    /// Checks `text`. Port 0 or `*`, and host `*`, are for binding only. IPv6 hosts stand in brackets. The error
    /// (INVALID_ARGUMENT) names the text, what is wrong with it and what would be right.
    static Result<Endpoint> parse(std::string_view text, Use use);

    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    [[nodiscard]] Transport transport() const noexcept { return transport_; }
    /// The host of a tcp endpoint without brackets, the path of ipc, the name of inproc.
    [[nodiscard]] const std::string& address() const noexcept { return address_; }
    /// Of tcp only; 0 where any free port is asked for.
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// Reached from this machine only: 127.0.0.0/8, ::1, "localhost", ipc and inproc.
    [[nodiscard]] bool is_local() const noexcept;

private:
    Endpoint() = default;
    std::string text_;
    std::string address_;
    Transport transport_ = Transport::tcp;
    std::uint16_t port_ = 0;
};

}  // namespace rpcbroker
