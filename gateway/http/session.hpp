// HTTP/1.1: requests may follow each other without waiting; their responses come in the same order.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "gateway/http/guard.hpp"
#include "gateway/http/parser.hpp"
#include "gateway/http/routes.hpp"
#include "gateway/session.hpp"

namespace rpcbroker::http {

class HttpSession final : public Session {
public:
    /// All that is referred to outlives it.
    HttpSession(Link& link, Calls& calls, Catalog& catalog, const MethodFilter& filter, const Guard& guard,
                const RouteSettings& routes, const Figures& figures, MessageLimits limits);

    void receive(std::string_view bytes) override;
    [[nodiscard]] bool within_message() const override { return parser_.within(); }
    [[nodiscard]] std::size_t under_way() const override { return waiting_.size(); }
    [[nodiscard]] std::size_t held() const override { return held_ + routes_.held(); }
    bool refuse_message() override;
    [[nodiscard]] bool may_idle() const override { return false; }

private:
    class Stream;
    struct Exchange {
        std::uint64_t number = 0;
        bool keep_alive = true;
        std::optional<std::string> response{};  ///< once it is known
    };
    std::size_t take_requests(std::string_view bytes);
    void take_head();
    void take(Request request);
    void refuse(const Response& response);
    void answer(std::uint64_t number, std::string response);
    void send_ready();

    Link& link_;
    const Guard& guard_;
    Parser parser_;
    std::string unread_;
    std::deque<Exchange> waiting_;
    std::size_t held_ = 0;  ///< bytes of `waiting_`
    std::uint64_t next_number_ = 0;
    bool over_ = false;  ///< nothing more is read
    Routes routes_;
};

}  // namespace rpcbroker::http
