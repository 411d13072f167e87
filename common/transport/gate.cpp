#include "common/transport/gate.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace rpcbroker::transport {
namespace {

/// So many seconds' worth may come at once.
constexpr double burst_seconds = 5;
/// The part of all connections that one door leaves to the other.
constexpr std::size_t kept_share = 8;

}  // namespace

double Gate::most_tokens() const noexcept { return static_cast<double>(limits_.accepts_per_second) * burst_seconds; }

std::optional<std::string> Gate::refuses(Door door, const std::string& address, TimePoint now) {
    Guest& who = guest(address, now);
    const auto why = [&]() -> const char* {
        if (limits_.total != 0 && open() >= limits_.total) return "as many are connected as may be (--max-connections)";
        if (limits_.total != 0 && open_at(door) >= limits_.total - limits_.total / kept_share)
            return "the rest of --max-connections is for the other side";
        if (limits_.per_address != 0 && who.open >= limits_.per_address)
            return "its address has as many connections as it may (--max-connections-per-address)";
        if (limits_.accepts_per_second != 0 && who.tokens < 1)
            return "its address connects too often (--max-accept-rate)";
        return nullptr;
    }();
    if (why) {
        ++refused_.count;
        refused_.address = address;
        refused_.why = why;
        return why;
    }
    ++who.open;
    who.tokens -= 1;
    ++open_at(door);
    return std::nullopt;
}

void Gate::left(Door door, const std::string& address) noexcept {
    --open_at(door);
    if (const auto found = guests_.find(address); found != guests_.end()) --found->second.open;
}

Gate::Guest& Gate::guest(const std::string& address, TimePoint now) {
    if (const auto found = guests_.find(address); found != guests_.end()) {
        fill(found->second, now);
        return found->second;
    }
    if (guests_.size() >= forget_at_) forget_strangers(now);
    return guests_.emplace(address, Guest{.tokens = most_tokens(), .counted = now}).first->second;
}

void Gate::fill(Guest& guest, TimePoint now) const noexcept {
    const std::chrono::duration<double> passed = now - std::exchange(guest.counted, now);
    guest.tokens =
        std::min(most_tokens(), guest.tokens + passed.count() * static_cast<double>(limits_.accepts_per_second));
}

/// Whose connections are all gone, and who may come as often as somebody who never did.
void Gate::forget_strangers(TimePoint now) {
    for (auto entry = guests_.begin(); entry != guests_.end();) {
        Guest& who = entry->second;
        fill(who, now);
        const bool stranger = who.open == 0 && who.tokens >= most_tokens();
        entry = stranger ? guests_.erase(entry) : std::next(entry);
    }
    forget_at_ = std::max<std::size_t>(1024, 2 * guests_.size());
}

}  // namespace rpcbroker::transport
