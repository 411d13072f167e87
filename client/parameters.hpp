// The parameters of rpc-call, from its command line.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <rpcbroker/result.hpp>

namespace rpcbroker {

/// One MessagePack array of what `arguments` say: each JSON where it is valid JSON, else a string; "@file" the content
/// of a file, "-" what `input` holds (strings where they are UTF-8, else bytes), "@@x" the string "@x". The error
/// (INVALID_ARGUMENT) is one line for the user.
Result<std::string> pack_arguments(const std::vector<std::string>& arguments, std::istream& input);

/// All of them as strings, as they stand.
std::string pack_strings(const std::vector<std::string>& arguments);

/// All parameters as one JSON array; "@file" and "-" are read first.
Result<std::string> pack_json_parameters(const std::string& json, std::istream& input);

}  // namespace rpcbroker
