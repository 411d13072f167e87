#include "client/parameters.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <istream>

#include <rpcbroker/pack.hpp>

#include "client/json_msgpack.hpp"

namespace rpcbroker {

namespace {

Error usage(std::string problem) { return Error{Code::invalid_argument, std::move(problem)}; }

Result<std::string> read_all(std::istream& input, const std::string& name) {
    std::string content;
    std::array<char, 4096> part{};
    while (input.read(part.data(), part.size()) || input.gcount() > 0)
        content.append(part.data(), static_cast<std::size_t>(input.gcount()));
    if (input.bad()) return usage(name + ": cannot be read");
    return content;
}

Result<std::string> read_file(const std::string& path) {
    errno = 0;
    std::ifstream file{path, std::ios::binary};
    if (!file || file.peek() == std::ifstream::traits_type::eof()) {
        if (errno != 0) return usage("@" + path + ": " + std::strerror(errno));
        return std::string{};
    }
    return read_all(file, "@" + path);
}

/// What an argument is taken from, if not from itself: "-", "@file".
bool is_elsewhere(const std::string& argument) {
    return argument == "-" || (argument.size() > 1 && argument[0] == '@' && argument[1] != '@');
}

Result<std::string> fetch(const std::string& argument, std::istream& input) {
    return argument == "-" ? read_all(input, "standard input") : read_file(argument.substr(1));
}

void pack_text(Packer& packer, const std::string& text) {
    if (is_utf8(text))
        packer.string(text);
    else
        packer.binary(text);
}

Result<void> pack_argument(Packer& packer, const std::string& argument, std::istream& input) {
    if (is_elsewhere(argument)) {
        auto content = fetch(argument, input);
        if (!content) return std::move(content).error();
        pack_text(packer, *content);
    } else if (argument.starts_with("@@")) {
        pack_text(packer, argument.substr(1));
    } else if (const auto json = json_to_msgpack(argument)) {
        packer.raw(*json);
    } else {
        pack_text(packer, argument);
    }
    return {};
}

}  // namespace

Result<std::string> pack_arguments(const std::vector<std::string>& arguments, std::istream& input) {
    if (std::ranges::count(arguments, "-") > 1) return usage("standard input (-) can be only one of the parameters");
    std::string params;
    Packer packer{params};
    packer.array(arguments.size());
    for (const auto& argument : arguments)
        if (auto packed = pack_argument(packer, argument, input); !packed) return std::move(packed).error();
    return params;
}

std::string pack_strings(const std::vector<std::string>& arguments) {
    std::string params;
    Packer packer{params};
    packer.array(arguments.size());
    for (const auto& argument : arguments) packer.string(argument);
    return params;
}

Result<std::string> pack_json_parameters(const std::string& json, std::istream& input) {
    auto text = is_elsewhere(json) ? fetch(json, input) : Result<std::string>{json};
    if (!text) return text;
    auto params = json_to_msgpack(*text);
    if (!params) return usage("--json: not valid JSON, try '[\"text\", 1]'");
    if (Unpacker{*params}.peek() != Kind::array)
        return usage("--json: all parameters are wanted, as one array: try '[" + text->substr(0, 100) + "]'");
    return std::move(*params);
}

}  // namespace rpcbroker
