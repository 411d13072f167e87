#include "gateway/http/reply.hpp"

#include "gateway/error_json.hpp"
#include "gateway/error_table.hpp"

namespace rpcbroker::http {

Response failure(const Error& error) {
    Response response{.status = error_row(error.code()).http_status,
                      .body = R"({"error":)" + error_json(error) + "}\n"};
    if (const auto pause = error.retry_after()) {
        const auto seconds = std::chrono::ceil<std::chrono::seconds>(*pause);
        response.fields.emplace_back("Retry-After", std::to_string(seconds.count()));
    }
    return response;
}

Response failure(unsigned status, Code code, std::string message) {
    auto response = failure(Error{code, std::move(message), By::client, Ran::no});
    response.status = status;
    return response;
}

}  // namespace rpcbroker::http
