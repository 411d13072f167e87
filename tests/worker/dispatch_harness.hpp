// Calls a method of a registry the way the runtime does, without one.
#pragma once

#include <string>
#include <string_view>

#include <rpcbroker/convert.hpp>

#include "tests/worker/show.hpp"
#include "worker/dispatch.hpp"

namespace rpcbroker::test {

struct DispatchHarness {
    /// The response to `method` as text, and `raw` its bytes.
    template <class... A>
    std::string call(std::string_view method, const A&... arguments) {
        std::string params;
        pack_params(params, arguments...);
        return call_packed(method, params);
    }
    std::string call_packed(std::string_view method, std::string_view params) {
        auto& call = running.call;
        call.msgid = 7;
        call.method = method;
        call.params = params;
        const auto outcome = dispatch(registry, running, raw);
        const auto response = show_body(raw).at(0);
        CHECK(outcome.has_value() == response.starts_with("response 7 nil "));
        return response;
    }
    /// The error of the last call.
    [[nodiscard]] Error error() const {
        BodyReader reader{raw};
        MessageView message;
        REQUIRE(reader.next(message) == BodyReader::Step::message);
        return read_error_object(message.error).value();
    }

    Registry registry;
    detail::RunningCall running;
    std::string raw;
};

}  // namespace rpcbroker::test
