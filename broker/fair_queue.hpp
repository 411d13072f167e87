// Waiting calls, one line per client, served in turn: a client that floods delays only itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "broker/call_table.hpp"
#include "common/peer.hpp"
#include "common/time.hpp"

namespace rpcbroker::broker {

/// Does not own its calls; links them through their own members. All operations take constant time. Not thread-safe.
class FairQueue {
public:
    FairQueue() = default;
    FairQueue(const FairQueue&) = delete;
    FairQueue& operator=(const FairQueue&) = delete;

    /// `client` names the line. A slot alone would not do: who comes new would stand behind the one-way calls of who left it.
    void push_back(PeerId client, Call& call);
    /// For a call that had left the queue already and comes back: first in its client's line.
    void push_front(PeerId client, Call& call);
    /// Takes out a call that is in this queue.
    void remove(Call& call) noexcept;
    /// Takes out the first call of the client whose turn it is, and passes the turn on. Null when empty.
    Call* pop() noexcept;

    /// What pop would take out.
    [[nodiscard]] Call* first() const noexcept { return turn_ == none ? nullptr : lanes_[turn_].first; }
    /// How many calls go before one that the client pushes now, if no others come: the smaller of all that wait, and what is
    /// served until the turn has come to the client as often as it needs.
    [[nodiscard]] std::size_t before(PeerId client) const noexcept;
    /// `call`, just popped, went to a worker: so its line moves.
    void served(const Call& call, TimePoint now) noexcept;
    /// How long what waits in the client's line will take to be served, by how its last calls followed one another. Other
    /// than before(), it has the calls in it that others send meanwhile. Zero while fewer than two were served since the
    /// client began to wait.
    [[nodiscard]] Duration line_time(PeerId client) const noexcept;
    template <class F>
    void for_each(F&& f) const {
        for (const auto& [client, lane] : by_client_)
            for (Call* call = lanes_[lane].first; call; call = call->next) f(*call);
    }

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    static constexpr std::uint32_t none = ~std::uint32_t{0};
    struct Lane {
        Call* first = nullptr;
        Call* last = nullptr;
        PeerId client;
        std::uint32_t size = 0;
        std::uint32_t next = none;  ///< in the ring of lanes that hold calls
        std::uint32_t previous = none;
        std::optional<TimePoint> served_at{};  ///< when its last call went to a worker
        Duration pace{};                       ///< from one such call to the next: the mean of the last few
    };
    std::uint32_t lane_of(PeerId client);
    void close(std::uint32_t lane) noexcept;

    std::vector<Lane> lanes_;
    std::vector<std::uint32_t> spare_;
    std::unordered_map<PeerId, std::uint32_t> by_client_;
    std::uint32_t turn_ = none;  ///< the lane to serve next
    std::size_t size_ = 0;
};

}  // namespace rpcbroker::broker
