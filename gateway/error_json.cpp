#include "gateway/error_json.hpp"

#include <rpcbroker/pack.hpp>

#include "client/json_msgpack.hpp"

namespace rpcbroker {

std::string quoted_json(std::string_view text) {
    std::string packed;
    Packer{packed}.string(text);
    return msgpack_to_json(packed);
}

std::string error_json(const Error& error) {
    std::string json =
        R"({"code":)" + quoted_json(name_of(error.code())) + R"(,"message":)" + quoted_json(error.message());
    if (error.by() != By::handler) json += R"(,"by":)" + quoted_json(name_of(error.by()));
    if (error.ran() != Ran::unsaid) json += R"(,"ran":)" + quoted_json(name_of(error.ran()));
    if (error.retry_after()) json += R"(,"retry_after":)" + std::to_string(error.retry_after()->count());
    if (!error.data().empty()) json += R"(,"data":)" + msgpack_to_json(error.data());
    return json + "}";
}

}  // namespace rpcbroker
