// Private to transport/: finds peers that send a message without end. libzmq keeps the frames of a message until the last one
// is there, however many they are, and tells nobody; so the system is asked how much came, and that is held against the
// messages that were read.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/peer.hpp"
#include "common/time.hpp"
#include "common/transport/connection_watch.hpp"
#include "common/transport/peers.hpp"

namespace rpcbroker::transport {

/// Not thread-safe. Knows of tcp connections only: the system does not count what comes over ipc.
class Inflow {
public:
    /// How often it is looked, and at those who send just now and have sent more than half of what a message may have, or look
    /// like a flood. A fast one is a gigabyte a second in memory.
    static constexpr std::chrono::milliseconds period{10};
    static constexpr std::chrono::milliseconds short_period{1};
    /// While nobody has come, and no message.
    static constexpr std::chrono::milliseconds idle_period{25};

    /// `largest`: bytes of a message; who sent more since their last one sends no message.
    explicit Inflow(std::size_t largest) noexcept : most_(largest + spare) {}

    /// A message of the peer was read.
    void read(PeerId peer) {
        if (peer.slot >= messages_.size()) messages_.resize(std::size_t{peer.slot} + 1);
        ++messages_[peer.slot];
        active_ = true;
    }
    void accepted(int descriptor);
    void closed(int descriptor) noexcept;

    /// Whether there is a reason to look; costs no system call within half of the time until next_look(), so that who is awake may
    /// as well ask, and two routers of one loop come to look in the same turns.
    [[nodiscard]] bool is_due(TimePoint now) noexcept;
    /// Cuts those who are to be cut. `drained`: all messages that had come were read in this turn; who is suspected is found
    /// guilty only when one of theirs still is not among them.
    void look(const Peers& peers, bool drained);
    /// The addresses of those who were cut since the last call.
    std::vector<std::string> take_cut() { return watch_.take_cut(); }
    /// When to look at the latest; nothing while nobody is there.
    [[nodiscard]] std::optional<TimePoint> next_look() const noexcept;

private:
    static constexpr std::size_t spare = std::size_t{128} << 10;
    struct Flow {
        bool open = false;
        bool based = false;   ///< what follows is known
        bool old = false;     ///< nothing was read of it since the last look either
        bool costly = false;  ///< takes memory that its bytes do not explain
        bool near = false;    ///< among those that are looked at often
        bool suspect = false;
        std::uint32_t generation = 0;
        std::uint32_t messages = 0;  ///< that were read of it
        std::uint64_t bytes = 0;     ///< that had come when the last one was read
        std::size_t memory = 0;      ///< of the process, when the last byte before those of its next message had come
        std::uint64_t total = 0;     ///< bytes that had come on all connections of the process, then
        std::uint64_t seen = 0;      ///< bytes that had come at the last look
        TimePoint grew{};            ///< when there were more than at the look before
        std::uint64_t read = 0;      ///< messages of all that were read when it was first suspected
    };
    [[nodiscard]] Duration interval() const noexcept;
    [[nodiscard]] bool is_time_for_all() const noexcept;
    [[nodiscard]] bool explains(const Flow& flow, std::uint64_t came, std::size_t frame) const noexcept;
    void add_question(const Peers& peers, int descriptor, std::vector<ConnectionWatch::Question>& questions) const;
    void count(const ConnectionWatch::Answer& answer);
    void judge(const Peers& peers, const ConnectionWatch::Answer& answer);
    [[nodiscard]] std::uint32_t messages_of(const Peers& peers, int descriptor) const noexcept;
    void convict(const Peers& peers, bool drained);

    std::size_t most_;
    std::vector<Flow> flows_;              ///< by descriptor
    std::vector<std::uint32_t> messages_;  ///< by slot
    std::vector<int> near_;
    std::vector<int> suspects_;
    std::uint32_t generation_ = 0;
    std::size_t open_ = 0;
    std::size_t memory_ = 0;        ///< of the process, now
    std::size_t asked_memory_ = 0;  ///< the same, before the last questions were asked
    std::size_t memory_then_ = 0;   ///< when all were looked at last
    bool due_ = false;              ///< is_due() said so, and it was not looked since then
    TimePoint all_looked_at_;
    TimePoint rest_until_;  ///< with many connections a look at all takes long
    TimePoint looked_;
    bool active_ = false;  ///< somebody or something came since the last look
    TimePoint idle_from_;
    ConnectionWatch watch_;
};

}  // namespace rpcbroker::transport
