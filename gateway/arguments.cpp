#include "gateway/arguments.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include <rpcbroker/pack.hpp>

namespace rpcbroker {

namespace {

struct Named {
    std::string_view name;
    std::string_view value;
};

Error invalid(std::string message) { return {Code::invalid_argument, std::move(message), By::client, Ran::no}; }

std::string folded(std::string_view name) {
    std::string text;
    for (const char c : name)
        if (c != '_') text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
}

/// Nothing where it is no map with texts for keys.
std::optional<std::vector<Named>> entries_of(std::string_view packed) {
    Unpacker in{packed};
    const auto size = in.take_map();
    if (!size) return std::nullopt;
    std::vector<Named> entries;
    for (std::uint32_t i = 0; i < *size; ++i) {
        const auto name = in.take_string();
        const auto value = name ? in.take_value() : std::nullopt;
        if (!value) return std::nullopt;
        entries.push_back({*name, *value});
    }
    return entries;
}

bool names_all(const MethodInfo& method) {
    return method.known && std::ranges::none_of(method.params, &std::string::empty);
}

}  // namespace

Result<std::string> named_parameters(std::string_view named, const MethodInfo& method) {
    const auto entries = entries_of(named);
    if (!entries) return invalid("named parameters are wanted, or a list");
    if (method.missing) return *method.missing;
    if (!names_all(method)) return invalid("the method does not declare the names of its parameters: send a list");
    std::string params;
    Packer packer{params};
    packer.array(method.params.size());
    for (const auto& param : method.params) {
        const auto is_it = [&](const Named& each) { return folded(each.name) == folded(param); };
        const auto found = std::ranges::find_if(*entries, is_it);
        if (found == entries->end()) return invalid("parameter " + param + " is missing");
        packer.raw(found->value);
    }
    if (entries->size() > method.params.size()) return invalid("more parameters than the method has");
    return params;
}

Result<std::string> spread_argument(std::string_view argument, const MethodInfo& method) {
    std::string params;
    Packer packer{params};
    if (method.known && method.params.empty()) {
        packer.array(0);
        return params;
    }
    if (method.known && method.params.size() > 1 && Unpacker{argument}.peek() == Kind::map)
        return named_parameters(argument, method);
    packer.array(1).raw(argument);
    return params;
}

}  // namespace rpcbroker
