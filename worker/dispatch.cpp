#include "worker/dispatch.hpp"

#include <exception>
#include <utility>

#include <rpcbroker/convert.hpp>

#include "common/message.hpp"

namespace rpcbroker {
namespace detail {

Result<void> parameters_do_not_fit(const Error& error) {
    return Error{error.code(), error.message(), By::worker, Ran::no};
}

Result<void> said_by_handler(const Error& error) {
    Error said{error.code(), error.message()};
    said.set_data(error.data());
    return said;
}

std::map<std::string, std::string> unpack_meta(std::string_view packed) {
    if (packed.empty()) return {};
    auto meta = unpack_value<std::map<std::string, std::string>>(packed, "meta");
    return meta ? std::move(*meta) : std::map<std::string, std::string>{};
}

}  // namespace detail

namespace {

Error no_such_method(const Registry& registry, std::string_view method) {
    const std::string service{method.substr(0, method.rfind('.'))};
    const auto text = registry.has_service(service) ? "there is no method " + std::string{method}
                                                    : "this worker has no service " + service;
    return {Code::unimplemented, text, By::worker, Ran::no};
}

Error no_stream_wanted(std::string_view method) {
    return {Code::invalid_argument, std::string{method} + " sends a stream: it is to be called with the option stream",
            By::worker, Ran::no};
}

const Method* find(const Registry& registry, detail::RunningCall& running) {
    if (!running.method || running.method->name != running.call.method)
        running.method = registry.find(running.call.method);
    return running.method;
}

Result<void> call_handler(const Method& method, detail::RunningCall& running, std::string& out) try {
    return method.handler->call(running, running.call.params, out);
} catch (const Error& error) {
    return detail::said_by_handler(error);
} catch (const std::exception& exception) {
    return Error{Code::internal, exception.what()};
} catch (...) {
    return Error{Code::internal, "unknown exception"};
}

Result<void> run(const Registry& registry, detail::RunningCall& running, std::string& response) {
    const Method* method = find(registry, running);
    if (!method) return no_such_method(registry, running.call.method);
    if (method->signature.stream && !running.call.options.stream) return no_stream_wanted(running.call.method);
    begin_result(response, running.call.msgid);
    return call_handler(*method, running, response);
}

}  // namespace

Result<void> dispatch(const Registry& registry, detail::RunningCall& running, std::string& response) {
    response.clear();
    auto outcome = run(registry, running, response);
    running.cancellation.end();
    if (outcome) return outcome;
    response.clear();
    append_error(response, running.call.msgid, outcome.error());
    return outcome;
}

}  // namespace rpcbroker
