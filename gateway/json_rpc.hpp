// JSON-RPC 2.0 (https://www.jsonrpc.org/specification), without the calls.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rpcbroker/error.hpp>

namespace rpcbroker::json_rpc {

struct Request {
    std::optional<int> problem{};  ///< its error code, where it is no request
    std::string method{};
    std::string params = "\x90";      ///< packed: an array, or a map of named ones
    std::optional<std::string> id{};  ///< as JSON; nothing for a notification

    /// One that is no request is answered, too.
    [[nodiscard]] bool wants_answer() const { return problem || id; }
};

struct Batch {
    std::vector<Request> requests;
    bool is_array = false;  ///< and so is the answer
};

inline constexpr int parse_error = -32700;
inline constexpr int invalid_request = -32600;

/// Any text. At least one request, which may be a problem. `most`: requests; one more is a problem as a whole.
Batch read(std::string_view json, std::size_t most);

/// A response, as JSON.
std::string result(const std::string& id, std::string_view packed);
std::string failure(const std::string& id, const Error& error);
std::string failure(const Request& problem);

}  // namespace rpcbroker::json_rpc
