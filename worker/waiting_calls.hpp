// Calls that wait in a worker: first come, first out, and each found by its msgid in constant time.
//
// Most calls are never looked for, so nothing is indexed until one is. A call that is removed from among the others leaves
// a gap, which goes when it reaches the front.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <unordered_map>

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
    [[nodiscard]] bool empty() const noexcept { return calls_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return calls_.size() - gaps_; }

    void push(const WaitingCall& call);
    /// The one that came first. There must be one.
    WaitingCall pop();
    /// The latest of that msgid, or null. Valid until this changes.
    WaitingCall* find(std::uint32_t msgid);
    /// `call` is one that find() gave out.
    void remove(WaitingCall& call);
    /// All that wait, in order. None do after that.
    std::deque<WaitingCall> take_all();

    /// Those that may be returned: how many, and the first; null when there is none.
    [[nodiscard]] std::size_t returnable() const noexcept;
    [[nodiscard]] const WaitingCall* first_returnable() const noexcept;

private:
    void drop_front();
    void close_gaps();
    void index();

    std::deque<WaitingCall> calls_;
    std::size_t gaps_ = 0;
    std::uint64_t first_ = 0;    ///< the number of the first of `calls_`; each gets the next one as it comes
    std::uint64_t indexed_ = 0;  ///< calls before this number are in `numbers_`, besides some that wait no longer
    std::unordered_map<std::uint32_t, std::uint64_t> numbers_;  ///< by msgid
};

}  // namespace rpcbroker
