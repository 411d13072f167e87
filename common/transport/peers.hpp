// Private to transport/: which peer a message is from, and when that peer is over. No I/O: told of messages and of
// connections, it says who is who, so that the races below can be tested without sockets.
//
// A peer is a routing id (of the router's) and a connection. The connection is known by its descriptor, which the system
// gives to another connection as soon as it is closed, often before the last messages of the first one were read. Rules:
//   - a peer is bound to the connection that holds its descriptor when its first message is read, all events before it read;
//   - if none holds it, the connection is over already, and so is the peer: its messages count, then it is reported;
//   - if another peer is bound to it, one of the two is over: the one whose routing id was given first (libzmq counts
//     them up), or, where peers chose their ids themselves, the one that was bound first;
//   - a peer that is over is reported when all that could be read has been read (`drained`), so after its last message; or,
//     where there is always something to read, when so many others' messages were read without one of its own that none can
//     be left (`settle`): libzmq reads its connections in turn.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/peer.hpp"
#include "common/time.hpp"

namespace rpcbroker::transport {

/// Not thread-safe.
class Peers {
public:
    static constexpr int no_descriptor = -1;  ///< of peers over inproc

    /// Routing ids that libzmq made: they are not used again, so a known one always is the connection it was.
    static bool is_automatic(std::string_view routing_id) noexcept {
        return routing_id.size() == 5 && routing_id.front() == '\0';
    }

    void accepted(int descriptor);
    void disconnected(int descriptor);
    /// The connection that holds `descriptor` now is not wanted: what it sends is nobody's.
    void refuse(int descriptor);
    [[nodiscard]] bool is_refused(int descriptor) const noexcept;

    /// The peer that has `routing_id`, if it is known.
    std::optional<PeerId> find(std::string_view routing_id) noexcept;
    /// The peer of a message that came by `descriptor`: a known one if it still is the same connection, else a new one.
    /// All events must have been told before. Nothing: the connection is refused.
    std::optional<PeerId> identify(std::string_view routing_id, int descriptor);

    /// One of its messages was read, identify() having told whose it is.
    void read(PeerId peer) noexcept;
    /// Messages that read() was told of, of all peers.
    [[nodiscard]] std::uint64_t messages_read() const noexcept { return read_; }
    /// Whether since messages_read() was `then` so many were read that each peer which had one waiting has had its turn.
    [[nodiscard]] bool all_had_turns_since(std::uint64_t then) const noexcept;
    /// There was no message left to read.
    void drained();
    /// The same of those whose turn has come and gone, some time after they were over.
    void settle(TimePoint now);
    /// Peers are over and wait for drained() or next_closed().
    [[nodiscard]] bool has_closed() const noexcept { return !over_.empty() || !closed_.empty(); }
    [[nodiscard]] bool awaits_drained() const noexcept { return !over_.empty(); }
    /// A peer that is over, each once, but for those that are `held`. Its slot is free then.
    bool next_closed(PeerId& peer, const std::function<bool(PeerId)>& held = {});

    /// Valid until the peer is reported; null when it is over.
    [[nodiscard]] const std::string* routing_id(PeerId peer) const noexcept;
    /// Of the peer whose open connection that is, if a message of it was read.
    [[nodiscard]] std::optional<std::uint32_t> slot_at(int descriptor) const noexcept;
    /// Of a connection that is open; else no_descriptor.
    [[nodiscard]] int descriptor(PeerId peer) const noexcept;

private:
    static constexpr std::uint32_t no_slot = UINT32_MAX;
    enum class Phase : std::uint8_t { unused, open, over };

    struct Peer {
        std::string routing_id;
        std::uint32_t generation = 0;
        int descriptor = no_descriptor;
        Phase phase = Phase::unused;
        std::uint64_t read = 0;  ///< messages of all that were read when its last one was, or when it was over
        TimePoint over{};        ///< when settle() first heard of that
    };
    struct Descriptor {
        std::uint32_t slot = no_slot;  ///< the open peer that is bound to it
        bool open = false;
        bool refused = false;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
    };

    Descriptor& entry(int descriptor);
    [[nodiscard]] const Peer* get(PeerId peer) const noexcept;
    [[nodiscard]] PeerId id_of(std::uint32_t slot) const noexcept { return {slot, peers_[slot].generation}; }
    [[nodiscard]] bool is_same(const Peer& peer, int descriptor) const noexcept;
    std::uint32_t admit(std::string_view routing_id, int descriptor);
    bool bind(std::uint32_t slot, int descriptor);
    void end(std::uint32_t slot);
    void free(std::uint32_t slot);

    std::vector<Peer> peers_;                                                      ///< by slot
    std::vector<Descriptor> descriptors_;                                          ///< by descriptor
    std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> slots_;  ///< by routing id
    std::vector<std::uint32_t> unused_;
    std::vector<std::uint32_t> over_;    ///< slots whose last messages may not have been read
    std::vector<std::uint32_t> closed_;  ///< slots to report, the next one last
    std::uint64_t read_ = 0;             ///< messages of all
    std::uint32_t latest_ = no_slot;     ///< whom find() found last: often the next one, too
};

}  // namespace rpcbroker::transport
