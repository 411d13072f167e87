#include <rpcbroker/authorized.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "common/key_text.hpp"
#include "common/lines.hpp"
#include "common/message.hpp"

namespace rpcbroker {
namespace {

constexpr std::array<std::pair<std::string_view, Role>, 3> roles{
    {{"client", Role::client}, {"worker", Role::worker}, {"admin", Role::admin}}};

std::optional<Role> role_named(std::string_view text) noexcept {
    const auto* const found = std::ranges::find(roles, text, &decltype(roles)::value_type::first);
    return found == roles.end() ? std::nullopt : std::optional(found->second);
}

/// What is wrong with the line, or nothing. Words are not shown: one that stands in the wrong place may be a secret key.
std::string read_line(const std::vector<std::string_view>& words, AuthorizedKey& key) {
    if (words.size() < 3)
        return "expected a name, client, worker or admin, a public key, and what it may call or register";
    if (!is_key_name(words[0]))
        return "name: up to " + std::to_string(max_key_name) +
               " of a-z A-Z 0-9 . _ @ -, beginning with a letter or digit";
    const auto role = role_named(words[1]);
    if (!role) return "role, the second word: expected client, worker or admin";
    if (const auto problem = problem_with_key(words[2]); !problem.empty())
        return "public key, the third word: " + problem;
    key.name = words[0];
    key.role = *role;
    key.public_key = words[2];
    for (std::size_t i = 3; i < words.size(); ++i) {
        const auto problem = key.rights.add(words[i]);
        if (!problem.empty()) return "pattern " + std::to_string(i - 2) + ": " + problem;
    }
    return {};
}

Error wrong(std::size_t line, const std::string& problem) {
    return {Code::invalid_argument, "line " + std::to_string(line) + ": " + problem};
}

}  // namespace

std::string_view name_of(Role role) noexcept {
    return std::ranges::find(roles, role, &decltype(roles)::value_type::second)->first;
}

std::string Rights::add(std::string_view pattern) {
    if (pattern == "*") {
        all_ = true;
        return {};
    }
    if (!is_method_name(pattern)) return "expected *, Service.* or Service.Method";
    const auto dot = pattern.rfind('.');
    const auto service = pattern.substr(0, dot);
    const auto method = pattern.substr(dot + 1);
    if (service == "rpc") return "what may be asked of the service rpc goes by the role";
    const bool whole = method == "*";
    if (service.find('*') != std::string_view::npos || (!whole && method.find('*') != std::string_view::npos))
        return "* stands for all methods of a service, as in EchoUtil.*, or alone for everything";
    (whole ? services_ : methods_).emplace(whole ? service : pattern);
    return {};
}

bool Rights::allow(std::string_view method) const noexcept {
    if (all_) return true;
    const auto dot = method.rfind('.');
    return dot != std::string_view::npos && (services_.contains(method.substr(0, dot)) || methods_.contains(method));
}

Result<std::vector<AuthorizedKey>> parse_authorized(std::string_view text) {
    std::vector<AuthorizedKey> keys;
    std::map<std::string, std::size_t, std::less<>> line_of;
    Lines lines(text);
    while (const auto words = lines.next()) {
        AuthorizedKey key;
        if (const auto problem = read_line(*words, key); !problem.empty()) return wrong(lines.number(), problem);
        const auto [first, is_new] = line_of.emplace(key.public_key, lines.number());
        if (!is_new)
            return wrong(lines.number(),
                         "this public key stands in line " + std::to_string(first->second) + " already");
        keys.push_back(std::move(key));
    }
    return keys;
}

}  // namespace rpcbroker
