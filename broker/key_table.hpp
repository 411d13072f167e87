// The keys that a broker knows: who is let in, asked by the transport, and what became of those who were, asked by the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <rpcbroker/authorized.hpp>

#include "broker/identities.hpp"

namespace rpcbroker::broker {

enum class Side : std::uint8_t { front, back };

/// Somebody with a key that was not let in.
struct RefusedPeer {
    std::string public_key;
    std::string address;
    std::string why;
};

/// Thread-safe.
class KeyTable {
public:
    /// Kept for take_refused(); the others are only counted.
    static constexpr std::size_t max_refused = 16;

    explicit KeyTable(std::vector<AuthorizedKey> keys) { replace(std::move(keys)); }

    /// A number for whoever has this key, from 1; the same for as long as the key stays. 0: not let in, at this side.
    std::uint64_t admit(Side side, std::string_view public_key, std::string_view address);
    /// Null: it is there no longer, or not for this side.
    [[nodiscard]] Identity find(Side side, std::uint64_t number) const;
    /// A key that is taken out and put in again later gets another number, so who had come by it stays cut off.
    void replace(std::vector<AuthorizedKey> keys);

    struct Refused {
        std::vector<RefusedPeer> first;
        std::uint64_t count = 0;
    };
    /// Since the last time.
    Refused take_refused();

private:
    [[nodiscard]] static bool fits(Side side, Role role) noexcept {
        return (side == Side::back) == (role == Role::worker);
    }
    void refuse(Side side, std::string_view public_key, std::string_view address, bool known);

    mutable std::mutex mutex_;
    std::map<std::string, std::uint64_t, std::less<>> numbers_;  ///< by public key
    std::map<std::uint64_t, Identity> identities_;
    std::uint64_t last_ = 0;
    Refused refused_;
};

}  // namespace rpcbroker::broker
