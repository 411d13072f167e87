// Errors as JSON, for the clients of HTTP.
#pragma once

#include <string>

#include <rpcbroker/error.hpp>

namespace rpcbroker {

/// {"code": "NOT_FOUND", "message": …} and, where they are known, "by", "ran", "retry_after" in ms, "data".
std::string error_json(const Error& error);

/// A text as JSON.
std::string quoted_json(std::string_view text);

}  // namespace rpcbroker
