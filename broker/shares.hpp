// Who has how much waiting: where room runs out, the client that has most makes room for one that has less.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "common/peer.hpp"

namespace rpcbroker::broker {

struct Call;
class CallTable;

/// A call's neighbours among those of its client, by their index in the table.
struct ShareLink {
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    std::uint32_t older = none;
    std::uint32_t newer = none;
    std::uint32_t holder = 0;
};

/// Waiting calls by client, with the sum of what each client's are worth, and the client that has most in front. A call is
/// worth one, or the bytes of its tail, which must stay the same while it is here. Does not own its calls; links them through
/// their own members, so that a call can be in one object of either kind. All calls are of one table, which is told with them.
/// Adding and removing take time by the logarithm of the number of clients, and allocate only while that number is higher
/// than it ever was. Not thread-safe.
class Shares {
public:
    /// Which of a call's links this uses.
    enum class Kind : std::uint8_t { calls, bytes };
    enum class Age : std::uint8_t { newest, oldest };

    explicit Shares(Kind kind) noexcept : kind_(kind) {}
    Shares(const Shares&) = delete;
    Shares& operator=(const Shares&) = delete;

    /// `age`: among those of its client that are here. The client is Call::caller.
    void add(CallTable& table, Call& call, Age age);
    void remove(CallTable& table, Call& call) noexcept;

    /// Zero for a client that has nothing here.
    [[nodiscard]] std::size_t held_by(PeerId client) const noexcept;
    /// What the client that has most has.
    [[nodiscard]] std::size_t largest() const noexcept { return heap_.empty() ? 0 : holders_[heap_.front()].amount; }
    /// The newest call of that client; of equals, any. Null when nothing is here.
    [[nodiscard]] Call* newest_of_largest(CallTable& table) const noexcept;
    [[nodiscard]] std::size_t clients() const noexcept { return heap_.size(); }

private:
    using ByClient = std::unordered_map<PeerId, std::uint32_t>;
    struct Holder {
        std::size_t amount = 0;
        std::uint32_t newest = ShareLink::none;
        std::uint32_t oldest = ShareLink::none;
        PeerId client;
        std::uint32_t place = 0;  ///< in the heap
    };
    [[nodiscard]] std::size_t worth(const Call& call) const noexcept;
    [[nodiscard]] ShareLink& link(Call& call) const noexcept;
    [[nodiscard]] ShareLink& link(CallTable& table, std::uint32_t call) const noexcept;
    std::uint32_t holder_of(PeerId client);
    std::uint32_t make_holder(PeerId client);
    void drop(std::uint32_t holder) noexcept;
    void put(std::uint32_t holder, std::uint32_t place) noexcept;
    void rise(std::uint32_t holder) noexcept;
    void sink(std::uint32_t holder) noexcept;

    Kind kind_;
    std::vector<Holder> holders_;
    std::vector<std::uint32_t> heap_;  ///< holders; none has more than the one at half of its place
    ByClient by_client_;
    std::vector<std::uint32_t> spare_;
    std::vector<ByClient::node_type> spare_nodes_;  ///< so that a client that comes and goes allocates nothing
};

}  // namespace rpcbroker::broker
