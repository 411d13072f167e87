// What is answered over HTTP, from results and errors.
#pragma once

#include <string>

#include <rpcbroker/error.hpp>

#include "gateway/http/message.hpp"

namespace rpcbroker::http {

/// {"error": {"code": …, "message": …}}, with the status of its code, and Retry-After where that is known.
Response failure(const Error& error);
/// The same with another status.
Response failure(unsigned status, Code code, std::string message);

}  // namespace rpcbroker::http
