// One table of errors for all worlds; docs/GATEWAY.md shows it, and a test holds the two together.
#pragma once

#include <array>

#include <rpcbroker/error.hpp>

namespace rpcbroker {

struct ErrorRow {
    Code code;
    unsigned http_status;
    int json_rpc;
};

inline constexpr std::array<ErrorRow, 16> error_table{{
    {Code::cancelled, 499, -32001},
    {Code::unknown, 500, -32002},
    {Code::invalid_argument, 400, -32602},
    {Code::deadline_exceeded, 504, -32004},
    {Code::not_found, 404, -32005},
    {Code::already_exists, 409, -32006},
    {Code::permission_denied, 403, -32007},
    {Code::resource_exhausted, 429, -32008},
    {Code::failed_precondition, 400, -32009},
    {Code::aborted, 409, -32010},
    {Code::out_of_range, 400, -32011},
    {Code::unimplemented, 501, -32012},
    {Code::internal, 500, -32603},
    {Code::unavailable, 503, -32014},
    {Code::data_loss, 500, -32015},
    {Code::unauthenticated, 401, -32016},
}};

/// JSON-RPC's "method not found": what the broker says of a service or method that is not there.
inline constexpr int json_rpc_no_method = -32601;

inline const ErrorRow& error_row(Code code) noexcept { return error_table[static_cast<std::size_t>(code)]; }

inline int json_rpc_code(const Error& error) noexcept {
    const bool is_missing = error.code() == Code::not_found || error.code() == Code::unimplemented;
    return is_missing && error.by() == By::broker ? json_rpc_no_method : error_row(error.code()).json_rpc;
}

}  // namespace rpcbroker
