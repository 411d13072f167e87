#include "gateway/go_errors.hpp"

namespace rpcbroker {

std::string go_error(const Error& error, std::string_view method) {
    const std::string name{method};
    if (error.by() == By::handler)
        return error.message().empty() ? std::string{name_of(error.code())} : error.message();
    if (method.find('.') == std::string_view::npos) return "rpc: service/method request ill-formed: " + name;
    if (error.by() == By::broker && error.code() == Code::not_found) return "rpc: can't find service " + name;
    if (error.by() == By::broker && error.code() == Code::unimplemented) return "rpc: can't find method " + name;
    return error.what();
}

}  // namespace rpcbroker
