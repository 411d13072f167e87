// What can be called, written for people: the answers of rpc.services and rpc.describe.
#pragma once

#include <string>
#include <string_view>

#include <rpcbroker/result.hpp>

namespace rpcbroker {

/// `packed` is the result of rpc.services. Lines, each with its newline. What strangers wrote into it (names,
/// documentation) is escaped, so that nobody moves a terminal's cursor. The error: it is not what a broker answers.
Result<std::string> list_services(std::string_view packed);

/// The same services: the full name of every method, a line each. Nothing where there is none.
Result<std::string> list_names(std::string_view packed);

/// `packed` is the result of rpc.describe for `method`.
Result<std::string> describe_method(std::string_view method, std::string_view packed);

}  // namespace rpcbroker
