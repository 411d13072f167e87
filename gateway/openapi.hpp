// GET /openapi.json: how to call over HTTP what is registered, for the tools that read OpenAPI 3.0.
#pragma once

#include <string>
#include <string_view>

#include <rpcbroker/result.hpp>

#include "gateway/method_filter.hpp"

namespace rpcbroker::openapi {

/// `services` is what rpc.services answered with, packed. Only what `filter` lets through is in it. Whatever the names and
/// texts in it are, what comes out is JSON, and each path leads back to its method. The error (INTERNAL): it is no list
/// of services.
Result<std::string> document(std::string_view services, const MethodFilter& filter, bool wants_token);

}  // namespace rpcbroker::openapi
