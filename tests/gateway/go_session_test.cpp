#include "gateway/go_session.hpp"

#include <memory>

#include <catch2/catch.hpp>

#include "tests/gateway/fakes.hpp"
#include "tests/gateway/gob_samples.hpp"
#include "tests/support/hex.hpp"

namespace rpcbroker {
namespace {

struct Talk {
    test::FakeCalls calls;
    test::FakeLink link;
    Catalog catalog{calls};
    MethodFilter filter;
    std::unique_ptr<GoSession> session =
        std::make_unique<GoSession>(link, calls, catalog, filter, MessageLimits{.header = 1000, .body = 100'000});
    gob::Decoder client{1 << 20};

    void describe() { calls.end_with("rpc.describe", R"({"params":["text: str"],"result":"int"})"); }
    /// What was sent, as JSON, a line a value.
    std::string answers() {
        std::string text;
        const auto sent = link.take();
        for (std::string_view left{sent}; !left.empty();) {
            const auto frame = gob::first_frame(left, 1 << 20);
            REQUIRE(frame.is == gob::Frame::Is::whole);
            left.remove_prefix(frame.size);
            const auto value = client.message(frame.message);
            REQUIRE(value);
            if (*value) text += msgpack_to_json(**value) + "\n";
        }
        return text;
    }
};

constexpr std::string_view method = "EchoUtil.CountString";

TEST_CASE("calls of a Go client are made and answered, in any order") {
    Talk talk;
    talk.session->receive(test::from_hex(samples::requests));
    CHECK(talk.session->under_way() == 2);
    talk.describe();
    REQUIRE(talk.calls.calls.size() == 2);
    CHECK(talk.calls.calls[0].params == R"(["this is test"])");
    std::swap(talk.calls.calls[0], talk.calls.calls[1]);
    talk.calls.end_with(method, "1");
    CHECK(talk.answers() == R"({"ServiceMethod":"EchoUtil.CountString","Seq":1,"Error":""})"
                            "\n1\n");
    talk.calls.end_with(method, "3");
    CHECK(talk.answers() == R"({"ServiceMethod":"EchoUtil.CountString","Seq":0,"Error":""})"
                            "\n3\n");
    CHECK(talk.session->under_way() == 0);
}

TEST_CASE("bytes may be cut anywhere") {
    Talk talk;
    for (const char byte : test::from_hex(samples::requests)) talk.session->receive({&byte, 1});
    CHECK_FALSE(talk.session->within_message());
    talk.describe();
    CHECK(talk.calls.calls.size() == 2);
}

TEST_CASE("what the broker knows of a method is asked for once") {
    Talk talk;
    talk.session->receive(test::from_hex(samples::requests));
    CHECK(talk.calls.calls.size() == 1);
    talk.describe();
    CHECK(talk.calls.calls.size() == 2);
}

TEST_CASE("errors are texts") {
    const auto [error, text] = GENERATE(table<Error, std::string>({
        {test::error_of(Code::not_found, By::broker), "rpc: can't find service EchoUtil.CountString"},
        {test::error_of(Code::unimplemented, By::broker), "rpc: can't find method EchoUtil.CountString"},
        {test::error_of(Code::not_found, By::handler, "no such city"), "no such city"},
        {test::error_of(Code::aborted, By::handler, ""), "ABORTED"},
        {test::error_of(Code::unavailable, By::broker, "gone"), "UNAVAILABLE: gone"},
    }));
    Talk talk;
    talk.session->receive(test::from_hex(samples::requests));
    talk.describe();
    talk.calls.end(method, error);
    CHECK(talk.answers() == R"({"ServiceMethod":"EchoUtil.CountString","Seq":0,"Error":")" + text + "\"}\n{}\n");
}

TEST_CASE("a result that does not fit its declared type is an error of that call") {
    Talk talk;
    talk.session->receive(test::from_hex(samples::requests));
    talk.describe();
    talk.calls.end_with(method, R"("three")");
    CHECK(talk.answers().find("INTERNAL: the result has str where its type is int") != std::string::npos);
    talk.calls.end_with(method, "3");
    CHECK(talk.answers().ends_with("\n3\n"));
}

TEST_CASE("a method that nobody describes is called all the same") {
    Talk talk;
    talk.session->receive(test::from_hex(samples::requests));
    talk.calls.end("rpc.describe", test::error_of(Code::not_found, By::broker));
    CHECK(talk.calls.calls.size() == 2);
    talk.calls.end_with(method, R"(["a"])");
    CHECK(talk.answers().ends_with("\n[\"a\"]\n"));
}

TEST_CASE("the end of a session cancels its calls") {
    Talk talk;
    talk.session->receive(test::from_hex(samples::requests));
    talk.describe();
    talk.session.reset();
    CHECK(talk.calls.cancelled.size() == 2);
}

TEST_CASE("a session that ends before its method was described calls nothing") {
    Talk talk;
    talk.session->receive(test::from_hex(samples::requests));
    talk.session.reset();
    talk.describe();
    CHECK(talk.calls.calls.empty());
}

TEST_CASE("nonsense ends the session") {
    const auto* const hex = GENERATE("00", "f0", "fdffffff", "01 00", "03 040002", "04 0c00 0161");
    Talk talk;
    talk.session->receive(test::from_hex(hex));
    CHECK(talk.link.finished);
    CHECK(talk.calls.calls.empty());
    talk.session->receive(test::from_hex(samples::requests));
    CHECK(talk.calls.calls.empty());
}

}  // namespace
}  // namespace rpcbroker
