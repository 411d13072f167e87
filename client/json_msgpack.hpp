// JSON to MessagePack and back, for rpc-call.
//
// JSON cannot hold all that MessagePack can. What it cannot is written so:
//     bytes that are UTF-8      a string
//     other bytes and strings   {"$bytes": "<base64>"}
//     NaN and infinities        {"$float": "NaN"}, "Infinity", "-Infinity"
//     extensions                {"$ext": <type>, "data": "<base64>"}
//     keys that are no strings  their JSON, as a string: {"1": "one"}; lists and maps "$msgpack:<base64>"
// Integers keep all 64 bits. The way back knows nothing of this: {"$bytes": …} is a map.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rpcbroker {

/// Nothing when `json` is not one JSON value (in UTF-8), or nested deeper than any broker takes.
std::optional<std::string> json_to_msgpack(std::string_view json);

enum class JsonLayout { line, indented };

/// `packed` is one MessagePack value; anything else, and what is nested too deep, is written as null. It never fails.
std::string msgpack_to_json(std::string_view packed, JsonLayout layout = JsonLayout::line);

}  // namespace rpcbroker
