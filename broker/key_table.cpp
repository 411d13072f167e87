#include "broker/key_table.hpp"

#include <utility>

namespace rpcbroker::broker {

std::uint64_t KeyTable::admit(Side side, std::string_view public_key, std::string_view address) {
    const std::lock_guard lock{mutex_};
    const auto found = numbers_.find(public_key);
    const bool known = found != numbers_.end();
    if (known && fits(side, identities_.at(found->second)->role)) return found->second;
    refuse(side, public_key, address, known);
    return 0;
}

void KeyTable::refuse(Side side, std::string_view public_key, std::string_view address, bool known) {
    ++refused_.count;
    if (refused_.first.size() == max_refused) return;
    std::string why = "its key is not in the authorized file";
    if (known) why = side == Side::back ? "its key is none of a worker" : "its key is one of a worker";
    refused_.first.push_back({std::string(public_key), std::string(address), std::move(why)});
}

Identity KeyTable::find(Side side, std::uint64_t number) const {
    const std::lock_guard lock{mutex_};
    const auto found = identities_.find(number);
    if (found == identities_.end() || !fits(side, found->second->role)) return nullptr;
    return found->second;
}

void KeyTable::replace(std::vector<AuthorizedKey> keys) {
    const std::lock_guard lock{mutex_};
    std::map<std::string, std::uint64_t, std::less<>> numbers;
    std::map<std::uint64_t, Identity> identities;
    for (auto& key : keys) {
        const auto before = numbers_.find(key.public_key);
        const auto number = before == numbers_.end() ? ++last_ : before->second;
        numbers.emplace(key.public_key, number);
        const auto known = identities_.find(number);
        const bool same = known != identities_.end() && *known->second == key;
        identities.emplace(number, same ? known->second : std::make_shared<const AuthorizedKey>(std::move(key)));
    }
    numbers_ = std::move(numbers);
    identities_ = std::move(identities);
}

KeyTable::Refused KeyTable::take_refused() {
    const std::lock_guard lock{mutex_};
    return std::exchange(refused_, {});
}

}  // namespace rpcbroker::broker
