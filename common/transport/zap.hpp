// Private to transport/: libzmq asks here who may come in (ZAP, ZeroMQ RFC 27).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/transport/poller.hpp"  // Wakeup
#include "common/transport/router.hpp"
#include "common/transport/socket.hpp"

namespace rpcbroker::transport {

/// Answers on a thread of its own, so that a broker that is busy keeps nobody waiting who connects, and strangers who connect
/// cost the broker's thread nothing. One a context, as libzmq has it, so routers tell it apart by their domains.
class Zap {
public:
    /// The one of the context, made if there is none. To be had before a socket with keys is bound, and for as long as it lives.
    static std::shared_ptr<Zap> of(const Context& context);

    explicit Zap(const Context& context);
    ~Zap();
    Zap(const Zap&) = delete;
    Zap& operator=(const Zap&) = delete;

    /// From now on `admit` is asked about those who come to sockets of the domain that this returns. From the thread of this.
    std::string open(RouterKeys::Admit admit);
    /// `admit` is not called any more when this returns. Whoever asks for that domain is refused.
    void close(const std::string& domain);

private:
    void run();
    void answer(Frame& frame);
    [[nodiscard]] std::uint64_t ask(const std::vector<std::string>& request) noexcept;

    Socket socket_;
    Wakeup quit_;
    std::mutex mutex_;  ///< of what follows
    std::map<std::string, RouterKeys::Admit, std::less<>> domains_;
    std::uint64_t opened_ = 0;
    bool quitting_ = false;
    std::thread thread_;
};

/// One domain, for as long as this lives.
class ZapDomain {
public:
    ZapDomain(const Context& context, RouterKeys::Admit admit)
        : zap_(Zap::of(context)), name_(zap_->open(std::move(admit))) {}
    ~ZapDomain() { zap_->close(name_); }
    ZapDomain(const ZapDomain&) = delete;
    ZapDomain& operator=(const ZapDomain&) = delete;
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

private:
    std::shared_ptr<Zap> zap_;
    std::string name_;
};

}  // namespace rpcbroker::transport
