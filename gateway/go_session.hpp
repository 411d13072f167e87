// Go's net/rpc: what its clients of rpc.DialHTTP and rpc.Dial say.
#pragma once

#include <cstdint>
#include <string>

#include "gateway/gob/decoder.hpp"
#include "gateway/gob/encoder.hpp"
#include "gateway/lane.hpp"
#include "gateway/method_filter.hpp"
#include "gateway/session.hpp"

namespace rpcbroker {

class GoSession final : public Session {
public:
    /// All that is referred to outlives it. The handshake of HTTP, where there is one, is behind it.
    GoSession(Link& link, Calls& calls, Catalog& catalog, const MethodFilter& filter, MessageLimits limits);

    void receive(std::string_view bytes) override;
    [[nodiscard]] bool within_message() const override { return !unread_.empty() || !method_.empty(); }
    [[nodiscard]] std::size_t under_way() const override { return lane_.under_way(); }
    [[nodiscard]] bool may_idle() const override { return true; }

private:
    std::size_t take_messages(std::string_view bytes);
    void take_message(std::string_view message);
    void take_request(std::string_view packed);
    void take_argument(Result<std::optional<std::string>> argument);
    void answer(const std::string& method, std::uint64_t sequence, const MethodInfo& info,
                const Result<RawReply>& reply);
    void fail(const std::string& method, std::uint64_t sequence, const std::string& text, std::string_view types = {});
    void append_response(std::string& out, std::string_view method, std::uint64_t sequence, std::string_view error);
    void give_up();

    Link& link_;
    const MethodFilter& filter_;
    MessageLimits limits_;
    gob::Decoder decoder_;
    gob::Encoder encoder_;
    std::string unread_;
    std::string method_;  ///< of a request whose argument has not come yet
    std::uint64_t sequence_ = 0;
    bool over_ = false;
    Lane lane_;
};

}  // namespace rpcbroker
