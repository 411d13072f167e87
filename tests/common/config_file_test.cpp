#include "common/program/config_file.hpp"

#include <sstream>

#include <catch2/catch.hpp>

using namespace rpcbroker;

namespace {

std::vector<CLI::ConfigItem> items(const std::string& text) {
    std::istringstream stream{text};
    return ConfigFile{}.from_config(stream);
}

std::string problem(const std::string& text) try {
    items(text);
    return "none";
} catch (const CLI::ConfigError& error) {
    return error.what();
}

std::vector<std::string> values(const std::string& text) {
    const auto found = items(text);
    REQUIRE(found.size() == 1);
    return found.front().inputs;
}

using Values = std::vector<std::string>;

}  // namespace

TEST_CASE("a file is names and values, one a line") {
    const auto found = items("# first\r\n\n a-b = \"x\" # tail\r\nc_9=1\n");
    REQUIRE(found.size() == 2);
    CHECK(found[0].name == "a-b");
    CHECK(found[0].inputs == Values{"x"});
    CHECK(found[1].name == "c_9");
    CHECK(found[1].inputs == Values{"1"});
    CHECK(items("").empty());
    CHECK(items("# no newline at the end").empty());
}

TEST_CASE("values are texts, numbers and booleans") {
    CHECK(values("a = 'x \"y\"'") == Values{"x \"y\""});
    CHECK(values("a = \"tcp://127.0.0.1:1 # no comment\"") == Values{"tcp://127.0.0.1:1 # no comment"});
    CHECK(values("a = -1.5") == Values{"-1.5"});
    CHECK(values("a = true") == Values{"true"});
}

TEST_CASE("lists may go over several lines") {
    CHECK(values("a = [1,'b',\"c\"]") == Values{"1", "b", "c"});
    CHECK(values("a = ['1,2', \"3 ]\" , 'x # y',]") == Values{"1,2", "3 ]", "x # y"});
    CHECK(values("a = [ # comment\n  1 ,\n\n  2 # two\n]") == Values{"1", "2"});
}

TEST_CASE("what is wrong with a file is named with its line") {
    CHECK(problem("\n\nx") == "line 3: expected name = value, names as the flags have them");
    CHECK(problem("= 1") == "line 1: expected name = value, names as the flags have them");
    CHECK(problem("a =") == "line 1: expected name = value, names as the flags have them");
    CHECK(problem("a = \"x\ny\"") == "line 1: the quote at the end of a text is missing");
    CHECK(problem("a = \"x") == "line 1: the quote at the end of a text is missing");
    CHECK(problem("a = \"\\x\"") == "line 1: backslashes are not known here");
    CHECK(problem("a = [1] 2").starts_with("line 1: the line goes on after the ]"));
    CHECK(problem("a = [1,\n\n") == "line 3: the ] at the end of a list is missing");
    CHECK(problem("a = [[1]]") == "line 1: a list cannot hold lists");
    CHECK(problem("[a]").starts_with("line 1: tables are not known here"));
    CHECK(problem("a = 1\n\na = 2") == "line 3: a stands there twice");
}
