#include "gateway/http/session.hpp"

#include <catch2/catch.hpp>

#include "gateway/error_table.hpp"
#include "tests/gateway/http_talk.hpp"

namespace rpcbroker {
namespace {

using test::HttpTalk;
using namespace std::string_literals;
using namespace std::chrono_literals;

unsigned status_of(std::string_view response) {
    return response.starts_with("HTTP/1.1 ") ? static_cast<unsigned>(std::stoul(std::string{response.substr(9, 3)}))
                                             : 0;
}

void describe(HttpTalk& talk) { talk.calls.end_with("rpc.describe", test::described_count); }

TEST_CASE("a call by its path") {
    HttpTalk talk;
    talk.post("/call/S.Count?timeout=250ms&idempotent=true", R"(["banana", "an"])",
              "Host: a\r\ntraceparent: 00-1-2-01\r\n");
    describe(talk);
    REQUIRE(talk.calls.calls.size() == 1);
    const auto& call = talk.calls.calls[0];
    CHECK(call.method == "S.Count");
    CHECK(call.params == R"(["banana","an"])");
    CHECK(call.options.timeout == std::chrono::milliseconds{250});
    CHECK(call.options.idempotent == true);
    CHECK(call.options.trace == "00-1-2-01");
    talk.calls.end_with("S.Count", "2");
    const auto response = talk.take();
    CHECK(status_of(response) == 200);
    CHECK(response.find("Content-Type: application/json\r\n") != std::string::npos);
    CHECK(test::body_of(response) == "2\n");
}

TEST_CASE("named parameters, and none") {
    HttpTalk talk;
    talk.post("/call/S.Count", R"({"part": "an", "text": "banana"})");
    describe(talk);
    CHECK(talk.calls.calls[0].params == R"(["banana","an"])");
    talk.post("/call/S.Count", "");
    CHECK(talk.calls.calls[1].params == "[]");
    talk.post("/call/S.Count", R"({"part": "an"})");
    talk.calls.end_with("S.Count", "2");
    talk.calls.end_with("S.Count", "2");
    CHECK(talk.take().find("parameter text is missing") != std::string::npos);
}

TEST_CASE("requests may follow each other without waiting; responses come in their order") {
    HttpTalk talk;
    talk.post("/call/S.Count", R"(["first"])");
    describe(talk);
    talk.post("/call/S.Count", R"(["second"])");
    talk.get("/healthz");
    CHECK(talk.session->under_way() == 3);
    std::swap(talk.calls.calls[0], talk.calls.calls[1]);
    talk.calls.end_with("S.Count", "2");
    CHECK(talk.take().empty());
    talk.calls.end_with("S.Count", "1");
    const auto sent = talk.take();
    CHECK(sent.find("\r\n\r\n1\n") < sent.find("\r\n\r\n2\n"));
    CHECK(sent.find("\r\n\r\n2\n") < sent.find("\r\n\r\nok\n"));
    CHECK(talk.session->under_way() == 0);
}

TEST_CASE("requests of HTTP may be cut anywhere") {
    HttpTalk talk;
    const std::string request =
        "POST /call/S.Count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n3\r\n 2]\r\n0\r\n\r\n";
    for (const char byte : request) talk.session->receive({&byte, 1});
    CHECK_FALSE(talk.session->within_message());
    describe(talk);
    REQUIRE(talk.calls.calls.size() == 1);
    CHECK(talk.calls.calls[0].params == "[1,2]");
}

TEST_CASE("errors have the status of their code, and say all that is known") {
    for (const auto& row : error_table) {
        HttpTalk talk;
        talk.post("/call/S.Count", "[]");
        describe(talk);
        talk.calls.end("S.Count", Error{row.code, "why \"so\"", By::broker, Ran::no}.set_retry_after(
                                      std::chrono::milliseconds{1500}));
        if (row.code == Code::invalid_argument) describe(talk);  // it might have lacked a stream
        const auto response = talk.take();
        CHECK(status_of(response) == row.http_status);
        CHECK(response.find("Retry-After: 2\r\n") != std::string::npos);
        CHECK(test::body_of(response) ==
              R"({"error":{"code":")" + std::string{name_of(row.code)} +
                  R"(","message":"why \"so\"","by":"broker","ran":"no","retry_after":1500}})" + "\n");
    }
}

