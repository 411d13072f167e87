#include "gateway/method_info.hpp"

#include "client/entry.hpp"

namespace rpcbroker {

MethodInfo read_method_info(std::string_view packed) {
    const Entry entry{packed};
    MethodInfo info;
    const auto params = entry.find<std::vector<std::string>>("params");
    info.known = entry.valid();
    info.stream = entry.get<bool>("stream");
    info.idempotent = entry.get<bool>("idempotent");
    info.result = gob::declared_shape(entry.get<std::string>("result"));
    for (const auto& param : params.value_or(std::vector<std::string>{})) {
        const auto colon = param.find(':');  // "text: str"
        info.params.push_back(colon == std::string::npos ? "" : param.substr(0, colon));
    }
    return info;
}

}  // namespace rpcbroker
