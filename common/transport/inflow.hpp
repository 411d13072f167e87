// Private to transport/: finds peers that send a message without end. libzmq keeps the frames of a message until the last one
// is there, however many they are, and tells nobody; so the system is asked how much came, and that is held against the
// messages that were read.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/peer.hpp"
#include "common/time.hpp"
#include "common/transport/peers.hpp"

namespace rpcbroker::transport {

/// Not thread-safe. Knows of tcp connections only: the system does not count what comes over ipc.
class Inflow {
public:
    /// How often it is looked, and while somebody has sent more than half of what a message may have.
    static constexpr std::chrono::milliseconds period{25};
    static constexpr std::chrono::milliseconds short_period{5};

    /// `largest`: bytes of a message; who sent more since their last one sends no message.
    explicit Inflow(std::size_t largest) noexcept : most_(largest + spare) {}

    /// A message of the peer was read.
    void read(PeerId peer) {
        if (peer.slot >= messages_.size()) messages_.resize(std::size_t{peer.slot} + 1);
        ++messages_[peer.slot];
    }
    void accepted(int descriptor);
    void closed(int descriptor) noexcept;

    /// Descriptors of those to cut. `drained`: all messages that had come were read in this turn; who is suspected is found
    /// guilty only when one of theirs still is not among them.
    const std::vector<int>& look(const Peers& peers, bool drained, TimePoint now);
    /// When to look at the latest; nothing while nobody is there.
    [[nodiscard]] std::optional<TimePoint> next_look() const noexcept;

private:
    static constexpr std::size_t spare = std::size_t{128} << 10;
    struct Flow {
        bool open = false;
        bool suspect = false;
        bool old = false;            ///< nothing was read of it since the last look either
        std::uint32_t messages = 0;  ///< that were read of it
        std::uint64_t bytes = 0;     ///< that had come when the last one was read
        std::size_t memory = 0;      ///< of the process, then
    };
    void look_at(const Peers& peers, int descriptor);
    [[nodiscard]] std::uint32_t messages_of(const Peers& peers, int descriptor) const noexcept;
    void convict(const Peers& peers);

    std::size_t most_;
    std::vector<Flow> flows_;              ///< by descriptor
    std::vector<std::uint32_t> messages_;  ///< by slot
    std::vector<int> near_;                ///< have sent more than half of the most
    std::vector<int> suspects_;
    std::vector<int> guilty_;
    std::size_t open_ = 0;
    std::size_t memory_ = 0;       ///< of the process, now
    std::size_t memory_then_ = 0;  ///< when all were looked at last
    TimePoint all_looked_at_;
    TimePoint rest_until_;  ///< with many connections a look at all takes long
    TimePoint looked_;
};

}  // namespace rpcbroker::transport
