// The certificate that the gateway shows, and its key.
#pragma once

#include <memory>
#include <string>

#include <rpcbroker/result.hpp>

#include "gateway/channel.hpp"

struct ssl_ctx_st;

namespace rpcbroker::tls {

struct Files {
    std::string certificate;  ///< PEM: the gateway's own, then those that lead to one that clients know
    std::string key;          ///< PEM, without a passphrase; for its owner alone
};

/// What was read once. Channels go on with what they began with.
class Context {
public:
    /// The error names the file and what is wrong with it.
    static Result<std::shared_ptr<const Context>> read(const Files& files);
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    ~Context();

    /// Of a client that connected: the socket does not block, and is open as long as the channel is used.
    [[nodiscard]] std::unique_ptr<Channel> accept(int socket) const;

private:
    explicit Context(ssl_ctx_st* context) : context_(context) {}

    ssl_ctx_st* context_;
};

}  // namespace rpcbroker::tls
