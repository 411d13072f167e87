// The bytes in hexadecimal were written by another implementation, Python's msgpack, or are made by hand to be wrong.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>
#include <rpcbroker/pack.hpp>

#include "common/message.hpp"
#include "tests/common/malformed_bodies.hpp"
#include "tests/support/hex.hpp"

using namespace rpcbroker;
using rpcbroker::test::from_hex;
using rpcbroker::test::malformed_bodies;
using rpcbroker::test::MalformedBody;
using rpcbroker::test::to_hex;
using Step = BodyReader::Step;

namespace {

// [0, 0xfffffff0, "EchoUtil.CountString", ["this is test"], {all options}]
constexpr std::string_view full_request =
    "9500cefffffff0b44563686f5574696c2e436f756e74537472696e6791ac74686973206973207465737488a774696d656f7574ce00011170"
    "aa6964656d706f74656e74c3a673747265616d08a57472616365ab30302d61622d63642d3031a46d65746181a475736572a26d65a36b6579a1"
    "6b"
    "a6776f726b6572a3772d31a674696d696e67c3";
// [1, 70000, nil, 3, {"worker": "w", "queued_us": 12, "worker_us": 345}]
constexpr std::string_view full_response =
    "9501ce00011170c00383a6776f726b6572a177a97175657565645f75730ca9776f726b65725f7573cd0159";

/// The only message of `body`, which must outlive it.
MessageView read_only(std::string_view body) {
    BodyReader reader(body);
    MessageView message;
    REQUIRE(reader.next(message) == Step::message);
    CHECK(reader.alone(message));
    MessageView nothing;
    CHECK(reader.next(nothing) == Step::end);
    CHECK(reader.problem() == nullptr);
    return message;
}

/// A request A.b with the options that `options` has in hexadecimal.
std::string with_options(std::string_view options) { return from_hex("9500ce00000007a3412e6290") + from_hex(options); }

const char* bad_option(std::string_view options) {
    const auto body = with_options(options);
    return read_only(body).bad_option;
}

bool begins_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

}  // namespace

TEST_CASE("a request is read with all its parts") {
    const auto body = from_hex("940007b44563686f5574696c2e436f756e74537472696e6791ac746869732069732074657374");
    const auto message = read_only(body);
    CHECK(message.type == MessageType::request);
    CHECK(message.msgid == 7);
    CHECK(message.msgid_at == 0);
    CHECK(message.elements == 4);
    CHECK(message.method == "EchoUtil.CountString");
    CHECK(message.service() == "EchoUtil");
    CHECK(to_hex(message.params) == "91ac746869732069732074657374");
    CHECK(message.options_map.empty());
    CHECK(message.bad_option == nullptr);
    CHECK(message.tail == std::string_view(body).substr(3));
    CHECK(message.bytes == body);
}

TEST_CASE("a request's options are read") {
    const auto body = from_hex(full_request);
    const auto message = read_only(body);
    CHECK(message.msgid == 0xfffffff0);
    CHECK(message.msgid_at == 3);
    CHECK(message.elements == 5);
    CHECK(message.options.timeout_ms == 70000U);
    CHECK(message.options.idempotent == true);
    CHECK(message.options.stream == 8U);
    CHECK(message.options.trace == "00-ab-cd-01");
    CHECK(to_hex(message.options.meta.value()) == "81a475736572a26d65");
    CHECK(message.options.key == "k");
    CHECK(message.options.worker == "w-1");
    CHECK(message.options.timing);
    CHECK_FALSE(message.options.caller);
    CHECK(to_hex(message.tail.substr(message.options.timeout_at, 4)) == "00011170");
    CHECK(message.options_map.front() == '\x88');
    CHECK(message.options_map.end() == message.bytes.end());
}

