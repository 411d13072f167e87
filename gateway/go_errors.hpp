// Errors as Go's net/rpc words them: there an error is a text.
#pragma once

#include <string>
#include <string_view>

#include <rpcbroker/error.hpp>

namespace rpcbroker {

/// A handler's error is its message alone. A service or method that is not there is what Go's server says of it. All else
/// is "CODE: message".
std::string go_error(const Error& error, std::string_view method);

}  // namespace rpcbroker
