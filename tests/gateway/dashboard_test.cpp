// The page's files, and what they ask for.
#include "gateway/dashboard/dashboard.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/gateway/http_talk.hpp"

namespace rpcbroker::test {
namespace {

using nlohmann::json;

void answer_all(HttpTalk& talk) {
    talk.calls.end_with("rpc.services", R"([{"name": "S"}])");
    talk.calls.end_with("rpc.stats", R"({"broker": "b"})");
    talk.calls.end_with("rpc.workers", "[]");
    talk.calls.end_with("rpc.calls", "[1]");
}

TEST_CASE("dashboard: the page is where people look, with all its files, and nothing from elsewhere") {
    for (const auto* path : {"/", "/debug/rpc", "/dashboard/main.js", "/dashboard/dashboard.css"}) {
        CAPTURE(path);
        HttpTalk talk;
        talk.get(path);
        const auto response = talk.take();
        CHECK(response.starts_with("HTTP/1.1 200 "));
        CHECK(response.find("Content-Security-Policy: default-src 'none'; script-src 'self'") != std::string::npos);
        CHECK_FALSE(body_of(response).empty());
    }
    CHECK(dashboard::file("/")->body.find("/dashboard/main.js") != std::string::npos);
    CHECK(dashboard::file("/dashboard/main.js")->type.starts_with("text/javascript"));
}

TEST_CASE("dashboard: what is none of its files is not there") {
    for (const auto* path :
         {"/dashboard/", "/dashboard/other.js", "/dashboard/../main.js", "/index.html", "/debug/rpc/", ""}) {
        CAPTURE(path);
        CHECK_FALSE(dashboard::is_file(path));
        CHECK_FALSE(dashboard::file(path));
    }
}

TEST_CASE("dashboard: its state is what the broker tells, in one answer") {
    HttpTalk talk;
    talk.get("/dashboard/state");
    CHECK(talk.take().empty());
    answer_all(talk);
    const auto state = json::parse(body_of(talk.take()));
    CHECK(state == json::parse(R"({"brokers": [{"broker": "tcp://127.0.0.1:5555", "services": [{"name": "S"}],
                                               "stats": {"broker": "b"}, "workers": [], "calls": [1]}],
                                  "may_drain": false})"));
}

TEST_CASE("dashboard: of several brokers each tells its own") {
    HttpTalk talk;
    talk.calls.endpoints = {"tcp://a:1", "tcp://\"b\":1"};
    talk.get("/dashboard/state");
    REQUIRE(talk.calls.calls.size() == 8);
    CHECK(talk.calls.calls[4].broker == 1);
    answer_all(talk);
    CHECK(talk.take().empty());
    for (const auto* method : {"rpc.services", "rpc.stats", "rpc.workers", "rpc.calls"})
        talk.calls.end(method, error_of(Code::deadline_exceeded, By::client));
    const auto brokers = json::parse(body_of(talk.take()))["brokers"];
    CHECK(brokers[0]["stats"]["broker"] == "b");
    CHECK(brokers[1]["broker"] == "tcp://\"b\":1");
    CHECK(brokers[1]["stats"]["error"]["code"] == "DEADLINE_EXCEEDED");
}

TEST_CASE("dashboard: what the broker does not tell is an error in its place") {
    HttpTalk talk;
    talk.get("/dashboard/state");
    talk.calls.end_with("rpc.services", "[]");
    talk.calls.end_with("rpc.stats", "{}");
    talk.calls.end_with("rpc.workers", "[]");
    talk.calls.end("rpc.calls", Error{Code::permission_denied, "not for you", By::broker, Ran::no});
    const auto state = json::parse(body_of(talk.take()));
    CHECK(state["brokers"][0]["calls"]["error"]["code"] == "PERMISSION_DENIED");
    CHECK(state["brokers"][0]["workers"] == json::array());
}

TEST_CASE("dashboard: who may drain is told so") {
    HttpTalk talk;
    talk.filter = MethodFilter{{"rpc.drain"}};
    talk.get("/dashboard/state");
    answer_all(talk);
    CHECK(json::parse(body_of(talk.take()))["may_drain"] == true);
}

TEST_CASE("dashboard: its files need no token, what they show does") {
    HttpTalk talk{{.token = "0123456789abcdef"}};
    talk.get("/");
    CHECK(talk.take().starts_with("HTTP/1.1 200 "));
    talk.get("/dashboard/state");
    CHECK(talk.take().starts_with("HTTP/1.1 401 "));
    talk.get("/dashboard/state", "Host: localhost:9999\r\nAuthorization: Bearer 0123456789abcdef\r\n");
    answer_all(talk);
    CHECK(talk.take().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("dashboard: it is read only, and can be switched off") {
    HttpTalk talk;
    talk.post("/", "");
    CHECK(talk.take().starts_with("HTTP/1.1 405 "));
    talk.routes.dashboard = false;
    talk.get("/");
    CHECK(talk.take().starts_with("HTTP/1.1 404 "));
    talk.get("/dashboard/state");
    CHECK(talk.take().starts_with("HTTP/1.1 404 "));
}

}  // namespace
}  // namespace rpcbroker::test
