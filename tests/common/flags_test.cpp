#include "common/program/flags.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

using namespace rpcbroker;
using namespace std::chrono_literals;

namespace {

// A program with a flag of every kind, the way rpc-broker or rpc-call would have them.
struct Program {
    bool insecure = false;
    std::string name = "here";
    std::vector<std::string> meta;
    std::string color = "red";
    std::uint16_t threads = 4;
    std::chrono::milliseconds heartbeat = 500ms;
    std::chrono::nanoseconds grace = 1s;
    std::uint64_t max_message = 64 << 20;
    std::vector<Endpoint> frontend;
    std::string capacity = "auto";
    std::string method;
    std::vector<std::string> args;
    Flags flags{"rpc-test", "Tries flags.", "rpc-test --name there M\nrpc-test M -5"};
    std::ostringstream out;
    std::ostringstream err;

    explicit Program(bool method_required = false) {
        flags.group("Names").add_text("--name", name, "NAME", "how it is called");
        flags.add_texts("--meta", meta, "NAME=VALUE", "what to send along");
        flags.add_choice("--color", color, {"red", "green", "blue"}, "the color");
        flags.group("Numbers").add_number("--threads", threads, "how many threads run", 1, 64);
        flags.add_duration("--heartbeat", heartbeat, "between two signs of life");
        flags.add_duration("--service-grace", grace, "for a service that is not there yet");
        flags.add_size("--max-message", max_message, "of one body");
        flags.group("Sockets").add_endpoints("--frontend", frontend, Endpoint::Use::bind, default_frontend,
                                             "where clients connect");
        flags.add_switch("--insecure", insecure, "binds anywhere without keys");
        const auto take = [this](const std::string& value) -> std::optional<std::string> {
            if (value == "many") return "\"many\" is no number, or auto";
            capacity = value;
            return std::nullopt;
        };
        flags.add_value("--capacity", "auto|N", capacity, take, "calls at once");
        flags.add_argument("METHOD", method, "what to call", method_required);
        flags.add_arguments("ARG", args, "its parameters");
    }

    std::optional<int> parse(const std::vector<std::string>& arguments) { return flags.parse(arguments, out, err); }