TEST_CASE("a notification is read without a msgid") {
    const auto body = from_hex("9402a3412e629081a774696d656f7574ce00011170");
    const auto message = read_only(body);
    CHECK(message.type == MessageType::notification);
    CHECK(message.msgid == 0);
    CHECK(message.msgid_at == 0);
    CHECK(message.method == "A.b");
    CHECK(message.params == "\x90");
    CHECK(message.tail == std::string_view(body).substr(2));
    CHECK(message.options.timeout_ms == 70000U);
    CHECK(to_hex(message.tail.substr(message.options.timeout_at, 4)) == "00011170");
    const auto plain = from_hex("9302a3412e629201cb4004000000000000");
    CHECK(to_hex(read_only(plain).params) == "9201cb4004000000000000");
}

TEST_CASE("a response is read with result, error and timing") {
    const auto result = from_hex(full_response);
    const auto good = read_only(result);
    CHECK(good.type == MessageType::response);
    CHECK(good.msgid == 70000);
    CHECK(good.msgid_at == 3);
    CHECK(good.error == "\xc0");
    CHECK(good.result == "\x03");
    CHECK(good.timing.front() == '\x83');
    CHECK(good.timing.end() == good.bytes.end());
    CHECK(good.tail == good.bytes.substr(7));
    const auto error = from_hex("9401ce0001117082a4636f6465a94e4f545f464f554e44a76d657373616765a26e6fc0");
    const auto failed = read_only(error);
    CHECK(to_hex(failed.error) == "82a4636f6465a94e4f545f464f554e44a76d657373616765a26e6f");
    CHECK(failed.result == "\xc0");
    CHECK(failed.timing.empty());
}

TEST_CASE("an error of any type is well-formed in a response") {
    const auto body = from_hex("940107c2c0");
    CHECK(read_only(body).error == "\xc2");
}

TEST_CASE("a stream item is read") {
    const auto body = from_hex("9303ce0001117081a16101");
    const auto message = read_only(body);
    CHECK(message.type == MessageType::stream_item);
    CHECK(message.msgid == 70000);
    CHECK(message.elements == 3);
    CHECK(to_hex(message.result) == "81a16101");
    CHECK(message.tail == message.result);
}

TEST_CASE("a msgid is read from every width") {
    const auto* hex = GENERATE("07", "cc07", "cd0007", "ce00000007", "cf0000000000000007", "d007", "d10007",
                               "d200000007", "d30000000000000007");
    const auto body = from_hex(std::string("9400") + hex + "a3412e6290");
    const auto message = read_only(body);
    CHECK(message.msgid == 7);
    CHECK(to_hex(message.tail) == "a3412e6290");
    CHECK(message.msgid_at == (std::string_view(hex) == "ce00000007" ? 3 : 0));
}

TEST_CASE("the largest msgid is read from every width that holds it") {
    for (const auto* hex : {"ceffffffff", "cf00000000ffffffff", "d300000000ffffffff"}) {
        const auto body = from_hex(std::string("9400") + hex + "a3412e6290");
        CHECK(read_only(body).msgid == 0xffffffff);
    }
}

TEST_CASE("array, type, method and maps are read from every width") {
    // dc: array16, dd: array32, cc/cd: the type, d9/da/db: the method, de/df: the options
    for (const auto* hex :
         {"dc00050007a3412e629080", "dd000000050007a3412e629080", "95cc0007a3412e629080", "95cd000007a3412e629080",
          "950007d903412e629080", "950007da0003412e629080", "950007db00000003412e629080", "950007a3412e62dc000080",
          "950007a3412e6290de0000", "950007a3412e6290df00000000"}) {
        CAPTURE(hex);
        const auto body = from_hex(hex);
        const auto message = read_only(body);
        CHECK(message.type == MessageType::request);
        CHECK(message.msgid == 7);
        CHECK(message.method == "A.b");
        CHECK_FALSE(message.options_map.empty());
    }
}

TEST_CASE("a five-byte msgid is found behind a wide array head") {
    const auto body = from_hex("dd0000000400ce00000007a3412e6290");
    const auto message = read_only(body);
    CHECK(message.msgid_at == 7);
    CHECK(to_hex(message.bytes.substr(message.msgid_at, 4)) == "00000007");
}

