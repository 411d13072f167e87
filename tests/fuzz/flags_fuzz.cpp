// Any command line, an argument a line: it is taken, with values within their limits, or refused with one line that says why.
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "common/program/flags.hpp"
#include "tests/fuzz/input.hpp"

namespace rpcbroker::fuzz {
namespace {

using namespace std::chrono_literals;

/// A program with a flag of every kind.
class Program {
public:
    Program() {
        flags_.add_text("--name", name_, "NAME", "how it is called");
        flags_.add_texts("--meta", meta_, "NAME=VALUE", "what to send along");
        flags_.add_choice("--color", color_, {"red", "green"}, "the color");
        flags_.add_number("--threads", threads_, "how many threads run", 1, 64);
        flags_.add_duration("--heartbeat", heartbeat_, "between two signs of life");
        flags_.add_size("--max-message", max_message_, "of one body");
        flags_.add_endpoints("--frontend", frontend_, Endpoint::Use::bind, default_frontend, "where clients connect");
        flags_.add_switch("--insecure", insecure_, "binds anywhere");
        flags_.add_argument("METHOD", method_, "what to call", false);
        flags_.add_arguments("ARG", rest_, "its parameters");
    }

    void parse(const std::vector<std::string>& arguments) {
        std::ostringstream out;
        std::ostringstream errors;
        const auto status = flags_.parse(arguments, out, errors);
        if (!status) return check();
        require(*status == 0 || *status == 2, "the status of help or of a mistake");
        require((*status == 0) == errors.str().empty(), "a mistake is told of, and nothing else");
        require((*status == 2) == out.str().empty(), "help goes to standard output");
        if (*status == 2) require(is_line(errors.str()), "a mistake is one line");
    }

private:
    static bool is_line(const std::string& text) { return text.find('\n') == text.size() - 1; }

    void check() const {
        require(threads_ >= 1 && threads_ <= 64, "a number beyond its limits");
        require(color_ == "red" || color_ == "green", "a word that is no choice");
        require(heartbeat_ >= 0ms, "a duration below nothing");
        require(!frontend_.empty(), "no endpoint");
    }

    std::string name_ = "here";
    std::vector<std::string> meta_;
    std::string color_ = "red";
    std::uint16_t threads_ = 4;
    std::chrono::milliseconds heartbeat_ = 500ms;
    std::uint64_t max_message_ = 64;
    std::vector<Endpoint> frontend_;
    bool insecure_ = false;
    std::string method_;
    std::vector<std::string> rest_;
    Flags flags_{"rpc-fuzz", "Takes flags.", "rpc-fuzz M"};
};

}  // namespace
}  // namespace rpcbroker::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::string> arguments;
    std::istringstream lines{std::string(reinterpret_cast<const char*>(data), size)};
    for (std::string line; std::getline(lines, line);) arguments.push_back(line);
    for (const auto& argument : arguments)
        if (argument.starts_with("--config") || argument.find('\0') != std::string::npos) return 0;  // reads no files
    rpcbroker::fuzz::Program{}.parse(arguments);
    return 0;
}
