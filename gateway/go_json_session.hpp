// Go's net/rpc/jsonrpc: {"method": "S.M", "params": [argument], "id": n}, answered by {"id": n, "result": …, "error": …}.
#pragma once

#include <string>

#include "gateway/json_frame.hpp"
#include "gateway/lane.hpp"
#include "gateway/method_filter.hpp"
#include "gateway/session.hpp"

namespace rpcbroker {

class GoJsonSession final : public Session {
public:
    /// All that is referred to outlives it.
    GoJsonSession(Link& link, Calls& calls, Catalog& catalog, const MethodFilter& filter, MessageLimits limits);

    void receive(std::string_view bytes) override;
    [[nodiscard]] bool within_message() const override { return framer_.within(); }
    [[nodiscard]] std::size_t under_way() const override { return lane_.under_way(); }
    [[nodiscard]] bool may_idle() const override { return true; }

private:
    void take_object(std::string_view json);
    void answer(const std::string& id, std::string_view result);
    void fail(const std::string& id, std::string_view text);
    void give_up();

    Link& link_;
    const MethodFilter& filter_;
    MessageLimits limits_;
    JsonFramer framer_;
    std::string unread_;
    bool over_ = false;
    Lane lane_;
};

}  // namespace rpcbroker
