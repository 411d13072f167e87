#include "tests/simulation/keyring.hpp"

#include <memory>
#include <utility>

namespace rpcbroker::simulation {

void Keyring::give(Place place, std::string name, Role role, std::string_view pattern) {
    Key& key = keys_[place];
    key.line = {.name = std::move(name), .role = role, .public_key = {}, .rights = {}};
    key.line.rights = pattern == "*" ? Rights::everything() : Rights{};
    if (pattern != "*") key.line.rights.add(pattern);
    put_in_again(place);
}

void Keyring::take_out(Place place) {
    keys_.at(place).identity = nullptr;
    ++changes_;
}

void Keyring::put_in_again(Place place) {
    Key& key = keys_.at(place);
    if (key.identity) return;
    key.identity = std::make_shared<const AuthorizedKey>(key.line);
    ++changes_;
}

void Keyring::put_all_in_again() {
    for (const auto& [place, key] : keys_) put_in_again(place);
}

broker::Identity Keyring::at(Place place) const {
    const auto found = keys_.find(place);
    return found == keys_.end() ? nullptr : found->second.identity;
}

bool Keyring::allows(Place place, std::string_view method) const {
    const auto found = keys_.find(place);
    return !required_ || (found != keys_.end() && found->second.line.rights.allow(method));
}

}  // namespace rpcbroker::simulation
