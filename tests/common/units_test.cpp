#include "common/units.hpp"

#include <catch2/catch.hpp>

using namespace rpcbroker;
using namespace std::chrono_literals;

TEST_CASE("durations are a number and a unit") {
    CHECK(*parse_duration("250ms") == 250ms);
    CHECK(*parse_duration("5s") == 5s);
    CHECK(*parse_duration("2m") == 2min);
    CHECK(*parse_duration("24h") == 24h);
    CHECK(*parse_duration("7us") == 7us);
    CHECK(*parse_duration("1.5s") == 1500ms);
    CHECK(*parse_duration("0.001ms") == 1us);
    CHECK(*parse_duration("0") == 0us);
    CHECK(*parse_duration("0s") == 0us);
}

TEST_CASE("what is no duration is named, with what would be right") {
    for (const auto* text : {"", "5", "s", "5 s", "-5s", "+5s", "5S", "5sec", ".5s", "5.s", "1.2.3s", "1e3s", "0x1s",
                             " 5s", "5s ", "1m30s", "12345678901234567890s"}) {
        const auto parsed = parse_duration(text);
        INFO(text);
        REQUIRE_FALSE(parsed);
        CHECK(parsed.error().code() == Code::invalid_argument);
        CHECK(parsed.error().message() ==
              "\"" + std::string{text} + "\" is no duration; write it as in 250ms, 5s, 2m or 24h");
    }
    CHECK(parse_duration("0.5us").error().message() == "\"0.5us\" is finer than 1us");
    CHECK(parse_duration("999999999999999999h").error().message() == "\"999999999999999999h\" is too large");
}

TEST_CASE("durations are written in the largest unit that divides them") {
    CHECK(format_duration(0us) == "0s");
    CHECK(format_duration(1us) == "1us");
    CHECK(format_duration(1500ms) == "1500ms");
    CHECK(format_duration(2s) == "2s");
    CHECK(format_duration(3min) == "3m");
    CHECK(format_duration(90s) == "90s");
    CHECK(format_duration(24h) == "24h");
    CHECK(format_duration(-2s) == "-2s");
    CHECK(format_duration(std::chrono::microseconds::min()) == "-9223372036854775808us");
}

TEST_CASE("sizes are a number and a unit, or bytes") {
    CHECK(*parse_size("0") == 0);
    CHECK(*parse_size("512") == 512);
    CHECK(*parse_size("512B") == 512);
    CHECK(*parse_size("64KiB") == 65536);
    CHECK(*parse_size("16MiB") == 16777216);
    CHECK(*parse_size("1GiB") == 1073741824);
    CHECK(*parse_size("1.5KiB") == 1536);
    CHECK(*parse_size("3KB") == 3000);
    CHECK(*parse_size("3MB") == 3000000);
    CHECK(*parse_size("3GB") == 3000000000);
}

TEST_CASE("what is no size is named, with what would be right") {
    for (const auto* text : {"", "KiB", "64kib", "64K", "-1", "1 MiB", "64KiBs", "1e9", "12345678901234567890"}) {
        const auto parsed = parse_size(text);
        INFO(text);
        REQUIRE_FALSE(parsed);
        CHECK(parsed.error().message() ==
              "\"" + std::string{text} + "\" is no size; write it as in 512B, 64KiB, 16MiB or 1GiB");
    }
    CHECK(parse_size("0.3KiB").error().message() == "\"0.3KiB\" is finer than 1B");
    CHECK(parse_size("99999999999GiB").error().message() == "\"99999999999GiB\" is too large");
}

TEST_CASE("sizes are written in the largest unit that divides them") {
    CHECK(format_size(0) == "0B");
    CHECK(format_size(1000) == "1000B");
    CHECK(format_size(65536) == "64KiB");
    CHECK(format_size(1536) == "1536B");
    CHECK(format_size(std::uint64_t{64} << 20) == "64MiB");
    CHECK(format_size(std::uint64_t{5} << 30) == "5GiB");
}

TEST_CASE("what was written is read again") {
    CHECK(*parse_size(format_size(5'111'111'111'111'112'000)) == 5'111'111'111'111'112'000);
    CHECK(*parse_size("9223372036854775807B") == 9'223'372'036'854'775'807);
    for (const auto* text : {"250ms", "5s", "2m", "24h", "7us"}) CHECK(format_duration(*parse_duration(text)) == text);
    for (const auto* text : {"512B", "64KiB", "16MiB", "1GiB"}) CHECK(format_size(*parse_size(text)) == text);
}
