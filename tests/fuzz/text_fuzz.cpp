// Endpoints, durations, sizes, configuration files, names of methods, and strangers' texts on a terminal: any text is taken or
// refused with a message, and what was taken is written so that it is taken again.
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>

#include <rpcbroker/endpoint.hpp>

#include "client/printable.hpp"
#include "common/program/config_file.hpp"
#include "common/units.hpp"
#include "tests/fuzz/input.hpp"

namespace rpcbroker::fuzz {
namespace {

void read_endpoint(std::string_view text) {
    for (const auto use : {Endpoint::Use::bind, Endpoint::Use::connect}) {
        const auto endpoint = Endpoint::parse(text, use);
        require(!endpoint || endpoint->text() == text, "an endpoint is what was written");
        require(endpoint || !endpoint.error().message().empty(), "what is wrong with an endpoint");
    }
}

void read_units(std::string_view text) {
    const auto duration = parse_duration(text);
    if (duration) require(*parse_duration(format_duration(*duration)) == *duration, "a duration comes back");
    const auto bytes = parse_size(text);
    if (bytes) require(*parse_size(format_size(*bytes)) == *bytes, "a size comes back");
}

void read_file(const std::string& text) try {
    std::istringstream stream{text};
    ConfigFile{}.from_config(stream);
} catch (const CLI::ConfigError& error) {
    require(!std::string_view{error.what()}.empty(), "what is wrong with a file");
}

void read_method(std::string_view text) {
    if (!is_method_name(text)) return;
    require(is_utf8(text) && text.size() <= 255, "a method's name can be shown");
    const auto dot = text.rfind('.');
    require(dot != 0 && dot + 1 < text.size(), "a service and a method");
}

void show(std::string_view text) {
    const auto shown = printable(text);
    require(is_utf8(shown) && printable(shown) == shown, "what can be shown can be shown");
    const auto cells = cells_of(shown);
    for (const std::size_t width : {0U, 1U, 7U}) require(cells_of(cut_to(shown, width)) <= width, "it fits");
    require(cut_to(shown, cells) == shown, "what fits is not cut");
}

}  // namespace
}  // namespace rpcbroker::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    rpcbroker::fuzz::read_endpoint(text);
    rpcbroker::fuzz::read_units(text);
    rpcbroker::fuzz::read_file(std::string{text});
    rpcbroker::fuzz::read_method(text);
    rpcbroker::fuzz::show(text);
    return 0;
}
