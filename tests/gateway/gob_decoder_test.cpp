// Bytes that Go made, and bytes that nobody should make.
#include "gateway/gob/decoder.hpp"

#include <vector>

#include <catch2/catch.hpp>

#include "client/json_msgpack.hpp"
#include "tests/gateway/gob_samples.hpp"
#include "tests/support/hex.hpp"

namespace rpcbroker::gob {
namespace {

constexpr std::size_t much = 1 << 20;

/// The values of a stream as JSON, or what is wrong with it.
std::vector<std::string> decoded(std::string_view hex, std::size_t most_bytes = much) {
    const auto stream = test::from_hex(hex);
    std::string_view left{stream};
    Decoder decoder{most_bytes};
    std::vector<std::string> values;
    while (!left.empty()) {
        const auto frame = first_frame(left, much);
        if (frame.is != Frame::Is::whole) return values.emplace_back("no frame"), values;
        left.remove_prefix(frame.size);
        const auto value = decoder.message(frame.message);
        if (!value) return values.push_back(value.error().message()), values;
        if (*value) values.push_back(msgpack_to_json(**value));
    }
    return values;
}

using Values = std::vector<std::string>;

TEST_CASE("numbers, truths and texts of Go are read") {
    CHECK(decoded(samples::integers) ==
          Values{"0", "1", "-1", "63", "-64", "64", "9223372036854775807", "-9223372036854775808"});
    CHECK(decoded(samples::unsigned_integers) == Values{"0", "127", "128", "18446744073709551615"});
    CHECK(decoded(samples::reals) == Values{"0.0", "1.5", "-2.25", "0.5", R"({"$float":"Infinity"})"});
    CHECK(decoded(samples::booleans) == Values{"true", "false"});
    CHECK(decoded(samples::texts) == Values{R"("")", R"("text")", R"({"$bytes":"//4="})", R"({"$bytes":"AP8="})"});
}

TEST_CASE("what net/rpc sends is read; a number that is zero is there all the same") {
    CHECK(decoded(samples::requests) == Values{R"({"ServiceMethod":"EchoUtil.CountString","Seq":0})",
                                               R"("this is test")",
                                               R"({"ServiceMethod":"EchoUtil.CountString","Seq":1})", R"("s")"});
}

TEST_CASE("structs of everything are read") {
    CHECK(decoded(samples::everything) ==
          Values{R"({"Yes":true,"Small":-8,"Natural":18446744073709551615,"Real":2.5,"Text":"text",)"
                 R"("Raw":{"$bytes":"AP8="},"Three":[1,0,3],"Strings":["a",""],"Counts":{"one":1},"In":{"X":1,"Y":2},)"
                 R"("Pointer":{"X":3,"Y":0},"Many":[{"X":4,"Y":5},{"X":0,"Y":0}],"Any":{"X":6,"Y":7},)"
                 R"("When":{"$bytes":"AQAAAA53kfcBAAAAAP//"}})"});
    CHECK(decoded(samples::everything_zero) ==
          Values{R"({"Yes":false,"Small":0,"Natural":0,"Real":0.0,"Text":"","Raw":"","Three":[0,0,0],"Strings":[],)"
                 R"("Counts":{},"In":{"X":0,"Y":0},"Pointer":null,"Many":[],"Any":null,"When":null})"});
    CHECK(decoded(samples::list) == Values{R"({"Value":1,"Next":{"Value":2,"Next":null}})"});
    CHECK(decoded(samples::nested) == Values{R"({"k":[[1,2],[]]})", R"([{"1":true}])"});
    CHECK(decoded(samples::interfaces) == Values{R"([1,"a",null,{"X":1,"Y":2},2.5])"});
    CHECK(decoded(samples::empty_struct) == Values{"{}"});
}

TEST_CASE("complex numbers are refused") {
    CHECK(decoded(samples::complex) == Values{"complex numbers cannot be passed on"});
}

TEST_CASE("every stream that is cut off is an error or less, never more") {
    const auto stream = test::from_hex(samples::everything);
    const auto first = first_frame(stream, much);
    for (std::size_t size = 0; size < first.message.size(); ++size) {
        Decoder decoder{much};
        CHECK_FALSE(decoder.message(first.message.substr(0, size)));
    }
}

TEST_CASE("a frame is whole, cut off, too long or nonsense") {
    const auto is = [](std::string_view hex) { return first_frame(test::from_hex(hex), 1000).is; };
    CHECK(is("") == Frame::Is::cut_off);
    CHECK(is("02 00") == Frame::Is::cut_off);
    CHECK(is("02 0001") == Frame::Is::whole);
    CHECK(is("fe 01") == Frame::Is::cut_off);
    CHECK(is("fe ffff") == Frame::Is::too_long);
    CHECK(is("f8 ffffffffffffffff") == Frame::Is::too_long);
    CHECK(is("f7 00") == Frame::Is::malformed);
}

TEST_CASE("hostile values are errors") {
    const auto refused = [](std::string_view hex) {
        const auto values = decoded(hex);
        return values.size() == 1 && values[0].starts_with("malformed gob");
    };
    CHECK(refused("01 00"));                           // no type
    CHECK(refused("03 ff8200"));                       // a type that nobody described
    CHECK(refused("03 040102"));                       // no zero before an int
    CHECK(refused("04 04000400"));                     // more than the int
    CHECK(refused("03 020002"));                       // neither true nor false
    CHECK(refused("04 0c00 ff61"));                    // a text longer than the message
    CHECK(refused("0a 04 00 f8ffffffffffffff"));       // a number cut off
    CHECK(refused("09 ff81 02 01 02 ff82 00 00 00"));  // a slice of nothing
    CHECK(refused("03 03 0101"));                      // describes a built-in type
    CHECK(refused("0b f8 ffffffffffffffff 0100"));     // the smallest id
}

TEST_CASE("values nested without end are refused") {
    const auto nested = [](int depth) {
        auto message = test::from_hex("ff8200");
        message += std::string(static_cast<std::size_t>(depth), '\x01') + '\0';
        const std::string of_itself = "0dff81020102ff820001ff820000";  // type 65: a slice of itself
        return decoded(of_itself + test::to_hex(std::string{static_cast<char>(message.size())} + message));
    };
    CHECK(nested(3) == Values{"[[[[]]]]"});
    CHECK(nested(70) == Values{"malformed gob: nested too deep"});
}

TEST_CASE("a value that grows beyond the limit is refused") {
    CHECK(decoded(samples::everything, 10) == Values{"the argument is too large"});
}

}  // namespace
}  // namespace rpcbroker::gob
