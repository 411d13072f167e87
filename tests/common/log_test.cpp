#include "common/program/log.hpp"

#include <catch2/catch.hpp>

#include <limits>

#include <nlohmann/json.hpp>

using namespace rpcbroker;
using namespace std::chrono_literals;
using log::Format;
using log::Level;

namespace {

constexpr std::chrono::system_clock::time_point a_time{1795423166123ms};  // 2026-11-23T08:39:26.123Z

std::string text(std::string_view message, log::Fields fields) {
    return log::format_line(Format::text, a_time, Level::info, message, fields);
}

nlohmann::json json(std::string_view message, log::Fields fields) {
    return nlohmann::json::parse(log::format_line(Format::json, a_time, Level::info, message, fields));
}

}  // namespace

TEST_CASE("a line of text has time, level, message and fields") {
    CHECK(text("worker registered", {{"worker", 3}, {"name", "a b"}}) ==
          "2026-11-23T08:39:26.123Z info worker registered worker=3 name=\"a b\"");
    CHECK(text("done", {}) == "2026-11-23T08:39:26.123Z info done");
    CHECK(log::format_line(Format::text, a_time - 123ms, Level::error, "x", {}) == "2026-11-23T08:39:26.000Z error x");
}

TEST_CASE("a line of JSON is one object") {
    CHECK(log::format_line(Format::json, a_time, Level::warn, "worker lost", {{"worker", 3}, {"name", "a b"}}) ==
          R"({"time":"2026-11-23T08:39:26.123Z","level":"warn","message":"worker lost","worker":3,"name":"a b"})");
}

TEST_CASE("every kind of value is written") {
    const std::string name = "n";
    CHECK(text("x", {{"a", name},
                     {"b", std::string_view{"v"}},
                     {"c", true},
                     {"d", -1},
                     {"e", std::numeric_limits<std::uint64_t>::max()},
                     {"f", 2.5},
                     {"g", 1500ms},
                     {"h", ""}})
              .ends_with("x a=n b=v c=true d=-1 e=18446744073709551615 f=2.5 g=1500ms h=\"\""));
    const auto line = json("x", {{"c", false}, {"d", -1}, {"f", 0.5}, {"g", 2s}, {"i", std::nan("")}});
    CHECK(line["c"] == false);
    CHECK(line["d"] == -1);
    CHECK(line["f"] == 0.5);
    CHECK(line["g"] == "2s");
    CHECK(line["i"] == "nan");
}

TEST_CASE("nobody forges a line or moves the cursor") {
    const std::string hostile = "a\nb\r\x1b[2J\x7f\x9b\xff\xe2\x80\xae\"\\ c=1";
    for (const auto format : {Format::text, Format::json}) {
        const auto line = log::format_line(format, a_time, Level::info, "said " + hostile, {{hostile, hostile}});
        INFO(line);
        CHECK(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c < 0x7f; }));
    }
    CHECK(text("x", {{"name", "a\nb"}}).ends_with(R"(x name="a\nb")"));
    CHECK(text("x", {{"a\nb", 1}}).ends_with(R"(x "a\nb"=1)"));
    CHECK(text("x", {{"name", "a=b"}}).ends_with(R"(x name="a=b")"));
    CHECK(json("x", {{"name", "\xe2\x82\xac \xff"}})["name"] == "\xe2\x82\xac \xef\xbf\xbd");
}

TEST_CASE("levels have names, and what is below the least is left out") {
    for (const auto level : {Level::trace, Level::debug, Level::info, Level::warn, Level::error, Level::off}) {
        CHECK(log::level_named(log::name_of(level)) == level);
    }
    CHECK_FALSE(log::level_named("loud"));
    CHECK(log::name_of(static_cast<Level>(99)) == "off");
    log::configure(Level::warn, Format::text);
    CHECK_FALSE(log::enabled(Level::info));
    CHECK(log::enabled(Level::warn));
    log::configure(Level::off, Format::text);
    CHECK_FALSE(log::enabled(Level::error));
    CHECK_FALSE(log::enabled(Level::off));
    log::error("not written");
    log::configure(Level::info, Format::text);
}

TEST_CASE("a rate limit lets so many through a second, and says how many were left out") {
    log::RateLimit limit{2};
    const TimePoint now{100s};
    CHECK(limit.admit(now) == 0);
    CHECK(limit.admit(now + 1ms) == 0);
    CHECK_FALSE(limit.admit(now + 2ms));
    CHECK_FALSE(limit.admit(now + 999ms));
    CHECK(limit.admit(now + 1s) == 2);
    CHECK(limit.admit(now + 1s) == 0);
    CHECK_FALSE(limit.admit(now + 1999ms));
    CHECK(limit.admit(now + 10s) == 1);
}
