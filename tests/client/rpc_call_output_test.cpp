// What rpc-call prints of a result or an item.
#include <catch2/catch.hpp>

#include <sstream>

#include "client/exit_status.hpp"
#include "client/json_msgpack.hpp"
#include "client/rpc_call_output.hpp"

using namespace rpcbroker;
using namespace std::chrono_literals;

namespace {

std::string printed(std::string_view packed, OutputFormat format) {
    std::ostringstream out;
    print_value(out, packed, format);
    return out.str();
}

std::string printed_timing(std::string_view timing) {
    std::ostringstream out;
    print_timing(out, timing, 1500us);
    return out.str();
}

}  // namespace

TEST_CASE("a value is a line of JSON, or indented") {
    const auto packed = json_to_msgpack(R"({"a": [1]})").value();
    CHECK(printed(packed, OutputFormat::json) == "{\"a\":[1]}\n");
    CHECK(printed(packed, OutputFormat::pretty) == "{\n  \"a\": [\n    1\n  ]\n}\n");
}

TEST_CASE("a raw string has no quotes, and raw bytes no end of line") {
    CHECK(printed("\xa2hi", OutputFormat::raw) == "hi\n");
    CHECK(printed(std::string_view{"\xc4\x02h\0", 4}, OutputFormat::raw) == std::string_view{"h\0", 2});
    CHECK(printed("\x07", OutputFormat::raw) == "7\n");
}

TEST_CASE("MessagePack comes as it came") { CHECK(printed("\xa2hi", OutputFormat::msgpack) == "\xa2hi"); }

TEST_CASE("the timing says where the time went") {
    CHECK(printed_timing(json_to_msgpack(R"({"worker": "w\n1", "queued_us": 20, "worker_us": 300})").value()) ==
          "timing: 1500 us in all: 20 us queued, 300 us at worker w\\n1\n");
    CHECK(printed_timing("") == "timing: 1500 us in all, of which the broker says nothing\n");
}

TEST_CASE("every code has an exit status, and is reported in one line") {
    std::ostringstream err;
    CHECK(report(err, "rpc-call", Error{Code::not_found, "no\nsuch"}) == 5);
    CHECK(err.str() == "rpc-call: NOT_FOUND: no\\nsuch\n");
    CHECK(exit_status(Code::unavailable) == 3);
    CHECK(exit_status(Code::deadline_exceeded) == 4);
    CHECK(exit_status(Code::unimplemented) == 5);
    CHECK(exit_status(Code::invalid_argument) == 6);
    CHECK(exit_status(Code::resource_exhausted) == 7);
    CHECK(exit_status(Code::unauthenticated) == 8);
    CHECK(exit_status(Code::permission_denied) == 8);
    CHECK(exit_status(Code::cancelled) == 9);
    CHECK(exit_status(Code::aborted) == 1);
}
