// Endpoints, durations, sizes and configuration files: any text is taken or refused with a message, and what was taken is
// written so that it is taken again.
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>

#include <rpcbroker/endpoint.hpp>

#include "common/program/config_file.hpp"
#include "common/units.hpp"

namespace {

void read_file(const std::string& text) try {
    std::istringstream stream{text};
    rpcbroker::ConfigFile{}.from_config(stream);
} catch (const CLI::ConfigError& error) {
    if (std::string_view{error.what()}.empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace rpcbroker;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    for (const auto use : {Endpoint::Use::bind, Endpoint::Use::connect}) {
        const auto endpoint = Endpoint::parse(text, use);
        if (endpoint && endpoint->text() != text) std::abort();
    }
    const auto duration = parse_duration(text);
    if (duration && *parse_duration(format_duration(*duration)) != *duration) std::abort();
    const auto bytes = parse_size(text);
    if (bytes && *parse_size(format_size(*bytes)) != *bytes) std::abort();
    read_file(std::string{text});
    return 0;
}
