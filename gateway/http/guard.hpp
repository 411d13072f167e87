// Who may ask over HTTP: against strangers, against other sites' pages in a user's browser, against DNS rebinding.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/http/message.hpp"

namespace rpcbroker::http {

struct GuardSettings {
    std::string token{};               ///< every request must have it; empty: none needs one
    std::vector<std::string> hosts{};  ///< names that it is reached by, without port; empty: any
    std::vector<std::string> cors{};   ///< origins of other sites that may ask; "*": any
};

class Guard {
public:
    explicit Guard(GuardSettings settings) : settings_(std::move(settings)) {}

    /// What to answer instead of what was asked for, if that may not be. Also answers what browsers ask before.
    [[nodiscard]] std::optional<Response> check(const Request& request) const;
    /// Adds what the browser wants to see before it shows the response to another site's page.
    void add_cors(const Request& request, Response& response) const;
    /// Whether `field`, an Authorization, has the token, or none is needed. Takes the same time whatever it is.
    [[nodiscard]] bool has_token(std::string_view field) const noexcept;

private:
    [[nodiscard]] bool is_host(std::string_view host) const;
    [[nodiscard]] bool is_cors(std::string_view origin) const;

    GuardSettings settings_;
};

}  // namespace rpcbroker::http
