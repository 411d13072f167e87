// EchoUtil, the service of rpc-worker: counts like the Go service that it comes from, and gives every feature of the
// broker something to be tried on. A function a method; each may be called from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <rpcbroker/service.hpp>

namespace rpcbroker::echo_util {

/// How many times `s` occurs.
std::int64_t count_string(std::string_view text);
/// Non-overlapping occurrences of `part`. Of an empty one: the characters + 1, where a byte that belongs to no valid
/// UTF-8 counts as one, as in Go's strings.Count.
std::int64_t count(std::string_view text, std::string_view part);
/// By code point. The error is INVALID_ARGUMENT, for UTF-8 that is not valid.
Result<std::string> reverse(std::string_view text);
Result<std::string> upper(std::string_view text);
/// Returns `ms` after that time; CANCELLED as soon as the call is, INVALID_ARGUMENT for a time that is negative.
Result<std::int64_t> sleep(Context& context, std::int64_t ms);
/// Sends 0 to n - 1 and returns n; CANCELLED as soon as the call is, INVALID_ARGUMENT for a negative n.
Result<std::int64_t> range(StreamContext<std::int64_t>& stream, std::int64_t n);
/// The error that it is told to be; INVALID_ARGUMENT for a code that is none.
Result<void> fail(std::string_view code, const std::string& message);

/// Adds all of them to `service`.
void serve(Service& service);

}  // namespace rpcbroker::echo_util