TEST_CASE("a body of several messages is read in order") {
    const auto body = from_hex("940007a3412e6290 9302a3432e6490 940108c003 93030905");
    BodyReader reader(body);
    MessageView message;
    REQUIRE(reader.next(message) == Step::message);
    CHECK(message.msgid == 7);
    CHECK_FALSE(reader.alone(message));
    REQUIRE(reader.next(message) == Step::message);
    CHECK(message.method == "C.d");
    REQUIRE(reader.next(message) == Step::message);
    CHECK(message.result == "\x03");
    REQUIRE(reader.next(message) == Step::message);
    CHECK(message.result == "\x05");
    CHECK_FALSE(reader.alone(message));
    CHECK(reader.next(message) == Step::end);
    CHECK(reader.next(message) == Step::end);
}

TEST_CASE("nothing of one message is left in the next") {
    const auto body = from_hex(full_request) + from_hex(full_response) + from_hex("93030905");
    BodyReader reader(body);
    MessageView message;
    REQUIRE(reader.next(message) == Step::message);
    REQUIRE(reader.next(message) == Step::message);
    CHECK(message.method.empty());
    CHECK(message.params.empty());
    CHECK(message.options_map.empty());
    CHECK_FALSE(message.options.timeout_ms);
    CHECK_FALSE(message.options.key);
    CHECK_FALSE(message.options.timing);
    CHECK(message.options.timeout_at == 0);
    REQUIRE(reader.next(message) == Step::message);
    CHECK(message.error.empty());
    CHECK(message.timing.empty());
    CHECK(message.msgid_at == 0);
    REQUIRE(reader.next(message) == Step::end);
    CHECK(message.bytes.empty());
    CHECK(message.elements == 0);
}

TEST_CASE("an empty body is malformed") {
    BodyReader reader("");
    MessageView message;
    CHECK(reader.next(message) == Step::malformed);
    CHECK(std::string_view(reader.problem()) == "body: expected a message, got no bytes");
    CHECK_FALSE(reader.problem_msgid());
}

TEST_CASE("the table of malformed bodies is long enough to mean something") {
    const auto table = malformed_bodies();
    CHECK(table.size() >= 70);
    CHECK(std::count_if(table.begin(), table.end(), [](const auto& entry) { return entry.only_an_option; }) >= 20);
}

TEST_CASE("every body of the table is refused as the table says") {
    for (const MalformedBody& entry : malformed_bodies()) {
        CAPTURE(entry.name);
        BodyReader reader(entry.body);
        MessageView message;
        for (std::size_t i = 0; i < entry.before; ++i) REQUIRE(reader.next(message) == Step::message);
        const auto step = reader.next(message);
        if (entry.only_an_option) {
            REQUIRE(step == Step::message);
            REQUIRE(message.bad_option != nullptr);
            CAPTURE(message.bad_option);
            CHECK(begins_with(message.bad_option, entry.says));
            CHECK(message.msgid == entry.msgid);
            CHECK(reader.next(message) == Step::end);
        } else {
            REQUIRE(step == Step::malformed);
            CAPTURE(reader.problem());
            CHECK(begins_with(reader.problem(), entry.says));
            CHECK(reader.problem_msgid() == entry.msgid);
            CHECK(message.bytes.empty());
        }
    }
}

TEST_CASE("after a malformed message there is nothing to read") {
    const auto body = from_hex("c1 940007a3412e6290");
    BodyReader reader(body);
    MessageView message;
    CHECK(reader.next(message) == Step::malformed);
    const std::string_view problem = reader.problem();
    CHECK(reader.next(message) == Step::malformed);
    CHECK(reader.problem() == problem);
}

