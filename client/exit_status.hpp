// How the programs that ask a broker say what went wrong.
#pragma once

#include <iosfwd>
#include <string_view>

#include <rpcbroker/error.hpp>

namespace rpcbroker {

/// The exit status for a code: rpc-call --help lists them.
int exit_status(Code code);

/// Writes one line, "rpc-call: CODE: message", escaped; returns the exit status.
int report(std::ostream& err, std::string_view program, const Error& error);

}  // namespace rpcbroker
