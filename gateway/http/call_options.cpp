#include "gateway/http/call_options.hpp"

#include "common/units.hpp"

namespace rpcbroker::http {

namespace {

std::string either(const Request& request, std::string_view parameter, std::string_view field) {
    auto value = request.parameter(parameter);
    return value.empty() ? std::string{request.field(field)} : value;
}

Error invalid(std::string message) { return {Code::invalid_argument, std::move(message), By::client, Ran::no}; }

}  // namespace

Result<CallOptions> read_call_options(const Request& request) {
    CallOptions options;
    if (const auto text = either(request, "timeout", "rpc-timeout"); !text.empty()) {
        const auto timeout = parse_duration(text);
        if (!timeout) return invalid("timeout: " + timeout.error().message());
        options.timeout = std::chrono::ceil<std::chrono::milliseconds>(*timeout);
    }
    if (const auto text = either(request, "idempotent", "rpc-idempotent"); !text.empty()) {
        if (text != "true" && text != "false") return invalid("idempotent: true or false is wanted");
        options.idempotent = text == "true";
    }
    if (auto key = either(request, "key", "rpc-key"); !key.empty()) options.key = std::move(key);
    options.trace = request.field("traceparent");
    return options;
}

}  // namespace rpcbroker::http
