// Parameters of a method, made of what clients of other worlds send.
#pragma once

#include <string>
#include <string_view>

#include <rpcbroker/result.hpp>

#include "gateway/method_info.hpp"

namespace rpcbroker {

/// Go's one argument, one MessagePack value, as a packed array of parameters: the one parameter; a struct or map spread over
/// the parameters that it names, where the method declares several; nothing, where it declares none.
Result<std::string> spread_argument(std::string_view argument, const MethodInfo& method);

/// `named`, a packed map, as a packed array in the order of the method's declared parameters. Names are the same whatever
/// their case and underscores. The error (INVALID_ARGUMENT) names what is missing, or not wanted.
Result<std::string> named_parameters(std::string_view named, const MethodInfo& method);

}  // namespace rpcbroker
