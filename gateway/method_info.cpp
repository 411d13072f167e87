#include "gateway/method_info.hpp"

#include "client/entry.hpp"

namespace rpcbroker {

/// The types of a struct's fields have colons, too.
Parameter read_parameter(std::string_view text) {
    const auto end = text.find_first_of(":{<");
    if (end == std::string_view::npos || text[end] != ':') return {.type = std::string{text}};
    return {std::string{text.substr(0, end)}, std::string{text.substr(end + 1)}};
}

MethodInfo read_method_info(std::string_view packed) {
    const Entry entry{packed};
    MethodInfo info;
    const auto params = entry.find<std::vector<std::string>>("params");
    info.known = entry.valid();
    info.stream = entry.get<bool>("stream");
    info.idempotent = entry.get<bool>("idempotent");
    info.result = gob::declared_shape(entry.get<std::string>("result"));
    for (const auto& param : params.value_or(std::vector<std::string>{}))
        info.params.push_back(read_parameter(param).name);
    return info;
}

}  // namespace rpcbroker
