// Private to transport/: how many may be connected, and how fast they may come. No I/O: told of connections and the time, it
// says who may stay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "common/time.hpp"
#include "common/transport/router.hpp"

namespace rpcbroker::transport {

/// Not thread-safe: the routers that share one are driven by one thread.
class Gate {
public:
    explicit Gate(const ConnectionLimits& limits) noexcept : limits_(limits) {}

    /// A connection came to one of two doors from `address`; see address_of_network(). Why it may not stay; nothing: it may, and
    /// counts until left().
    std::optional<std::string> refuses(Door door, const std::string& address, TimePoint now);
    void left(Door door, const std::string& address) noexcept;

    [[nodiscard]] std::size_t open() const noexcept { return front_ + back_; }
    [[nodiscard]] std::size_t addresses() const noexcept { return guests_.size(); }
    [[nodiscard]] RefusedConnections take_refused() { return std::exchange(refused_, {}); }

private:
    struct Guest {
        std::size_t open = 0;
        double tokens = 0;  ///< how many may come at once
        TimePoint counted;  ///< when that was so
    };
    std::size_t& open_at(Door door) noexcept { return door == Door::front ? front_ : back_; }
    [[nodiscard]] double most_tokens() const noexcept;
    Guest& guest(const std::string& address, TimePoint now);
    void fill(Guest& guest, TimePoint now) const noexcept;
    void forget_strangers(TimePoint now);

    ConnectionLimits limits_;
    std::size_t front_ = 0;
    std::size_t back_ = 0;
    std::unordered_map<std::string, Guest> guests_;  ///< by address
    std::size_t forget_at_ = 1024;
    RefusedConnections refused_;
};

}  // namespace rpcbroker::transport