    std::string problem(const std::vector<std::string>& arguments) {
        if (parse(arguments) != 2) return "none";
        CHECK(out.str().empty());
        return err.str();
    }
};

std::string problem(const std::vector<std::string>& arguments) { return Program{}.problem(arguments); }

// Environment variables, for as long as it lives.
class Environment {
public:
    explicit Environment(std::map<std::string, std::string> variables) : variables_(std::move(variables)) {
        for (const auto& [name, value] : variables_) setenv(name.c_str(), value.c_str(), 1);
    }
    ~Environment() {
        for (const auto& [name, value] : variables_) unsetenv(name.c_str());
    }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

private:
    std::map<std::string, std::string> variables_;
};

class File {
public:
    explicit File(std::string_view text) { std::ofstream{path} << text; }
    ~File() { std::filesystem::remove(path); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    const std::string path =
        (std::filesystem::temp_directory_path() / ("flags_test." + std::to_string(getpid()) + ".toml")).string();
};

std::vector<std::string> texts(const std::vector<Endpoint>& endpoints) {
    std::vector<std::string> all;
    for (const auto& endpoint : endpoints) all.push_back(endpoint.text());
    return all;
}

}  // namespace

TEST_CASE("without any flag everything keeps its default") {
    Program program;
    CHECK_FALSE(program.parse({}));
    CHECK(program.heartbeat == 500ms);
    CHECK(program.threads == 4);
    CHECK(texts(program.frontend) == std::vector<std::string>{"tcp://127.0.0.1:5555"});
    CHECK_FALSE(program.flags.given("--heartbeat"));
}

TEST_CASE("flags are taken from the command line, their value next or after =") {
    Program program;
    CHECK_FALSE(program.parse({"--heartbeat", "2s", "--service-grace=1500us", "--threads=8", "--max-message", "1GiB",
                               "--name=", "--insecure", "--color", "blue", "--capacity", "7"}));
    CHECK(program.heartbeat == 2s);
    CHECK(program.grace == 1500us);
    CHECK(program.threads == 8);
    CHECK(program.max_message == 1 << 30);
    CHECK(program.name.empty());
    CHECK(program.insecure);
    CHECK(program.color == "blue");
    CHECK(program.capacity == "7");
    CHECK(program.flags.given("--heartbeat"));
    CHECK(program.flags.given("--insecure"));
    CHECK_FALSE(program.flags.given("--meta"));
}

TEST_CASE("some flags may be given several times, of others the last one counts") {
    Program program;
    CHECK_FALSE(program.parse({"--frontend", "tcp://*:1", "--meta", "a=1,2", "--frontend=ipc:///run/a", "--meta", "b=2",
                               "--threads", "2", "--threads", "3", "--insecure", "--insecure=false"}));
    CHECK(texts(program.frontend) == std::vector<std::string>{"tcp://*:1", "ipc:///run/a"});
    CHECK(program.meta == std::vector<std::string>{"a=1,2", "b=2"});
    CHECK(program.threads == 3);
    CHECK_FALSE(program.insecure);
}

TEST_CASE("what is no flag is an argument as it stands") {
    Program program;
    CHECK_FALSE(
        program.parse({"Foo.Bar", "-5", "[1,2]", "--name", "there", "-", "++", "", "--", "--name", "--", "-x"}));
    CHECK(program.method == "Foo.Bar");
    CHECK(program.name == "there");
    CHECK(program.args == std::vector<std::string>{"-5", "[1,2]", "-", "++", "", "--name", "--", "-x"});
}

TEST_CASE("a bad value is one line that names it and what would be right") {
    CHECK(problem({"--frontend", "tcp://127.0.0.1:99999"}) ==
          "rpc-test: --frontend: tcp://127.0.0.1:99999: port 99999 is over 65535\n");
    CHECK(problem({"--heartbeat", "5x"}) ==
          "rpc-test: --heartbeat: \"5x\" is no duration; write it as in 250ms, 5s, 2m or 24h\n");
    CHECK(problem({"--heartbeat", "500us"}) ==
          "rpc-test: --heartbeat: \"500us\" is finer than this is counted in; write it as in 250ms or 5s\n");
    CHECK(problem({"--service-grace", "900000h"}) ==
          "rpc-test: --service-grace: \"900000h\" is longer than a hundred years\n");
    CHECK(problem({"--max-message", "1 MB"}) ==
          "rpc-test: --max-message: \"1 MB\" is no size; write it as in 512B, 64KiB, 16MiB or 1GiB\n");
    for (const auto* threads : {"0", "65", "x", "1x", "", "99999999999999999999", "-1"}) {
        CHECK(problem({"--threads", threads}) ==
              "rpc-test: --threads: \"" + std::string{threads} + "\" is no whole number from 1 to 64\n");
    }
    CHECK(problem({"--color", "pink"}) == "rpc-test: --color: \"pink\" is none of red, green or blue\n");
    CHECK(problem({"--capacity", "many"}) == "rpc-test: --capacity: \"many\" is no number, or auto\n");
    CHECK(problem({"--insecure=maybe"}) == "rpc-test: --insecure: \"maybe\" is neither true nor false\n");
    CHECK(problem({"--insecure="}) == "rpc-test: --insecure: \"\" is neither true nor false\n");
    CHECK(problem({"--threads=", "5"}) == "rpc-test: --threads: \"\" is no whole number from 1 to 64\n");
    CHECK(problem({"--color", "a\nb\x1b"}) == "rpc-test: --color: \"a\\nb?\" is none of red, green or blue\n");
}

TEST_CASE("a flag that is none is named, with the one that was meant") {
    CHECK(problem({"--frontent", "tcp://*:1"}) ==
          "rpc-test: --frontent: no such flag (did you mean --frontend?); see rpc-test --help\n");
    CHECK(problem({"--whatever=3"}) == "rpc-test: --whatever: no such flag; see rpc-test --help\n");
    CHECK(problem({"-x"}) == "rpc-test: -x: no such flag; see rpc-test --help\n");
    CHECK(problem({"--heartbeat"}) == "rpc-test: --heartbeat: needs a value, --heartbeat DURATION\n");
}

TEST_CASE("the value of a flag is taken as it stands") {
    Program program;
    CHECK_FALSE(
        program.parse({"--name", "--color=", "--meta", "[1,2]", "--meta=[3,4]", "--meta", "--", "--meta", "{}"}));
    CHECK(program.name == "--color=");
    CHECK(program.color == "red");
    CHECK(program.meta == std::vector<std::string>{"[1,2]", "[3,4]", "--", "{}"});
}

TEST_CASE("arguments that are missing or too many are named") {
    CHECK(Program{true}.problem({}) == "rpc-test: METHOD is missing; see rpc-test --help\n");
    std::ostringstream out;
    std::ostringstream err;
    Flags flags{"rpc-none", "Takes nothing.", ""};
    CHECK(flags.parse({"x"}, out, err) == 2);
    CHECK(err.str() == "rpc-none: x: one argument too many; see rpc-none --help\n");
}

TEST_CASE("the environment is taken where there is no flag") {
    const Environment environment{{{"RPC_SERVICE_GRACE", "3s"},
                                   {"RPC_THREADS", "7"},
                                   {"RPC_FRONTEND", "tcp://*:1,ipc:///run/a"},
                                   {"RPC_INSECURE", "1"},
                                   {"RPC_NAME", ""}}};
    Program program;
    CHECK_FALSE(program.parse({"--threads", "9"}));
    CHECK(program.grace == 3s);
    CHECK(program.threads == 9);
    CHECK(texts(program.frontend) == std::vector<std::string>{"tcp://*:1", "ipc:///run/a"});
    CHECK(program.insecure);
    CHECK(program.name == "here");
    CHECK(program.flags.given("--service-grace"));
}

TEST_CASE("a bad value in the environment is named by its variable") {
    const Environment environment{{{"RPC_HEARTBEAT", "fast"}}};
    CHECK(problem({}) == "rpc-test: RPC_HEARTBEAT: \"fast\" is no duration; write it as in 250ms, 5s, 2m or 24h\n");
    CHECK(problem({"--heartbeat", "1s"}) == "none");
}

TEST_CASE("a file is taken where there is neither flag nor variable") {
    const File file{
        "# all of it\n"
        "service-grace = \"3s\"\n"
        "threads = 7 # a number\n"
        "insecure = true\n"
        "heartbeat = '250ms'\n"
        "frontend = [\n  \"tcp://*:1\", # one\n  'ipc:///run/a',\n]\n"
        "meta = \"a=1\"\n"};
    const Environment environment{{{"RPC_HEARTBEAT", "1s"}}};
    Program program;
    CHECK_FALSE(program.parse({"--config", file.path, "--threads", "9"}));
    CHECK(program.grace == 3s);
    CHECK(program.threads == 9);
    CHECK(program.insecure);
    CHECK(program.heartbeat == 1s);
    CHECK(texts(program.frontend) == std::vector<std::string>{"tcp://*:1", "ipc:///run/a"});
    CHECK(program.meta == std::vector<std::string>{"a=1"});
}

TEST_CASE("the file can be named by the environment") {
    const File file{"threads = 7"};
    const Environment environment{{{"RPC_CONFIG", file.path}}};
    Program program;
    CHECK_FALSE(program.parse({}));
    CHECK(program.threads == 7);
}

TEST_CASE("what is wrong with a file is one line that names the file and the name") {
    const auto problem_of = [](std::string_view text) {
        const File file{text};
        auto line = problem({"--config", file.path});
        const auto begin = "rpc-test: " + file.path + ": ";
        REQUIRE(line.starts_with(begin));
        return line.substr(begin.size());
    };
    CHECK(problem_of("\nheartbeet = \"1s\"\n") ==
          "heartbeet: no such name (did you mean heartbeat?); the names are those of rpc-test --help\n");
    CHECK(problem_of("help = true") == "help: no such name; the names are those of rpc-test --help\n");
    CHECK(problem_of("config = \"x\"").starts_with("config: no such name"));
    CHECK(problem_of("RPC_THREADS = 7").starts_with("RPC_THREADS: no such name"));
    CHECK(problem_of("meta = []") == "meta: the list is empty\n");
    CHECK(problem_of("threads = [1, 2]").starts_with("threads: takes one value"));
    CHECK(problem_of("threads = 65") == "threads: \"65\" is no whole number from 1 to 64\n");
    CHECK(problem_of("threads = 6\nthreads = 7") == "line 2: threads stands there twice\n");
    CHECK(problem_of("heartbeat = \"1x\"").starts_with("heartbeat: \"1x\""));
    CHECK(problem_of("[broker]") ==
          "line 1: tables are not known here; write name = value, names as the flags have them\n");
}

TEST_CASE("a file that is not there is named") {
    CHECK(problem({"--config", "/nowhere/rpc.toml"}) ==
          "rpc-test: --config: /nowhere/rpc.toml: No such file or directory\n");
    CHECK(problem({"--config", "/"}).starts_with("rpc-test: --config: /: "));
    CHECK(problem({"--config="}) == "rpc-test: --config: : No such file or directory\n");
    const Environment environment{{{"RPC_CONFIG", "/nowhere/rpc.toml"}}};
    CHECK(problem({}) == "rpc-test: RPC_CONFIG: /nowhere/rpc.toml: No such file or directory\n");
}

TEST_CASE("help shows groups, defaults and examples, whatever else is wrong") {
    const Environment environment{{{"RPC_HEARTBEAT", "fast"}}};
    for (const auto* flag : {"--help", "-h"}) {
        Program program{true};
        CHECK(program.parse({"--threads", "0", flag}) == 0);
        CHECK(program.err.str().empty());
        const auto text = program.out.str();
        CHECK(text.starts_with("Tries flags.\n\nUsage: rpc-test [FLAGS] METHOD [ARG...]\n"));
        for (const auto* part : {
                 "\nNames:\n  --name NAME                 how it is called (default here)\n",
                 "\n  --meta NAME=VALUE ...       what to send along\n",
                 "\n  --color WORD                the color: red, green or blue (default red)\n",
                 "\nNumbers:\n  --threads N                 how many threads run (default 4)\n",
                 "\n  --heartbeat DURATION        between two signs of life (default 500ms)\n",
                 "\n  --max-message SIZE          of one body (default 64MiB)\n",
                 "\n  --frontend ENDPOINT ...     where clients connect (default tcp://127.0.0.1:5555)\n",
                 "\n  --insecure                  binds anywhere without keys\n",
                 "\nGeneral:\n  --config FILE ",
                 "\nExamples:\n  rpc-test --name there M\n  rpc-test M -5\n",
             }) {
            INFO(part);
            CHECK(text.find(part) != std::string::npos);
        }
    }
}

TEST_CASE("long help is broken at spaces") {
    Flags flags{"rpc-test", "Tries flags.", ""};
    bool ignored = false;
    flags.add_switch("--a-flag-with-quite-a-long-name", ignored, std::string(40, 'a') + ' ' + std::string(40, 'b'));
    flags.add_switch("--b", ignored, std::string(90, 'c') + " d");
    std::ostringstream out;
    CHECK(flags.parse({"--help"}, out, out) == 0);
    const std::string indent(30, ' ');
    CHECK(out.str().find("  --a-flag-with-quite-a-long-name\n" + indent + std::string(40, 'a') + '\n' + indent +
                         std::string(40, 'b') + '\n') != std::string::npos);
    CHECK(out.str().find(std::string(90, 'c') + '\n' + indent + "d\n") != std::string::npos);
}

TEST_CASE("the version is one line") {
    Program program;
    CHECK(program.parse({"--version"}) == 0);
    CHECK(program.out.str().starts_with("rpc-test 0."));
    CHECK(program.out.str().find('\n') == program.out.str().size() - 1);
}

TEST_CASE("a program can refuse what only it can see") {
    Program program;
    CHECK_FALSE(program.parse({}));
    CHECK(program.flags.refuse("--key needs --authorized") == 2);
    CHECK(program.err.str() == "rpc-test: --key needs --authorized\n");
}

TEST_CASE("flags that are none or added twice are bugs") {
    Flags flags{"rpc-test", "", ""};
    bool ignored = false;
    CHECK_THROWS_AS(flags.add_switch("name", ignored, ""), std::logic_error);
    CHECK_THROWS_AS(flags.add_switch("--", ignored, ""), std::logic_error);
    flags.add_switch("--name", ignored, "");
    CHECK_THROWS_AS(flags.add_switch("--name", ignored, ""), std::logic_error);
}