TEST_CASE("a message cut off at any byte is malformed, with its msgid as soon as that is there") {
    const std::string_view whole_ones[] = {full_request, full_response, "9303ce0001117081a16101",
                                           "dd0000000400ce00000007a3412e6290"};
    const auto whole = from_hex(whole_ones[GENERATE(0U, 1U, 2U, 3U)]);
    const auto expected = read_only(whole);
    const auto msgid_end = expected.msgid_at + 4;
    for (std::size_t size = 1; size < whole.size(); ++size) {
        CAPTURE(size);
        const std::string part = whole.substr(0, size);  // a copy, so that sanitizers see a read past the end
        BodyReader reader(part);
        MessageView message;
        CHECK(reader.next(message) == Step::malformed);
        REQUIRE(reader.problem() != nullptr);
        CHECK(reader.problem_msgid() == (size >= msgid_end ? std::optional(expected.msgid) : std::nullopt));
    }
}

TEST_CASE("a notification cut off at any byte is malformed without a msgid") {
    const auto whole = from_hex("9402a3412e629081a774696d656f7574ce00011170");
    for (std::size_t size = 1; size < whole.size(); ++size) {
        const std::string part = whole.substr(0, size);
        BodyReader reader(part);
        MessageView message;
        CHECK(reader.next(message) == Step::malformed);
        CHECK_FALSE(reader.problem_msgid());
    }
}

TEST_CASE("a message with any one byte changed is read or refused, never more") {
    const auto whole = from_hex(full_request);
    for (std::size_t at = 0; at < whole.size(); ++at) {
        for (unsigned byte = 0; byte < 256; ++byte) {
            std::string changed = whole;
            changed[at] = static_cast<char>(byte);
            BodyReader reader(changed);
            MessageView message;
            auto step = reader.next(message);
            while (step == Step::message) step = reader.next(message);
            if (step == Step::malformed && !reader.problem()) FAIL("no problem is named");
        }
    }
}

TEST_CASE("messages of the usual form are read as all others") {
    const std::string request = from_hex(
        "9500ce00000007b44563686f5574696c2e436f756e74537472696e6791ac746869732069732074657374"
        "81a774696d656f7574ce00007530");
    const std::string response = from_hex("9401ce00000007c00a");
    const std::string without_options = from_hex("9400ce00000007b44563686f5574696c2e436f756e74537472696e6790");
    const auto compare = [](const std::string& body) {
        BodyReader shortened(body);
        BodyReader general(body);
        MessageView message;
        MessageView other;
        const auto step = shortened.next(message);
        REQUIRE(general.next_general(other) == step);
        REQUIRE(message == other);
        REQUIRE(std::string_view(shortened.problem() ? shortened.problem() : "") ==
                (general.problem() ? general.problem() : ""));
        REQUIRE(shortened.problem_msgid() == general.problem_msgid());
    };
    for (const auto& whole : {request, response, without_options, request + response, response + request}) {
        compare(whole);
        for (std::size_t size = 0; size < whole.size(); ++size) compare(whole.substr(0, size));
        for (std::size_t at = 0; at < whole.size(); ++at) {
            for (unsigned byte = 0; byte < 256; ++byte) {
                std::string changed = whole;
                changed[at] = static_cast<char>(byte);
                compare(changed);
            }
        }
    }
}

TEST_CASE("the names of methods are told from others, whatever their length") {
    for (std::size_t size = 3; size <= 300; ++size) {
        const bool good = size <= 255;
        const std::string name = "A." + std::string(size - 2, 'b');
        CHECK(is_method_name(name) == good);
        CHECK(is_method_name(std::string(size - 2, 'a') + ".b") == good);
        for (std::size_t at = 0; at < size; ++at) {
            std::string bare(size, 'a');
            bare[at] = '.';
            REQUIRE(is_method_name(bare) == (good && at != 0 && at != size - 1));
            std::string control = name;
            control[at] = at == 1 ? '\x7f' : '\x1f';
            REQUIRE_FALSE(is_method_name(control));
            std::string high = name;
            high[at] = '\xff';
            REQUIRE_FALSE(is_method_name(high));
        }
    }
}