TEST_CASE("what cannot be asked for") {
    const auto status = [](const std::string& request) {
        HttpTalk talk;
        talk.session->receive(request);
        return status_of(talk.take());
    };
    CHECK(status("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n") == 404);
    CHECK(status("GET /rpc HTTP/1.1\r\nHost: a\r\n\r\n") == 405);
    CHECK(status("POST /services HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n") == 405);
    CHECK(status("POST /call/none HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n") == 400);
    CHECK(status("POST /call/rpc.drain HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n") == 403);
    CHECK(status("POST /call/S.M HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n7") == 400);
    CHECK(status("POST /call/S.M?timeout=soon HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n") == 400);
    CHECK(status("POST /call/S.M HTTP/1.1\r\nHost: a\r\nContent-Length: 10001\r\n\r\n") == 413);
    CHECK(status("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(1000, 'x')) == 431);
    CHECK(status("GET nonsense\r\n\r\n") == 400);
}

TEST_CASE("who may not ask is told so before its body comes, and it is not kept") {
    HttpTalk talk{{.token = "0123456789abcdef", .hosts = {"localhost"}}};
    talk.session->receive(
        "POST /call/S.M HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n");
    const auto response = talk.take();
    CHECK(response.starts_with("HTTP/1.1 401 "));
    CHECK(response.find("Connection: close\r\n") != std::string::npos);
    CHECK(talk.link.finished);
    talk.session->receive("[\"text\"]\n");
    CHECK(talk.take().empty());
    CHECK(talk.calls.calls.empty());
}

TEST_CASE("who may ask is not asked again when the body comes") {
    HttpTalk talk{{.token = "0123456789abcdef"}};
    talk.session->receive(
        "POST /call/S.M HTTP/1.1\r\nAuthorization: Bearer 0123456789abcdef\r\nContent-Length: 2\r\n\r\n");
    CHECK(talk.take().empty());
    talk.session->receive("[]");
    CHECK(talk.calls.calls.size() == 1);
}

TEST_CASE("a client that wants to go on before it sends its body is told so") {
    HttpTalk talk;
    talk.session->receive("POST /call/S.M HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    CHECK(talk.take() == "HTTP/1.1 100 Continue\r\n\r\n");
    talk.session->receive("[]");
    CHECK(talk.calls.calls.size() == 1);
}

TEST_CASE("a connection ends after the response where its client wants that") {
    HttpTalk talk;
    talk.get("/healthz", "Host: a\r\nConnection: close\r\n");
    CHECK(status_of(talk.take()) == 200);
    CHECK(talk.link.finished);
}

TEST_CASE("the end of an HTTP session cancels its calls") {
    HttpTalk talk;
    talk.post("/call/S.Count", "[]");
    describe(talk);
    talk.session.reset();
    CHECK(talk.calls.cancelled.size() == 1);
}

TEST_CASE("a stream is sent in lines, or as events") {
    HttpTalk talk;
    talk.post("/call/S.Range", "[2]");
    talk.calls.end_with("rpc.describe", R"({"params":["n: int"],"result":"int","stream":true})");
    CHECK(talk.calls.calls[0].item("\x00"s));
    CHECK(talk.calls.calls[0].item("\x01"));
    talk.calls.end_with("S.Range", "2");
    const auto lines = talk.take();
    CHECK(lines.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
    CHECK(test::body_of(lines) == "b\r\n{\"item\":0}\n\r\nb\r\n{\"item\":1}\n\r\nd\r\n{\"result\":2}\n\r\n0\r\n\r\n");
    talk.post("/call/S.Range", "[2]", "Host: a\r\nAccept: text/event-stream\r\n");
    CHECK(talk.calls.calls[0].item("\x01"));
    talk.calls.end("S.Range", test::error_of(Code::aborted, By::handler));
    CHECK(test::body_of(talk.take()) ==
          "9\r\ndata: 1\n\n\r\n42\r\nevent: error\ndata: "
          "{\"code\":\"ABORTED\",\"message\":\"why\",\"ran\":\"no\"}\n\n\r\n0\r\n\r\n");
    CHECK(talk.session->under_way() == 0);
}

TEST_CASE("items are not taken before their response's turn, nor by a client that is too slow") {
    HttpTalk talk;
    talk.post("/call/S.Count", "[]");
    describe(talk);
    talk.post("/call/S.Range?stream=lines", "[2]");
    talk.calls.end_with("rpc.describe", R"({"params":["n: int"],"stream":true})");
    auto& range = talk.calls.calls[1];
    CHECK_FALSE(range.item("\x01"));
    talk.calls.end_with("S.Count", "1");
    talk.link.full = true;
    CHECK_FALSE(talk.calls.calls[0].item("\x01"));
    talk.link.full = false;
    CHECK(talk.calls.calls[0].item("\x01"));
}

TEST_CASE("a stream that fails before its first item has the status of its error") {
    HttpTalk talk;
    talk.post("/call/S.Range?stream=events", "[2]");
    describe(talk);
    talk.calls.end("S.Range", test::error_of(Code::unavailable, By::broker));
    CHECK(status_of(talk.take()) == 503);
}

TEST_CASE("a stream that is asked for before its method is registered is read when it is") {
    HttpTalk talk;
    const auto ask_too_soon = [&] {
        talk.post("/call/S.Range?timeout=5s", "[1]");
        talk.calls.end("rpc.describe", test::error_of(Code::not_found, By::broker));
        CHECK_FALSE(talk.calls.calls[0].item);
        talk.calls.end("S.Range", test::error_of(Code::invalid_argument, By::broker, "streams its results"));
        CHECK(talk.session->under_way() == 1);
    };
    ask_too_soon();
    talk.calls.end_with("rpc.describe", R"({"params":["n: int"],"result":"int","stream":true})");
    REQUIRE(talk.calls.calls.size() == 1);
    CHECK(talk.calls.calls[0].options.timeout > 0ms);
    CHECK(talk.calls.calls[0].options.timeout <= 5s);
    CHECK(talk.calls.calls[0].item("\x01"));
    talk.calls.end_with("S.Range", "1");
    CHECK(test::body_of(talk.take()) == "b\r\n{\"item\":1}\n\r\nd\r\n{\"result\":1}\n\r\n0\r\n\r\n");

    // Known as one that streams by now; refused as a stream it is not tried again.
    talk.post("/call/S.Range", "[1]");
    talk.calls.end("S.Range", test::error_of(Code::invalid_argument, By::broker));
    CHECK(status_of(talk.take()) == 400);
    CHECK(talk.session->under_way() == 0);
}

TEST_CASE("a call that is refused for another reason than its stream stays refused") {
    HttpTalk talk;
    talk.post("/call/S.Count", "[1]");
    describe(talk);
    talk.calls.end("S.Count", test::error_of(Code::invalid_argument, By::broker, "why not"));
    describe(talk);
    CHECK(talk.calls.calls.empty());
    const auto refused = talk.take();
    CHECK(status_of(refused) == 400);
    CHECK(refused.find("why not") != std::string::npos);
    talk.post("/call/S.Count", "[1]");
    talk.calls.end("S.Count", test::error_of(Code::invalid_argument, By::handler));
    CHECK(status_of(talk.take()) == 400);
    talk.post("/call/S.Count", "[1]");
    talk.calls.end("S.Count", test::error_of(Code::invalid_argument, By::broker));
    talk.session.reset();
    talk.calls.end("rpc.describe", test::error_of(Code::not_found, By::broker));
}

TEST_CASE("a stream to a client of HTTP/1.0 ends with its connection") {
    HttpTalk talk;
    talk.session->receive("POST /call/S.Range?stream=lines HTTP/1.0\r\nHost: a\r\nContent-Length: 3\r\n\r\n[1]");
    describe(talk);
    CHECK(talk.calls.calls[0].item("\x01"));
    talk.calls.end_with("S.Range", "1");
    CHECK(test::body_of(talk.take()) == "{\"item\":1}\n{\"result\":1}\n");
    CHECK(talk.link.finished);
}

TEST_CASE("the broker's own methods can be called at one of several") {
    HttpTalk talk;
    talk.calls.endpoints = {"tcp://a:1", "tcp://b:1"};
    talk.filter = MethodFilter{{"rpc.drain", "S.*"}};
    talk.post("/call/rpc.drain?broker=tcp%3A%2F%2Fb%3A1", R"(["w1"])");
    REQUIRE(talk.calls.calls.size() == 1);
    CHECK(talk.calls.calls[0].broker == 1);
    CHECK(talk.calls.calls[0].params == R"(["w1"])");
    talk.calls.end_with("rpc.drain", "null");
    CHECK(status_of(talk.take()) == 200);
    for (const auto* path : {"/call/rpc.drain?broker=tcp://c:1", "/call/S.M?broker=tcp://a:1"}) {
        talk.post(path, "[]");
        CHECK(status_of(talk.take()) == 400);
    }
    talk.post("/call/rpc.drain?broker=tcp://a:1", "{}");
    CHECK(status_of(talk.take()) == 400);
    talk.post("/call/rpc.stats?broker=tcp://a:1", "[]");
    CHECK(status_of(talk.take()) == 403);
    CHECK(talk.calls.calls.empty());
}

TEST_CASE("whether a broker answers") {
    HttpTalk talk;
    talk.get("/readyz");
    talk.calls.end_with("rpc.ping", R"("pong")");
    CHECK(status_of(talk.take()) == 200);
    talk.get("/readyz");
    talk.calls.end("rpc.ping", test::error_of(Code::deadline_exceeded, By::client));
    CHECK(status_of(talk.take()) == 503);
}

}  // namespace
}  // namespace rpcbroker
