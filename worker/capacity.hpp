// How many calls a worker wants to hold, started or waiting in it. The whole policy is here: the session only announces it.
//
// Handlers of microseconds want hundreds of calls waiting, or the network's round trip rules the rate; handlers of
// seconds want none, or a call waits behind a busy worker while another is idle. So, unless the user fixed a number: it
// doubles while calls are started soon after they came, and falls to one a thread and one more when a handler was slow.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "common/time.hpp"

namespace rpcbroker {

/// Not thread-safe.
class Capacity {
public:
    /// A call that waited so long while all threads were in handlers is better off elsewhere.
    static constexpr Duration patience = std::chrono::milliseconds{5};
    static constexpr std::uint32_t first = 256;
    static constexpr std::uint32_t most = 1024;

    Capacity(std::uint32_t threads, std::optional<std::uint32_t> fixed) noexcept
        : least_(threads + 1), fixed_(fixed), wanted_(fixed.value_or(std::max(first, least_))) {}

    [[nodiscard]] std::uint32_t wanted() const noexcept { return wanted_; }

    /// A call was started that had waited for `waited`.
    void started(Duration waited) noexcept {
        if (fixed_ || waited > patience / 2 || ++soon_ < wanted_) return;
        soon_ = 0;
        wanted_ = std::max(wanted_, std::min(wanted_ * 2, most));
    }

    /// Calls waited for longer than `patience` behind handlers.
    void slow() noexcept {
        if (fixed_) return;
        soon_ = 0;
        wanted_ = least_;
    }

private:
    std::uint32_t least_;
    std::optional<std::uint32_t> fixed_;
    std::uint32_t wanted_;
    std::uint32_t soon_ = 0;  ///< calls since the last change that were started soon
};

}  // namespace rpcbroker
