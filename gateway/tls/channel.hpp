// TLS on a connection, by OpenSSL. It is handed what came and hands out what is to go, so that a turn of the loop takes one
// read and, for what is sent together, one write, as without TLS; and a client that makes it work does so within one read.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/channel.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace rpcbroker::tls {

/// What OpenSSL reads and writes.
struct Wire {
    std::string_view in;
    std::string out;
};

/// The gateway's side. The handshake is a part of reading.
class TlsChannel final : public Channel {
public:
    /// Keeps what it needs of `context`.
    TlsChannel(ssl_ctx_st* context, int socket);

    Moved read(std::span<char> into) override;
    Moved write(std::string_view bytes) override;
    void end() override;
    [[nodiscard]] bool is_open() const override;
    [[nodiscard]] bool reads_once_writable() const override;

private:
    struct Free {
        void operator()(ssl_st* ssl) const noexcept;
    };
    Moved unseal(std::span<char> into);
    bool seal(std::string_view bytes);
    Is send_out();

    PlainChannel socket_;
    Wire wire_;
    std::unique_ptr<ssl_st, Free> ssl_;
    std::size_t sent_ = 0;    ///< of wire_.out
    std::size_t sealed_ = 0;  ///< bytes that are in wire_.out, and not reported as written yet
    bool begun_ = false;
    bool over_ = false;
};

}  // namespace rpcbroker::tls
