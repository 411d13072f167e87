// The bytes in hexadecimal were written by another implementation, Python's msgpack, with msgids over 65535, for which
// it takes the five-byte form too.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <catch2/catch.hpp>
#include <rpcbroker/error.hpp>
#include <rpcbroker/pack.hpp>

#include "common/message.hpp"
#include "tests/support/hex.hpp"

using namespace rpcbroker;
using namespace std::chrono_literals;
using rpcbroker::test::from_hex;
using rpcbroker::test::to_hex;

namespace {

constexpr std::uint32_t msgid = 70000;

template <class Append>
std::string written(Append append) {
    std::string out;
    append(out);
    return to_hex(out);
}

std::string object_of(const Error& error) {
    return written([&](std::string& out) { append_error_object(out, error); });
}

/// The same through the reader: nothing is lost on the way.
Error round_trip(const Error& error) {
    std::string out;
    append_error_object(out, error);
    return read_error_object(out).value();
}

std::optional<Error> read_hex(std::string_view hex) { return read_error_object(from_hex(hex)); }

}  // namespace

TEST_CASE("a request without options is an array of four") {
    CHECK(written([](std::string& out) { append_request(out, 0xfffffff0, "A.b", "\x90"); }) ==
          "9400cefffffff0a3412e6290");
    CHECK(written([](std::string& out) { append_request(out, 7, "A.b", "\x90"); }) == "9400ce00000007a3412e6290");
}

TEST_CASE("a request has its options in order, the timeout first and in five bytes") {
    RequestOptions options;
    options.timeout_ms = 70000;
    options.idempotent = true;
    options.stream = 8;
    options.trace = "00-ab-cd-01";
    const auto meta = from_hex("81a475736572a26d65");
    options.meta = meta;
    options.key = "k";
    options.worker = "w-1";
    options.timing = true;
    const auto params = from_hex("91ac746869732069732074657374");
    CHECK(
        written([&](std::string& out) { append_request(out, 0xfffffff0, "EchoUtil.CountString", params, options); }) ==
        "9500cefffffff0b44563686f5574696c2e436f756e74537472696e6791ac74686973206973207465737488a774696d656f7574ce000111"
        "70"
        "aa6964656d706f74656e74c3a673747265616d08a57472616365ab30302d61622d63642d3031a46d65746181a475736572a26d65a36b65"
        "79"
        "a16ba6776f726b6572a3772d31a674696d696e67c3");
}

TEST_CASE("a small timeout has five bytes too") {
    RequestOptions options;
    options.timeout_ms = 5;
    CHECK(written([&](std::string& out) { append_request(out, msgid, "A.b", "\x90", options); }) ==
          "9500ce00011170a3412e629081a774696d656f7574ce00000005");
}

TEST_CASE("options that say nothing are left out, those that say no are not") {
    RequestOptions options;
    CHECK(options.empty());
    options.idempotent = false;
    CHECK_FALSE(options.empty());
    options.key = "";
    CHECK(written([&](std::string& out) { append_notification(out, "A.b", "\x90", options); }) ==
          "9402a3412e629082aa6964656d706f74656e74c2a36b6579a0");
}

TEST_CASE("a notification has no msgid") {
    CHECK(written([](std::string& out) { append_notification(out, "A.b", from_hex("9201cb4004000000000000")); }) ==
          "9302a3412e629201cb4004000000000000");
    RequestOptions options;
    options.timeout_ms = 70000;
    CHECK(written([&](std::string& out) { append_notification(out, "A.b", "\x90", options); }) ==
          "9402a3412e629081a774696d656f7574ce00011170");
}

TEST_CASE("a result is a response whose error is nil") {
    CHECK(written([](std::string& out) { append_result(out, msgid, "\x03"); }) == "9401ce00011170c003");
}

TEST_CASE("a stream item is an array of three") {
    CHECK(written([](std::string& out) { append_stream_item(out, msgid, from_hex("81a16101")); }) ==
          "9303ce0001117081a16101");
}

TEST_CASE("an error is a response whose result is nil") {
    Error error(Code::unavailable, "gone", By::broker, Ran::maybe);
    error.set_retry_after(250ms).set_data(from_hex("9101"));
    CHECK(written([&](std::string& out) { append_error(out, msgid, error); }) ==
          "9401ce0001117086a4636f6465ab554e415641494c41424c45a76d657373616765a4676f6e65a26279a662726f6b6572a372616ea56d"
          "61796265"
          "ab72657472795f6166746572ccfaa4646174619101c0");
}

TEST_CASE("an error without a msgid has nil in its place") {
    CHECK(written([](std::string& out) { append_error(out, std::nullopt, Error(Code::invalid_argument, "x")); }) ==
          "9401c082a4636f6465b0494e56414c49445f415247554d454e54a76d657373616765a178c0");
}

TEST_CASE("an error object says only what is known") {
    CHECK(object_of(Error(Code::not_found, "no")) == "82a4636f6465a94e4f545f464f554e44a76d657373616765a26e6f");
    CHECK(object_of(Error(Code::internal, "m", By::worker, Ran::no)) ==
          "84a4636f6465a8494e5445524e414ca76d657373616765a16da26279a6776f726b6572a372616ea26e6f");
}