TEST_CASE("values may be nested up to 64 levels, the message's own array counted") {
    const auto nested = [](std::size_t levels) { return std::string(levels - 1, '\x91') + '\x90'; };
    const auto request = from_hex("9400ce00000007a3412e62") + nested(63);
    CHECK(read_only(request).params.size() == 63);
    const auto response = from_hex("940107c0") + nested(63);
    CHECK(read_only(response).result.size() == 63);
    const auto item = from_hex("930307") + nested(63);
    CHECK(read_only(item).result.size() == 63);
    const auto options = with_options("81a161") + nested(62);
    CHECK(read_only(options).bad_option == nullptr);
    const auto too_deep = with_options("81a161") + nested(63);
    BodyReader reader(too_deep);
    MessageView message;
    CHECK(reader.next(message) == Step::malformed);
}

TEST_CASE("a timeout is read from every width, and has a place only in five bytes") {
    for (const auto* hex : {"07", "cc07", "cd0007", "cf0000000000000007", "d007", "d200000007"}) {
        const auto body = with_options(std::string("81a774696d656f7574") + hex);
        const auto message = read_only(body);
        CHECK(message.options.timeout_ms == 7U);
        CHECK(message.options.timeout_at == 0);
        CHECK(message.bad_option == nullptr);
    }
    const auto body = with_options("82a16101a774696d656f7574ce00000007");
    const auto message = read_only(body);
    CHECK(message.options.timeout_ms == 7U);
    CHECK(to_hex(message.tail.substr(message.options.timeout_at, 4)) == "00000007");
}

TEST_CASE("unknown options are passed over, whatever they hold, even twice") {
    // {"x": {"y": [nil]}, "x": 1, "Timeout": "5", "": c7…, "key": "k"}
    const auto body = with_options("85 a178 81a17991c0 a178 01 a754696d656f7574 a135 a0 c70201ffff a36b6579 a16b");
    const auto message = read_only(body);
    CHECK(message.bad_option == nullptr);
    CHECK(message.options.key == "k");
    CHECK_FALSE(message.options.timeout_ms);
    CHECK(message.options_map.size() == body.size() - 12);
}

TEST_CASE("empty options say nothing") {
    const auto body = with_options("80");
    const auto message = read_only(body);
    CHECK(message.options_map == "\x80");
    CHECK(message.bad_option == nullptr);
}

TEST_CASE("options that say no are told from those that are missing") {
    // {"idempotent": false, "timing": false, "stream": 0, "timeout": 0, "key": "", "meta": {}}
    const auto body = with_options(
        "86 aa6964656d706f74656e74c2 a674696d696e67c2 a673747265616d00 a774696d656f757400 a36b6579a0 a46d65746180");
    const auto message = read_only(body);
    CHECK(message.bad_option == nullptr);
    CHECK(message.options.idempotent == false);
    CHECK_FALSE(message.options.timing);
    CHECK(message.options.stream == 0U);
    CHECK(message.options.timeout_ms == 0U);
    CHECK(message.options.key == "");
    CHECK(message.options.meta == "\x80");
}

TEST_CASE("what a client says of its caller is read, so that it can be removed") {
    const auto body = with_options("81a663616c6c6572a3626f62");
    CHECK(read_only(body).options.caller == "bob");
}

TEST_CASE("an option of the wrong type hides neither the rest of the options nor the next message") {
    // {"timeout": "5", "key": "k"}, and a notification
    const auto body = with_options("82a774696d656f7574a135a36b6579a16b") + from_hex("9302a3412e6290");
    BodyReader reader(body);
    MessageView message;
    REQUIRE(reader.next(message) == Step::message);
    CHECK(std::string_view(message.bad_option) == "option timeout: expected an unsigned integer (ms)");
    CHECK_FALSE(message.options.timeout_ms);
    CHECK(message.options.timeout_at == 0);
    CHECK(message.options.key == "k");
    REQUIRE(reader.next(message) == Step::message);
    CHECK(message.bad_option == nullptr);
}

