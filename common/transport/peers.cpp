#include "common/transport/peers.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace rpcbroker::transport {
namespace {

/// libzmq says that a connection is over a moment before it hands its last messages over.
constexpr std::chrono::milliseconds hand_over{20};

std::uint32_t number(std::string_view automatic) noexcept {
    std::uint32_t value = 0;
    for (const char byte : automatic.substr(1)) value = (value << 8) | static_cast<unsigned char>(byte);
    return value;
}

// Whether `one` was given before `other`. The count begins anywhere and wraps around.
bool is_older(std::string_view one, std::string_view other) noexcept {
    if (!Peers::is_automatic(one) || !Peers::is_automatic(other)) return false;
    return static_cast<std::int32_t>(number(one) - number(other)) < 0;
}

}  // namespace

void Peers::accepted(int descriptor) {
    disconnected(descriptor);
    entry(descriptor).open = true;
}

void Peers::disconnected(int descriptor) {
    const Descriptor was = std::exchange(entry(descriptor), Descriptor{});
    if (was.slot != no_slot) end(was.slot);
}

void Peers::refuse(int descriptor) { entry(descriptor).refused = true; }

bool Peers::is_refused(int descriptor) const noexcept {
    const auto index = static_cast<std::size_t>(descriptor);
    return index < descriptors_.size() && descriptors_[index].refused;
}

std::optional<PeerId> Peers::find(std::string_view routing_id) noexcept {
    if (latest_ != no_slot && peers_[latest_].routing_id == routing_id) return id_of(latest_);
    const auto found = slots_.find(routing_id);
    if (found == slots_.end()) return std::nullopt;
    latest_ = found->second;
    return id_of(latest_);
}

std::optional<PeerId> Peers::identify(std::string_view routing_id, int descriptor) {
    if (const auto found = slots_.find(routing_id); found != slots_.end()) {
        if (is_same(peers_[found->second], descriptor)) return id_of(found->second);
        end(found->second);  // somebody else (or the same one again) has its id now
    }
    if (is_refused(descriptor)) return std::nullopt;
    return id_of(admit(routing_id, descriptor));
}

void Peers::read(PeerId peer) noexcept { peers_[peer.slot].read = ++read_; }

/// libzmq reads those that have something in turn (4.3.4: fq_t), and notices within a hundred messages that one has something
/// again (config.hpp: inbound_poll_rate).
bool Peers::all_had_turns_since(std::uint64_t then) const noexcept {
    const std::uint64_t connections = std::max(descriptors_.size(), peers_.size());
    return read_ - then >= 2 * connections + 200;
}

void Peers::settle(TimePoint now) {
    std::erase_if(over_, [&](std::uint32_t slot) {
        Peer& peer = peers_[slot];
        if (peer.over == TimePoint{}) peer.over = now;
        if (!all_had_turns_since(peer.read) || now < peer.over + hand_over) return false;
        closed_.push_back(slot);
        return true;
    });
}

void Peers::drained() {
    // Reported from the back; the order among them means nothing.
    closed_.insert(closed_.end(), over_.begin(), over_.end());
    over_.clear();
}

bool Peers::next_closed(PeerId& peer, const std::function<bool(PeerId)>& held) {
    for (auto next = closed_.rbegin(); next != closed_.rend(); ++next) {
        const std::uint32_t slot = *next;
        peer = id_of(slot);
        if (held && held(peer)) continue;
        closed_.erase(std::next(next).base());
        free(slot);
        return true;
    }
    return false;
}

const std::string* Peers::routing_id(PeerId peer) const noexcept {
    const Peer* found = get(peer);
    return found && found->phase == Phase::open ? &found->routing_id : nullptr;
}

int Peers::descriptor(PeerId peer) const noexcept {
    const Peer* found = get(peer);
    return found && found->phase == Phase::open ? found->descriptor : no_descriptor;
}

std::optional<std::uint32_t> Peers::slot_at(int descriptor) const noexcept {
    const auto index = static_cast<std::size_t>(descriptor);
    if (index >= descriptors_.size() || descriptors_[index].slot == no_slot) return std::nullopt;
    return descriptors_[index].slot;
}

Peers::Descriptor& Peers::entry(int descriptor) {
    const auto index = static_cast<std::size_t>(descriptor);
    if (index >= descriptors_.size()) descriptors_.resize(index + 1);
    return descriptors_[index];
}

const Peers::Peer* Peers::get(PeerId peer) const noexcept {
    if (peer.slot >= peers_.size()) return nullptr;
    const Peer& found = peers_[peer.slot];
    return found.generation == peer.generation ? &found : nullptr;
}

bool Peers::is_same(const Peer& peer, int descriptor) const noexcept {
    if (peer.descriptor != descriptor) return false;
    if (peer.phase == Phase::open) return true;
    // It is over: these are its last messages, unless the descriptor has a connection again.
    return descriptor == no_descriptor || is_automatic(peer.routing_id) ||
           !descriptors_[static_cast<std::size_t>(descriptor)].open;
}

std::uint32_t Peers::admit(std::string_view routing_id, int descriptor) {
    std::uint32_t slot = static_cast<std::uint32_t>(peers_.size());
    if (unused_.empty()) {
        peers_.emplace_back();
    } else {
        slot = unused_.back();
        unused_.pop_back();
    }
    Peer& peer = peers_[slot];
    ++peer.generation;
    peer.routing_id.assign(routing_id);
    peer.descriptor = descriptor;
    peer.phase = Phase::open;
    slots_.insert_or_assign(peer.routing_id, slot);
    latest_ = slot;
    if (descriptor != no_descriptor && !bind(slot, descriptor)) end(slot);
    return slot;
}

bool Peers::bind(std::uint32_t slot, int descriptor) {
    Descriptor& connection = entry(descriptor);
    if (!connection.open) return false;
    if (connection.slot != no_slot) {
        if (is_older(peers_[slot].routing_id, peers_[connection.slot].routing_id)) return false;
        end(connection.slot);
    }
    connection.slot = slot;
    return true;
}

void Peers::end(std::uint32_t slot) {
    Peer& peer = peers_[slot];
    if (peer.phase != Phase::open) return;
    peer.phase = Phase::over;
    peer.read = read_;
    peer.over = {};
    over_.push_back(slot);
    if (peer.descriptor == no_descriptor) return;
    Descriptor& connection = entry(peer.descriptor);
    if (connection.slot == slot) connection.slot = no_slot;
}

void Peers::free(std::uint32_t slot) {
    Peer& peer = peers_[slot];
    const auto found = slots_.find(peer.routing_id);
    if (found != slots_.end() && found->second == slot) slots_.erase(found);
    if (latest_ == slot) latest_ = no_slot;
    peer.routing_id.clear();
    peer.phase = Phase::unused;
    peer.descriptor = no_descriptor;
    unused_.push_back(slot);
}

}  // namespace rpcbroker::transport
