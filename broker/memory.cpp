// What a load left behind goes back to the system once the load is gone.
#include <algorithm>
#include <utility>

#include "broker/broker_core.hpp"

namespace rpcbroker::broker {
namespace {

using namespace std::chrono_literals;

/// Memory of fewer calls is kept in any case.
constexpr std::size_t kept_calls = 4096;
/// For so long after a time of few calls, or of large bodies, the next load may still come.
constexpr Duration patience = 1s;
/// Work of a turn, some half a millisecond, and the pause until the next such turn.
constexpr unsigned blocks_a_turn = 16;
constexpr Duration pause = 2ms;

}  // namespace

/// Asked once a turn: a load that is gone leaves room for more than four times the calls and timers that there are, or memory
/// of large bodies with the allocator.
void BrokerCore::watch_memory() {
    const auto used = std::max(calls_.size(), deadlines_.size());
    const auto room = std::max(calls_.made(), deadlines_.made());
    const bool too_much = room > 2 * kept_calls && used * 4 <= room;
    if (trimming_ || (!too_much && !large_passed_)) return;
    trimming_ = true;
    calls_.take_most();
    add_timer(Timer::trim, now_ + patience, 0);
}

void BrokerCore::on_trim_timer() {
    const bool large = std::exchange(large_passed_, false);  // then more of them may come
    const auto keep = std::max(kept_calls, 2 * calls_.take_most());
    const auto made = calls_.made();
    bool more = calls_.trim(keep, blocks_a_turn);
    more |= deadlines_.shrink(std::max(keep, 2 * deadlines_.size()), blocks_a_turn * CallTable::block_size);
    freed_ |= calls_.made() < made || large;
    if (more || large) {
        add_timer(Timer::trim, now_ + (more ? pause : patience), 0);
        return;
    }
    trimming_ = false;
    trimmed_ |= std::exchange(freed_, false);
}

}  // namespace rpcbroker::broker
