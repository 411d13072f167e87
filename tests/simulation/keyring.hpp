// The keys of a run: by which one each place comes, and what it allows. They are the same at all brokers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "broker/identities.hpp"
#include "tests/simulation/network.hpp"

namespace rpcbroker::simulation {

/// Not thread-safe.
class Keyring {
public:
    /// From now on brokers ask for keys.
    void require() noexcept { required_ = true; }
    [[nodiscard]] bool required() const noexcept { return required_; }

    /// `pattern`: of what it may call, or register.
    void give(Place place, std::string name, Role role, std::string_view pattern);
    void take_out(Place place);
    /// As new: who came by it before it was taken out stays out.
    void put_in_again(Place place);
    void put_all_in_again();

    /// Null: it has none, or it was taken out.
    [[nodiscard]] broker::Identity at(Place place) const;
    /// Whether its key, taken out or not, allows the method.
    [[nodiscard]] bool allows(Place place, std::string_view method) const;
    [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }

private:
    struct Key {
        AuthorizedKey line;
        broker::Identity identity;
    };
    bool required_ = false;
    std::uint64_t changes_ = 0;
    std::map<Place, Key> keys_;
};

}  // namespace rpcbroker::simulation
