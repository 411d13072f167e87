#include "client/entry.hpp"

namespace rpcbroker {

Error not_understood(std::string_view call) {
    return Error{Code::internal, "the answer to " + std::string{call} + " is not what a broker says", By::client,
                 Ran::unsaid};
}

Result<std::vector<Entry>> read_entries(std::string_view packed, std::string_view call) {
    const auto list = unpack_value<std::vector<RawValue>>(packed, call);
    if (!list) return not_understood(call);
    std::vector<Entry> entries;
    for (const auto& each : *list) {
        entries.emplace_back(each.packed);
        if (!entries.back().valid()) return not_understood(call);
    }
    return entries;
}

}  // namespace rpcbroker
