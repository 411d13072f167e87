// Calls that wait in a worker: first come, first out, and each found by its msgid in constant time. They stand one behind
// the other in memory that is used again, so that a call allocates nothing.
//
// Most calls are never looked for, so nothing is indexed until one is. A call that is removed from among the others leaves
// a gap, which goes when it reaches the front.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/message.hpp"
#include "common/time.hpp"
#include "worker/held_bodies.hpp"

namespace rpcbroker {

struct WaitingCall {
    std::uint32_t msgid = 0;
    HeldBodies::Index body = 0;  ///< held for as long as the call waits
    std::string_view method = {};
    std::string_view params = {};
    OptionsView options = {};
    TimePoint arrived = {};
    std::optional<TimePoint> deadline = {};
    bool returnable = true;
    bool removed = false;
};

/// Not thread-safe.
class WaitingCalls {
public:
    [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
    [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_ - gaps_; }

    /// One more, to be assigned at once: it holds anything.
    WaitingCall& push() {
        if (end_ == calls_.size()) make_room();
        return calls_[end_++];
    }
    /// The one that came first. There must be one. Valid until this changes.
    [[nodiscard]] const WaitingCall& front() const noexcept { return calls_[begin_]; }
    void pop() {
        drop_front();
        if (gaps_ > 0) close_gaps();
    }
    /// The latest of that msgid, or null. Valid until this changes.
    WaitingCall* find(std::uint32_t msgid);
    /// `call` is one that find() gave out.
    void remove(WaitingCall& call);
    /// All that wait, in order. None do after that.
    std::vector<WaitingCall> take_all();

    /// Those that may be returned: how many, and the first; null when there is none.
    [[nodiscard]] std::size_t returnable() const noexcept;
    [[nodiscard]] const WaitingCall* first_returnable() const noexcept;

private:
    /// Beyond so many places, those that calls do not need any more are given back.
    static constexpr std::size_t most_kept = 2048;

    void make_room();
    void drop_front() {
        ++first_;
        if (++begin_ == end_) restart();
    }
    /// None waits: the next one begins at the front again.
    void restart() {
        begin_ = end_ = 0;
        if (calls_.size() > most_kept) calls_ = {};
    }
    void close_gaps();
    void index();
    [[nodiscard]] std::span<const WaitingCall> all() const noexcept { return {calls_.data() + begin_, end_ - begin_}; }

    std::vector<WaitingCall> calls_;  ///< from `begin_` to `end_`; the places around them are free
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t gaps_ = 0;
    std::uint64_t first_ = 0;    ///< the number of the call at `begin_`; each gets the next one as it comes
    std::uint64_t indexed_ = 0;  ///< calls before this number are in `numbers_`, besides some that wait no longer
    std::unordered_map<std::uint32_t, std::uint64_t> numbers_;  ///< by msgid
};

}  // namespace rpcbroker
