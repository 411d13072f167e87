// A connection of HTTP whose broker is a fake.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/http/session.hpp"
#include "tests/gateway/fakes.hpp"

namespace rpcbroker::test {

inline std::string body_of(std::string_view response) {
    const auto end = response.find("\r\n\r\n");
    return end == std::string_view::npos ? std::string{} : std::string{response.substr(end + 4)};
}

struct HttpTalk {
    explicit HttpTalk(http::GuardSettings settings = {}) : guard(std::move(settings)) {}

    void post(std::string_view path, std::string_view body, std::string_view fields = "Host: localhost:9999\r\n") {
        session->receive("POST " + std::string{path} + " HTTP/1.1\r\n" + std::string{fields} +
                         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string{body});
    }
    void get(std::string_view path, std::string_view fields = "Host: localhost:9999\r\n") {
        session->receive("GET " + std::string{path} + " HTTP/1.1\r\n" + std::string{fields} + "\r\n");
    }
    /// Ends every call, those that follow from it included.
    void serve(const std::function<Result<RawReply>(const FakeCalls::Call&)>& served) {
        while (!calls.calls.empty()) {
            const auto call = calls.calls.front();
            calls.end(call.method, served(call));
        }
    }
    std::string take() { return link.take(); }

    FakeCalls calls;
    FakeLink link;
    Catalog catalog{calls};
    MethodFilter filter;
    http::Guard guard;
    Figures figures;
    http::RouteSettings routes;
    std::unique_ptr<http::HttpSession> session = std::make_unique<http::HttpSession>(
        link, calls, catalog, filter, guard, routes, figures, MessageLimits{.header = 1000, .body = 10'000});
};

}  // namespace rpcbroker::test
