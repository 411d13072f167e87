#include "gateway/http/guard.hpp"

#include <algorithm>

#include "gateway/dashboard/dashboard.hpp"
#include "gateway/http/reply.hpp"

namespace rpcbroker::http {

namespace {

/// "localhost:9999" is "localhost", "[::1]:9999" is "[::1]".
std::string_view without_port(std::string_view host) {
    const auto colon = host.rfind(':');
    const auto bracket = host.rfind(']');
    const bool is_port = colon != std::string_view::npos && (bracket == std::string_view::npos || bracket < colon);
    return is_port ? host.substr(0, colon) : host;
}

/// The page came from here: "http://localhost:9999" where Host is "localhost:9999".
bool is_same_site(std::string_view origin, std::string_view host) {
    for (const std::string_view scheme : {"http://", "https://"})
        if (origin.starts_with(scheme)) return same_name(origin.substr(scheme.size()), host);
    return false;
}

/// The page's files say nothing of the broker: a browser has to have them to ask for the token.
bool is_public(const Request& request) {
    return request.path == "/healthz" || request.path == "/readyz" || dashboard::is_file(request.path);
}

}  // namespace

std::optional<Response> Guard::check(const Request& request) const {
    const auto host = request.field("host");
    const auto origin = request.field("origin");
    if (!is_host(host))
        return failure(403, Code::permission_denied, "the Host of this request is not this gateway: --host adds names");
    const bool is_stranger = !origin.empty() && !is_same_site(origin, host);
    if (is_stranger && !is_cors(origin))
        return failure(403, Code::permission_denied,
                       "pages of other sites may not ask this gateway: --cors adds origins");
    if (request.method == "OPTIONS") {
        Response response{.status = 204, .type = {}};
        response.fields = {
            {"Allow", "GET, HEAD, POST, OPTIONS"},
            {"Access-Control-Allow-Methods", "GET, POST"},
            {"Access-Control-Allow-Headers", "Authorization, Content-Type, Rpc-Timeout, Rpc-Idempotent, traceparent"},
            {"Access-Control-Max-Age", "600"}};
        return response;
    }
    if (is_public(request) || has_token(request.field("authorization"))) return std::nullopt;
    auto response = failure(401, Code::unauthenticated, "Authorization: Bearer TOKEN is wanted");
    response.fields.emplace_back("WWW-Authenticate", "Bearer");
    return response;
}

void Guard::add_cors(const Request& request, Response& response) const {
    const auto origin = request.field("origin");
    if (settings_.cors.empty() || origin.empty()) return;
    response.fields.emplace_back("Vary", "Origin");
    if (is_cors(origin)) response.fields.emplace_back("Access-Control-Allow-Origin", origin);
}

bool Guard::has_token(std::string_view field) const noexcept {
    if (settings_.token.empty()) return true;
    constexpr std::string_view scheme = "Bearer ";
    if (field.size() < scheme.size() || !same_name(field.substr(0, scheme.size()), scheme)) return false;
    const auto given = field.substr(scheme.size());
    auto differs = static_cast<unsigned>(given.size() != settings_.token.size());
    for (std::size_t i = 0; i < given.size(); ++i)
        differs |= static_cast<unsigned>(given[i] != settings_.token[i % settings_.token.size()]);
    return differs == 0;
}

bool Guard::is_host(std::string_view host) const {
    const auto name = without_port(host);
    return settings_.hosts.empty() ||
           std::ranges::any_of(settings_.hosts, [&](const auto& each) { return same_name(each, name); });
}

bool Guard::is_cors(std::string_view origin) const {
    return std::ranges::any_of(settings_.cors,
                               [&](const auto& each) { return each == "*" || same_name(each, origin); });
}

}  // namespace rpcbroker::http