TEST_CASE("the first option that is wrong is the one that is named") {
    CHECK(std::string_view(bad_option("82a36b657901a774696d656f7574c0")) == "option key: expected a str");
    CHECK(std::string_view(bad_option("83a36b6579a161a36b6579a161a774696d656f7574c0")) == "option key: given twice");
}

TEST_CASE("a notification's options are checked as a request's are") {
    const auto body = from_hex("9402a3412e629081a36b657901");
    CHECK(std::string_view(read_only(body).bad_option) == "option key: expected a str");
}

TEST_CASE("a method's name has a service and a name, parted by the last dot") {
    for (const auto* name :
         {"A.b", "EchoUtil.CountString", "com.example.Echo.Count", "a..b", "rpc.ping", "D\xc3\xb6ner.\xe2\x82\xac",
          "...x", "a b.c d", "Caf\xc3\xa9.open", "long enough.to be read in words"}) {
        CAPTURE(name);
        CHECK(is_method_name(name));
    }
    for (const auto* name : {"",
                             ".",
                             "..",
                             "a.",
                             ".b",
                             "ab",
                             "abc",
                             "EchoUtil",
                             ".CountString",
                             "EchoUtil.",
                             "a.b.",
                             "A.b\n",
                             "A.b\x1f",
                             "A.b\x7f",
                             "A.b\xc2\x80",
                             "A.b\xc2\x9f",
                             "\tA.b",
                             "A.b\xff",
                             "EchoUtil.Count\x80tring",
                             "a.\xed\xa0\x80",
                             "EchoUtil.CountString\x01",
                             "\x01"
                             "choUtil.CountString"}) {
        CAPTURE(name);
        CHECK_FALSE(is_method_name(name));
    }
    CHECK(is_method_name("A.b\xc2\xa0"));
    CHECK_FALSE(is_method_name(std::string_view("A.\0b", 4)));
    CHECK(is_method_name("A." + std::string(253, 'b')));
    CHECK_FALSE(is_method_name("A." + std::string(254, 'b')));
}

TEST_CASE("a service is what stands before the last dot") {
    MessageView message;
    message.method = "com.example.Echo.Count";
    CHECK(message.service() == "com.example.Echo");
}

TEST_CASE("what was written is read as it was") {
    std::string body;
    RequestOptions options;
    options.timeout_ms = 250;
    options.stream = 4;
    options.timing = true;
    append_request(body, 1, "A.b", "\x90", options);
    append_notification(body, "C.d", "\x90");
    append_result(body, 2, "\x03");
    append_stream_item(body, 3, "\x04");
    BodyReader reader(body);
    MessageView message;
    REQUIRE(reader.next(message) == Step::message);
    CHECK(message.msgid == 1);
    CHECK(message.options.timeout_ms == 250U);
    CHECK(message.options.timeout_at != 0);
    CHECK(message.options.stream == 4U);
    CHECK(message.options.timing);
    REQUIRE(reader.next(message) == Step::message);
    CHECK(message.method == "C.d");
    REQUIRE(reader.next(message) == Step::message);
    CHECK(message.msgid == 2);
    REQUIRE(reader.next(message) == Step::message);
    CHECK(message.result == "\x04");
    CHECK(reader.next(message) == Step::end);
}

TEST_CASE("a timeout and a msgid are rewritten where they stand") {
    auto body = from_hex(full_request);
    const auto before = read_only(body);
    const auto timeout_at = static_cast<std::size_t>(before.tail.data() - body.data()) + before.options.timeout_at;
    overwrite_u32(body.data() + before.msgid_at, 5);
    overwrite_u32(body.data() + timeout_at, 69);
    const auto after = read_only(body);
    CHECK(after.msgid == 5);
    CHECK(after.options.timeout_ms == 69U);
    CHECK(after.options.key == "k");
}
