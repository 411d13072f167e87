#include "gateway/go_json_session.hpp"

#include <memory>

#include <catch2/catch.hpp>

#include "tests/gateway/fakes.hpp"

namespace rpcbroker {
namespace {

struct Talk {
    test::FakeCalls calls;
    test::FakeLink link;
    Catalog catalog{calls};
    MethodFilter filter;
    GoJsonSession session{link, calls, catalog, filter, MessageLimits{.header = 1000, .body = 1000}};
};

constexpr std::string_view request = R"({"method":"S.M","params":["a{\"}"],"id":7})"
                                     "\n";

TEST_CASE("calls of a jsonrpc client are made and answered") {
    Talk talk;
    talk.session.receive(std::string{request} + std::string{request});
    talk.calls.end_with("rpc.describe", R"({"params":["text: str"]})");
    REQUIRE(talk.calls.calls.size() == 2);
    CHECK(talk.calls.calls[0].params == R"(["a{\"}"])");
    talk.calls.end_with("S.M", R"({"a":[1,2.5]})");
    CHECK(talk.link.take() == R"({"id":7,"result":{"a":[1,2.5]},"error":null})"
                              "\n");
    talk.calls.end("S.M", test::error_of(Code::not_found, By::broker));
    CHECK(talk.link.take() == R"({"id":7,"result":null,"error":"rpc: can't find service S.M"})"
                              "\n");
}

TEST_CASE("objects may be cut anywhere") {
    Talk talk;
    for (const char byte : request) talk.session.receive({&byte, 1});
    CHECK_FALSE(talk.session.within_message());
    talk.calls.end("rpc.describe", test::error_of(Code::not_found, By::broker));
    CHECK(talk.calls.calls.size() == 1);
}

TEST_CASE("what is no request ends the session") {
    const auto* const json =
        GENERATE("[]", "{]", "{\"method\":1 2}", "{\"method\":\"S.M\",\"params\":[1,2]}", "x", "\xff");
    Talk talk;
    talk.session.receive(json);
    CHECK(talk.link.finished);
}

TEST_CASE("an object that is too large ends the session") {
    Talk talk;
    talk.session.receive("{\"a\":\"" + std::string(1000, 'x'));
    CHECK(talk.link.finished);
}

}  // namespace
}  // namespace rpcbroker
