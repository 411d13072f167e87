// What rpc-call prints.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string_view>

#include "common/time.hpp"

namespace rpcbroker {

enum class OutputFormat : std::uint8_t { json, pretty, raw, msgpack };

/// A result or an item: a line, but for what has to come out byte by byte. `packed` is one MessagePack value.
void print_value(std::ostream& out, std::string_view packed, OutputFormat format);

/// One line: where the `whole` time went. `timing` is the map that the broker answers with; empty: it told none.
void print_timing(std::ostream& out, std::string_view timing, Duration whole);

}  // namespace rpcbroker
