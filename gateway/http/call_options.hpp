// How a call is to be made, as a request over HTTP says it: by its query, else by its fields.
#pragma once

#include <rpcbroker/client_options.hpp>
#include <rpcbroker/result.hpp>

#include "gateway/http/message.hpp"

namespace rpcbroker::http {

/// `timeout` or Rpc-Timeout (250ms, 5s), `idempotent` or Rpc-Idempotent (true, false), `key` or Rpc-Key, traceparent. The
/// error: INVALID_ARGUMENT.
Result<CallOptions> read_call_options(const Request& request);

}  // namespace rpcbroker::http
