// What a core wants sent: bodies in order, peer by peer, messages joined where the peer takes batches.
//
// A core appends while it works; its loop takes the bodies out at the end of the turn. What a peer does not take yet
// stays here, counted, and goes first the next time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/body.hpp"
#include "common/peer.hpp"

namespace rpcbroker {

/// A body on its way. `envelope` is the request's, opaque to all but the transport; empty for none.
struct Outgoing {
    std::string envelope;
    std::string bytes;  ///< the body, unless `large` holds it
    Body large;
    std::uint32_t messages = 0;
    std::size_t counted = 0;  ///< the outbox's: its bytes, as waiting_bytes() has them

    [[nodiscard]] std::size_t size() const noexcept { return large.empty() ? bytes.size() : large.size(); }
};

/// Not thread-safe. A peer is known from its first message or set_batching to forget(). What is for an earlier peer of
/// the same slot is dropped and counted; the first message for a later one drops what waits for the earlier.
class Outbox {
public:
    /// A body is closed when it holds so many messages or bytes; only a single message makes a body of more bytes.
    static constexpr std::uint32_t batch_messages = 1024;
    static constexpr std::size_t batch_bytes = std::size_t{128} << 10;
    /// A message over so many bytes had better be a body of its own, moved instead of copied.
    static constexpr std::size_t large_bytes = std::size_t{64} << 10;

    /// Whether `peer` takes bodies of several messages. Until told so, it does not.
    void set_batching(PeerId peer, bool batching);

    /// The string to append exactly one message to, before the next call of this object. Joined with the message before
    /// it where the peer takes batches and there is no envelope.
    std::string& add(PeerId peer, std::string_view envelope = {}) {
        if (joinable_ && open_peer_ == peer && envelope.empty() && has_room(*open_)) return join(*open_);
        return add_first(peer, envelope);
    }
    /// A body that is moved, not copied: one whole message.
    void add_large(PeerId peer, std::string_view envelope, Body body);

    /// The loop's side. Peers that have something to send since the last call: each once. The list stays as it is until
    /// the next call of dirty(), whatever else is called.
    std::vector<PeerId>& dirty();
    /// The first body for `peer`; null when there is none. Valid until the next call of this object.
    Outgoing* front(PeerId peer);
    /// It was sent (or is given up): its strings are used again.
    void pop_front(PeerId peer);

    /// Bytes that wait for `peer`, and for all of them.
    [[nodiscard]] std::size_t waiting_bytes(PeerId peer) const noexcept;
    [[nodiscard]] std::size_t waiting_bytes() const noexcept { return waiting_bytes_ + open_bytes(); }
    /// Bodies that wait for `peer`. Each takes memory beyond its bytes (sizeof(Outgoing)): for small ones that is the most.
    [[nodiscard]] std::size_t waiting_bodies(PeerId peer) const noexcept;
    /// Tells `f` of each body that waits for `peer`, in order; it may move a large one out. Then forget(): what is left is
    /// not to be sent any more.
    template <class F>
    void for_each(PeerId peer, F&& f) {
        settle();
        if (Queue* queue = find(peer))
            for (std::size_t i = queue->first; i < queue->bodies.size(); ++i) f(queue->bodies[i]);
    }
    /// Drops all that waits for `peer`, and what is known of it. Returns how many messages were dropped.
    std::size_t forget(PeerId peer);
    /// Messages that were dropped, ever, because their peer's slot belongs to a later one.
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

private:
    struct Queue {
        std::uint32_t generation = 0;
        bool batching = false;
        bool dirty = false;
        std::size_t bytes = 0;  ///< but for what was added to an open body since it was opened
        std::size_t first = 0;  ///< of `bodies`; those before it are gone
        std::vector<Outgoing> bodies;

        [[nodiscard]] bool empty() const noexcept { return first == bodies.size(); }
        [[nodiscard]] bool joins(std::string_view envelope) const noexcept;
    };
    [[nodiscard]] static bool has_room(const Outgoing& body) noexcept {
        return body.messages < batch_messages && body.bytes.size() < batch_bytes;
    }
    std::string& join(Outgoing& body) noexcept {
        ++body.messages;
        last_at_ = body.bytes.size();
        return body.bytes;
    }
    std::string& add_first(PeerId peer, std::string_view envelope);
    /// The queue of `peer`, made where it is new; null when the slot belongs to a later peer.
    Queue* open_queue(PeerId peer);
    Queue* find(PeerId peer) noexcept;
    [[nodiscard]] const Queue* find(PeerId peer) const noexcept;
    void mark_dirty(PeerId peer, Queue& queue);
    Outgoing& append(Queue& queue, std::string_view envelope);
    /// What was appended to the open body is counted, and the body closed.
    void settle();
    [[nodiscard]] std::size_t open_bytes() const noexcept;
    void count(Queue& queue, Outgoing& body, std::size_t bytes) noexcept;
    void split(Queue& queue);
    std::size_t clear(PeerId peer, Queue& queue);
    Outgoing fresh();
    void recycle(Outgoing& body);

    std::vector<Queue> queues_;  ///< by slot
    std::vector<PeerId> dirty_;
    std::vector<PeerId> reported_;
    std::vector<Outgoing> spare_;
    std::size_t spare_bytes_ = 0;
    std::size_t waiting_bytes_ = 0;
    std::uint64_t dropped_ = 0;
    PeerId open_peer_{};
    Outgoing* open_ = nullptr;  ///< the last body for open_peer_, whose last message may still grow
    bool joinable_ = false;     ///< the open body, by messages without an envelope, as far as it has room
    std::size_t last_at_ = 0;   ///< where the last message of the open body begins
    std::string discarded_;     ///< what add() gives out for a peer that is gone
};

}  // namespace rpcbroker
