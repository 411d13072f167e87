#include "client/exit_status.hpp"

#include <ostream>

#include "client/printable.hpp"

namespace rpcbroker {

int exit_status(Code code) {
    switch (code) {
    case Code::unavailable: return 3;
    case Code::deadline_exceeded: return 4;
    case Code::not_found:
    case Code::unimplemented: return 5;
    case Code::invalid_argument: return 6;
    case Code::resource_exhausted: return 7;
    case Code::unauthenticated:
    case Code::permission_denied: return 8;
    case Code::cancelled: return 9;
    default: return 1;
    }
}

int report(std::ostream& err, std::string_view program, const Error& error) {
    err << program << ": " << name_of(error.code()) << ": " << printable(error.message()) << '\n';
    return exit_status(error.code());
}

}  // namespace rpcbroker
