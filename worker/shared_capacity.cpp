#include "worker/shared_capacity.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace rpcbroker {
namespace {

// Of an even share: what a broker without calls keeps, so that it can begin at once. At least one place.
constexpr std::uint32_t idle_part = 8;

/// `all` for those who need it, so that who needs little gets that, and the others get the same. What nobody needs is
/// shared evenly, too.
std::vector<std::uint32_t> share_out(std::uint32_t all, const std::vector<std::uint32_t>& needs) {
    std::vector<std::size_t> order(needs.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return needs[i]; });
    std::vector<std::uint32_t> shares(needs.size());
    auto left = static_cast<std::uint32_t>(needs.size());
    for (const auto i : order) {
        shares[i] = std::min(needs[i], all / left--);
        all -= shares[i];
    }
    left = static_cast<std::uint32_t>(needs.size());
    for (const auto i : order) {
        const auto more = all / left--;
        shares[i] += more;
        all -= more;
    }
    return shares;
}

}  // namespace

SharedCapacity::Broker SharedCapacity::add() {
    parts_.emplace_back();
    return static_cast<Broker>(parts_.size() - 1);
}

void SharedCapacity::attach(Broker broker, TimePoint now) { set_attached(broker, true, now); }

void SharedCapacity::detach(Broker broker, TimePoint now) { set_attached(broker, false, now); }

void SharedCapacity::set_attached(Broker broker, bool attached, TimePoint now) {
    Part& part = parts_[broker];
    if (std::exchange(part.attached, attached) == attached) return;
    attached_ = attached ? attached_ + 1 : attached_ - 1;
    part.lacking = false;
    if (!attached) part.share = part.before = 0;
    seen_ = std::max(seen_, now);
    look(true);
}

// ---- what is held

/// What it holds has changed, and there are other brokers.
void SharedCapacity::note(Part& part) {
    if (part.holding() > 0) {
        part.peak = std::max(part.peak, part.holding());
        part.lacking |= part.holding() >= part.share;
        part.used = seen_;
    }
    if (total() != shared_) look(true);
}

void SharedCapacity::close(TimePoint now) {
    seen_ = std::max(seen_, now);
    closed_ = true;
    capacity_.slow(seen_);
    look(true);
}

bool SharedCapacity::exceeds(Broker broker) const noexcept {
    if (!capacity_.is_fixed() || parts_.size() == 1) return false;
    std::uint32_t held = 0;
    for (const auto& part : parts_) held += part.holding();
    return held > total() && parts_[broker].holding() > parts_[broker].share;
}

std::uint32_t SharedCapacity::excess() const noexcept {
    if (capacity_.is_fixed()) return 0;
    return waiting_ - std::min(waiting_, capacity_.ahead());
}

// ---- shares

void SharedCapacity::on_time(TimePoint now) {
    seen_ = std::max(seen_, now);
    const auto when = next_deadline();
    if (when && seen_ >= *when) look(false);
}

std::optional<TimePoint> SharedCapacity::next_deadline() const noexcept {
    if (parts_.size() == 1) return std::nullopt;
    if (pending_) return looked_ + (settled_ ? pace : settling);
    if (goes_round()) return looked_ + probe;
    if (attached_ > 1 && std::ranges::any_of(parts_, &Part::lacking)) return looked_ + pace;
    return std::nullopt;
}

/// Shares are made anew when something `changed`, when that helps a broker that lacks room, and until they are as wanted.
void SharedCapacity::look(bool changed) {
    looked_ = seen_;
    if (parts_.size() == 1) return;
    const auto wanted = goes_round() ? turns() : even_shares();
    if (changed || pending_ || goes_round() || helps(wanted)) {
        lower(wanted);
        raise(wanted);
        shared_ = total();
        pending_ = !std::ranges::equal(wanted, parts_, {}, {}, &Part::share);
        settled_ = std::ranges::all_of(parts_, [this](const auto& part) { return settled(part); });
    }
    remember();
}

/// After a look: who lacks room still, and what each has needed lately.
void SharedCapacity::remember() {
    const bool over = seen_ >= remembered_ + memory;
    const bool long_over = seen_ >= remembered_ + 2 * memory;
    if (over) remembered_ = seen_;
    for (auto& part : parts_) {
        part.lacking = part.attached && part.holding() > 0 && part.holding() >= part.share;
        if (part.holding() > 0) part.used = seen_;
        if (!over) continue;
        part.earlier_peak = long_over ? part.holding() : part.peak;
        part.peak = part.holding();
    }
}

std::uint32_t SharedCapacity::Part::need() const noexcept {
    const auto most = std::max(peak, earlier_peak);
    return lacking ? std::max(2 * share, most) + 1 : most + most / 4 + 1;
}

SharedCapacity::Shares SharedCapacity::even_shares() const {
    const auto all = total();
    const auto least = std::max(1U, all / (idle_part * std::max(1U, attached_)));
    Shares needs;
    for (const auto& part : parts_)
        if (part.attached) needs.push_back(std::clamp(part.need(), least, std::max(least, all)));
    const auto given = share_out(all, needs);
    Shares shares(parts_.size());
    for (std::size_t i = 0, next = 0; i < parts_.size(); ++i)
        if (parts_[i].attached) shares[i] = given[next++];
    return shares;
}

/// A place each for as many as there are places: for those whose turn is not over, then for those that come next.
SharedCapacity::Shares SharedCapacity::turns() const {
    Shares shares(parts_.size());
    auto left = total();
    const auto give = [&](std::size_t i) {
        if (left == 0 || !parts_[i].attached || shares[i] > 0) return;
        shares[i] = 1;
        --left;
    };
    for (std::size_t i = 0; i < parts_.size(); ++i)
        if (keeps_turn(parts_[i])) give(i);
    for (std::size_t i = 0; i < parts_.size(); ++i) give((turn_ + i) % parts_.size());
    return shares;
}

bool SharedCapacity::keeps_turn(const Part& part) const noexcept {
    return part.share > 0 && seen_ < part.granted + slice && seen_ < std::max(part.used, part.granted) + probe;
}

bool SharedCapacity::helps(const Shares& wanted) const noexcept {
    for (std::size_t i = 0; i < parts_.size(); ++i)
        if (parts_[i].lacking && wanted[i] > parts_[i].share) return true;
    return false;
}

void SharedCapacity::lower(const Shares& wanted) {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        Part& part = parts_[i];
        if (wanted[i] >= part.share) continue;
        part.before = settled(part) ? part.share : std::max(part.before, part.share);
        part.share = wanted[i];
        part.lowered = seen_;
    }
}

/// As far as others do not take the places yet.
void SharedCapacity::raise(const Shares& wanted) {
    auto left = total();
    for (const auto& part : parts_) left -= std::min(left, taken(part));
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        Part& part = parts_[i];
        const auto has = taken(part);
        const auto share = std::min(wanted[i], has + left);
        if (share <= part.share) continue;
        left -= share - std::min(share, has);
        part.share = share;
        part.granted = seen_;
        turn_ = (i + 1) % parts_.size();
    }
}

/// Places that a broker has, or may fill yet by what it knows.
std::uint32_t SharedCapacity::taken(const Part& part) const noexcept {
    return std::max({part.share, part.holding(), settled(part) ? 0 : part.before});
}

}  // namespace rpcbroker