TEST_CASE("a negative time to try again after is written as none") {
    Error error(Code::unavailable, "x");
    error.set_retry_after(-5ms);
    CHECK(round_trip(error).retry_after() == 0ms);
}

TEST_CASE("an error is read as it was written") {
    const auto by = GENERATE(By::handler, By::broker, By::worker, By::client);
    const auto ran = GENERATE(Ran::unsaid, Ran::no, Ran::maybe);
    Error error(Code::resource_exhausted, "too much", by, ran);
    error.set_retry_after(1500ms).set_data(from_hex("93c0a161cb3ff8000000000000"));
    const Error read = round_trip(error);
    CHECK(read.code() == error.code());
    CHECK(read.message() == error.message());
    CHECK(read.by() == by);
    CHECK(read.ran() == ran);
    CHECK(read.retry_after() == 1500ms);
    CHECK(read.data() == error.data());
}

TEST_CASE("an error that says little is read as saying little") {
    const Error read = round_trip(Error(Code::not_found, ""));
    CHECK(read.code() == Code::not_found);
    CHECK(read.message().empty());
    CHECK(read.by() == By::handler);
    CHECK(read.ran() == Ran::unsaid);
    CHECK_FALSE(read.retry_after());
    CHECK(read.data().empty());
}

TEST_CASE("what is not an error object is read as none") {
    const std::string code = "a4636f6465 a8494e5445524e414c";
    const std::string message = "a76d657373616765 a16d";
    CHECK(read_hex("82" + code + message));
    CHECK_FALSE(read_hex(""));
    CHECK_FALSE(read_hex("c0"));
    CHECK_FALSE(read_hex("a16d"));
    CHECK_FALSE(read_hex("92" + code));
    CHECK_FALSE(read_hex("80"));
    CHECK_FALSE(read_hex("81" + code));
    CHECK_FALSE(read_hex("81" + message));
    CHECK_FALSE(read_hex("82" + code + "a76d657373616765 05"));           // message 5
    CHECK_FALSE(read_hex("82" + code + "a76d657373616765 c0"));           // message nil
    CHECK_FALSE(read_hex("82 a4636f6465 05" + message));                  // code 5
    CHECK_FALSE(read_hex("82 a4636f6465 a8696e7465726e616c" + message));  // code "internal"
    CHECK_FALSE(read_hex("82 a4636f6465 a3 4f4f50" + message));           // code "OOP"
    CHECK_FALSE(read_hex("83" + code + message));                         // cut off
    CHECK_FALSE(read_hex("83" + code + message + "a26279"));              // cut off
    CHECK_FALSE(read_hex("82" + code + message + "00"));                  // something behind it
    CHECK_FALSE(read_hex("83" + code + message + "a178 c1"));             // the byte that is never used
}

TEST_CASE("keys of an error object that are unknown or of another type are passed over") {
    const std::string good = "a4636f6465 a8494e5445524e414c a76d657373616765 a16d";
    // {…, 1: 2, "more": [1], "by": 5, "ran": "perhaps", "retry_after": -1}
    const auto read =
        read_hex("87" + good + "0102 a46d6f7265 9101 a26279 05 a372616e a770657268617073 ab72657472795f6166746572 ff");
    REQUIRE(read);
    CHECK(read->code() == Code::internal);
    CHECK(read->by() == By::handler);
    CHECK(read->ran() == Ran::unsaid);
    CHECK_FALSE(read->retry_after());
    // by "handler" is no name on the wire; a retry_after of 2^64-1 ms is no advice
    const auto odd = read_hex("84" + good + "a26279 a768616e646c6572 ab72657472795f6166746572 cfffffffffffffffff");
    REQUIRE(odd);
    CHECK(odd->by() == By::handler);
    CHECK_FALSE(odd->retry_after());
}

TEST_CASE("a message gets a new head before the tail of another") {
    const auto request = from_hex("9500ce00011170a3412e629081a774696d656f7574ce00011170");
    const auto tail = std::string_view(request).substr(7);
    CHECK(written([&](std::string& out) { append_with_tail(out, MessageType::request, 0xfffffff0, 5, tail); }) ==
          "9500cefffffff0a3412e629081a774696d656f7574ce00011170");
    CHECK(written([&](std::string& out) { append_with_tail(out, MessageType::notification, 0, 4, tail); }) ==
          "9402a3412e629081a774696d656f7574ce00011170");
    CHECK(written([&](std::string& out) { append_with_tail(out, MessageType::response, 1, 4, "\xc0\x03"); }) ==
          "9401ce00000001c003");
    CHECK(written([&](std::string& out) { append_with_tail(out, MessageType::stream_item, 2, 3, "\x03"); }) ==
          "9303ce0000000203");
}

TEST_CASE("four bytes are written over in place") {
    auto bytes = from_hex("9401ce00011170c003");
    overwrite_u32(bytes.data() + 3, 0xfffefdfc);
    CHECK(to_hex(bytes) == "9401cefffefdfcc003");
}
