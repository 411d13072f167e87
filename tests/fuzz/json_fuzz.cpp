// The parameters and results of rpc-call: any text is taken as JSON, or not, and what was taken is one MessagePack value that
// says the same when it comes back as JSON; any bytes are shown as JSON; any arguments are packed as one array.
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "client/json_msgpack.hpp"
#include "client/parameters.hpp"
#include "tests/fuzz/input.hpp"

namespace rpcbroker::fuzz {
namespace {

void require_value(std::string_view packed) {
    Unpacker in(packed);
    require(in.take_value() && in.at_end(), "one whole MessagePack value");
}

void read_json(std::string_view text) {
    const auto packed = json_to_msgpack(text);
    if (!packed) return;
    require_value(*packed);
    for (const auto layout : {JsonLayout::line, JsonLayout::indented})
        require(json_to_msgpack(msgpack_to_json(*packed, layout)) == packed, "JSON that came back says something else");
}

void show_bytes(std::string_view bytes) {
    const auto json = msgpack_to_json(bytes);
    require(json.find('\n') == std::string::npos, "one line");
    // What JSON cannot hold is shown as a map of its own, and then may be nested deeper than parameters are.
    if (Unpacker(bytes).take_value(max_nesting - 1))
        require(json_to_msgpack(json).has_value(), "what is shown is JSON");
}

/// A line is an argument. None is read from a file.
void pack_lines(std::string_view text) {
    std::vector<std::string> arguments;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);)
        if (!line.starts_with('@') || line.starts_with("@@")) arguments.push_back(line);
    std::istringstream input("in");
    require_value(pack_strings(arguments));
    if (const auto packed = pack_arguments(arguments, input)) require_value(*packed);
    if (arguments.empty()) return;
    if (const auto packed = pack_json_parameters(arguments[0], input)) require_value(*packed);
}

}  // namespace
}  // namespace rpcbroker::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    rpcbroker::fuzz::read_json(text);
    rpcbroker::fuzz::show_bytes(text);
    rpcbroker::fuzz::pack_lines(text);
    return 0;
}
