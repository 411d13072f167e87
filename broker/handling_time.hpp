// How long the workers have a call of one method, so that none is sent to them, or let in, that cannot be answered in time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "common/time.hpp"

namespace rpcbroker::broker {

/// From the dispatch of calls to their answers: the mean of the last few and how far they lie from it. One that took longer
/// than twice the mean counts as twice the mean, so that a few slow calls among quick ones do not make the quick ones seem
/// slow; where slow ones are the rule, the mean is there after some dozens. Is told the time, which never goes back. Not
/// thread-safe.
class HandlingTime {
public:
    /// So many calls have to be answered before anything is known.
    static constexpr std::uint32_t fewest = 8;
    /// What was not measured again for so long is not known any more.
    static constexpr Duration memory = std::chrono::seconds(10);

    /// A worker answered a call that it had for `took`.
    void finish(Duration took, TimePoint now) noexcept;
    /// The same of a call that was cancelled meanwhile, which says only how long a call takes at least.
    void cut_short(Duration took, TimePoint now) noexcept;

    /// The time that most calls get by with; nothing while it is not known.
    [[nodiscard]] std::optional<Duration> usual(TimePoint now) const noexcept;

private:
    Duration mean_{};
    Duration deviation_{};  ///< mean, absolute
    std::uint32_t finished_ = 0;
    TimePoint measured_;
};

}  // namespace rpcbroker::broker
