#include "gateway/method_filter.hpp"

#include <algorithm>

#include "common/message.hpp"

namespace rpcbroker {

bool matches(std::string_view pattern, std::string_view text) noexcept {
    std::size_t at = 0;
    std::size_t star = std::string_view::npos;
    std::size_t behind_star = 0;
    for (std::size_t i = 0; i < text.size();) {
        if (at < pattern.size() && pattern[at] == '*') {
            star = at++;
            behind_star = i;
        } else if (at < pattern.size() && pattern[at] == text[i]) {
            ++at;
            ++i;
        } else if (star != std::string_view::npos) {
            at = star + 1;
            i = ++behind_star;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

Result<void> MethodFilter::check(std::string_view method) const {
    if (!is_method_name(method))
        return Error{Code::invalid_argument, "this is no method, try Service.Method", By::client, Ran::no};
    const bool is_brokers_own = method.starts_with("rpc.");
    const auto allows = [&](const std::string& pattern) {
        return matches(pattern, method) && (!is_brokers_own || pattern.starts_with("rpc."));
    };
    if (allowed_.empty() ? !is_brokers_own : std::ranges::any_of(allowed_, allows)) return {};
    return Error{Code::permission_denied, "this gateway does not pass on calls of " + std::string{method}, By::client,
                 Ran::no};
}

}  // namespace rpcbroker
