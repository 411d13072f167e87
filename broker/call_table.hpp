// The calls that the broker has accepted and not yet ended, and their ids on the wire.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rpcbroker/error.hpp>

#include "broker/call_stream.hpp"
#include "broker/shares.hpp"
#include "broker/slot_bytes.hpp"
#include "common/body.hpp"
#include "common/deadlines.hpp"
#include "common/message.hpp"
#include "common/peer.hpp"
#include "common/time.hpp"

namespace rpcbroker::broker {

struct Call;
struct Client;
struct Method;
struct Service;
struct Worker;
class FairQueue;

/// What a Call has that owns nothing.
struct CallRecord {
    enum class State : std::uint8_t { free, waiting, running, abandoned };

    std::uint32_t timeout_at = 0;  ///< where a five-byte timeout's value stands in the tail of its request; 0: none
    std::uint8_t elements = 0;     ///< of the request that a worker gets: 4 or 5

    State state = State::free;
    bool one_way : 1 = false;
    bool idempotent : 1 = false;       ///< from its first dispatch on, if the caller did not say
    bool idempotent_said : 1 = false;  ///< by the caller
    bool timing : 1 = false;
    bool keyed : 1 = false;
    bool moved_out : 1 = false;  ///< its large body went to the worker and cannot be sent again
    std::uint8_t lost = 0;       ///< how many workers were lost with it

    std::uint32_t lane = 0;           ///< of `queue`
    std::uint32_t request_bytes = 0;  ///< as they count for the client
    std::uint32_t client_msgid = 0;
    // Who asked, and how to answer. No client: it is gone, and this is a one-way call or abandoned.
    Client* client = nullptr;
    PeerId caller;  ///< names its line in a FairQueue; stays when the client is gone

    Service* service = nullptr;
    Method* method = nullptr;    ///< null while nobody has registered it
    Worker* worker = nullptr;    ///< where it runs
    std::uint64_t affinity = 0;  ///< keyed: its key's hash; else the serial of the only worker that may run it, 0: any

    TimePoint accepted;
    TimePoint dispatched;
    TimePoint deadline;
    Deadlines::Handle timer = Deadlines::none;
    std::uint32_t wire_id = 0;  ///< of its latest dispatch

    // Neighbours in the queue that it waits in, or among the calls of its worker.
    Call* next = nullptr;
    Call* previous = nullptr;
    FairQueue* queue = nullptr;
    // Neighbours among its client's calls.
    Call* client_next = nullptr;
    Call* client_previous = nullptr;
    // Among its client's waiting calls, of its service and of all.
    ShareLink share_of_calls;
    ShareLink share_of_bytes;

    /// Whether only one worker may run it, by the caller's word.
    [[nodiscard]] bool pinned() const noexcept { return affinity != 0 && !keyed; }
};

/// What few calls have.
struct CallExtras {
    std::optional<Body> large;         ///< a request over `large_body`: all of it
    bool large_shared = false;         ///< a worker was sent the same bytes: they are not written to
    std::uint32_t large_tail_at = 0;   ///< where its tail begins
    std::uint32_t large_msgid_at = 0;  ///< where its five-byte msgid stands; 0: it must be copied
    std::string envelope;
    std::optional<CallStream> stream;
};

/// One accepted call. It is `waiting` in exactly one FairQueue, or `running` at exactly one worker; or its caller has had
/// its outcome and it is `abandoned`: it only stands for the place that it still takes at its worker. A million of them may
/// wait, so it is kept small.
struct Call : CallRecord {
    std::uint32_t index = 0;  ///< in the table
    std::uint16_t generation = 0;
    /// What a worker is to get, but for msgid and what is left of its time: usual_head_size bytes, then all from the method
    /// on, its tail.
    SlotBytes request;
    std::unique_ptr<CallExtras> extras;

    /// Whether its handler may have been started, for an error that ends it now.
    [[nodiscard]] Ran ran() const noexcept { return state == State::running || lost > 0 ? Ran::maybe : Ran::no; }
    /// Null: its request is not large, or it has gone.
    [[nodiscard]] Body* large() const noexcept { return extras && extras->large ? &*extras->large : nullptr; }
    [[nodiscard]] bool takes_items() const noexcept { return extras && extras->stream; }
    /// Of a call that takes stream items.
    [[nodiscard]] CallStream& stream() const noexcept { return *extras->stream; }
    [[nodiscard]] std::string_view tail() const noexcept {
        if (const Body* body = large()) return body->bytes().substr(extras->large_tail_at);
        const auto bytes = request.view();
        return bytes.empty() ? bytes : bytes.substr(usual_head_size);
    }
    [[nodiscard]] std::string_view envelope() const noexcept { return extras ? extras->envelope : std::string_view(); }
    CallExtras& make_extras() {
        if (!extras) extras = std::make_unique<CallExtras>();
        return *extras;
    }
};

static_assert(sizeof(void*) != 8 || sizeof(Call) <= 200);

/// Slots for calls, used again oldest first, so that an id that was ended long ago finds nothing. Not thread-safe.
class CallTable {
public:
    static constexpr unsigned index_bits = 22;
    static constexpr std::uint32_t max_calls = 1U << index_bits;
    static constexpr std::uint32_t block_size = 256;

    /// A slot with all members as new; null when max_calls are in use.
    Call* take();
    void release(Call& call) noexcept;
    /// Gives the memory of slots back that are not in use, in blocks and from the last one on, as long as there are more
    /// than `keep`: at most so many blocks, so that it takes no long time. Returns whether there are more to give back.
    bool trim(std::size_t keep, unsigned at_most);

    /// Gives the call a new id on the wire, for one dispatch.
    static std::uint32_t new_wire_id(Call& call) noexcept;
    /// The call dispatched under `wire_id` that has not been answered, returned or lost since; else null.
    Call* dispatched_as(std::uint32_t wire_id) noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Slots, in use or not.
    [[nodiscard]] std::size_t made() const noexcept { return made_; }
    /// The most that were in use at once since the last time that this was asked.
    std::size_t take_most() noexcept { return std::exchange(most_, size_); }
    /// Every slot there is; those with State::free are not in use.
    template <class F>
    void for_each(F&& f) {
        for (std::uint32_t i = 0; i < made_; ++i)
            if (Call& call = at(i); call.state != Call::State::free) f(call);
    }
    Call& at(std::uint32_t index) noexcept { return blocks_[index / block_size].calls[index % block_size]; }

private:
    struct Block {
        std::unique_ptr<Call[]> calls;
        std::uint32_t used = 0;
    };
    Call& make();
    void drop_block() noexcept;
    void link_free(Call& call) noexcept;
    Call& unlink_free(Call& call) noexcept;

    std::vector<Block> blocks_;
    std::vector<std::uint16_t> generations_;  ///< by index, of slots that were given back
    std::uint32_t made_ = 0;
    std::size_t size_ = 0;
    std::size_t most_ = 0;
    Call* free_first_ = nullptr;  ///< linked by `next` and `previous`
    Call* free_last_ = nullptr;
};

}  // namespace rpcbroker::broker
