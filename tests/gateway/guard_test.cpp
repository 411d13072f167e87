#include "gateway/http/guard.hpp"

#include <catch2/catch.hpp>

namespace rpcbroker::http {
namespace {

unsigned status(const Guard& guard, Fields fields, std::string method = "POST", std::string path = "/rpc") {
    const auto refused = guard.check(
        {.method = std::move(method), .path = std::move(path), .query = {}, .fields = std::move(fields), .body = {}});
    return refused ? refused->status : 200;
}

TEST_CASE("a name that is not ours is refused: somebody made it point here") {
    const Guard guard{{.hosts = {"localhost", "127.0.0.1", "[::1]"}}};
    CHECK(status(guard, {{"Host", "localhost:9999"}}) == 200);
    CHECK(status(guard, {{"host", "LOCALHOST"}}) == 200);
    CHECK(status(guard, {{"Host", "[::1]:9999"}}) == 200);
    CHECK(status(guard, {{"Host", "[::1]"}}) == 200);
    CHECK(status(guard, {{"Host", "evil.example:9999"}}) == 403);
    CHECK(status(guard, {{"Host", "localhost.evil.example"}}) == 403);
    CHECK(status(guard, {}) == 403);
}

TEST_CASE("pages of other sites may not ask, but those that are named") {
    const Guard guard{{.hosts = {"localhost"}, .cors = {"https://app.example"}}};
    CHECK(status(guard, {{"Host", "localhost:9999"}, {"Origin", "http://localhost:9999"}}) == 200);
    CHECK(status(guard, {{"Host", "localhost:9999"}, {"Origin", "http://localhost:8000"}}) == 403);
    CHECK(status(guard, {{"Host", "localhost:9999"}, {"Origin", "null"}}) == 403);
    CHECK(status(guard, {{"Host", "localhost:9999"}, {"Origin", "https://app.example"}}) == 200);
    CHECK(status(guard, {{"Host", "localhost:9999"}, {"Origin", "https://app.example"}}, "OPTIONS") == 204);
    Response response;
    guard.add_cors(
        {.method = "POST", .path = "/rpc", .query = {}, .fields = {{"Origin", "https://app.example"}}, .body = {}},
        response);
    CHECK(response.fields == Fields{{"Vary", "Origin"}, {"Access-Control-Allow-Origin", "https://app.example"}});
}

TEST_CASE("without the token nobody may ask") {
    const Guard guard{{.token = "secret-of-sixteen"}};
    CHECK(status(guard, {}) == 401);
    CHECK(status(guard, {{"Authorization", "Bearer secret-of-sixteem"}}) == 401);
    CHECK(status(guard, {{"Authorization", "Bearer secret-of-sixteen-"}}) == 401);
    CHECK(status(guard, {{"Authorization", "Basic secret-of-sixteen"}}) == 401);
    CHECK(status(guard, {{"Authorization", "bearer secret-of-sixteen"}}) == 200);
    CHECK(status(guard, {}, "GET", "/healthz") == 200);
}

}  // namespace
}  // namespace rpcbroker::http
