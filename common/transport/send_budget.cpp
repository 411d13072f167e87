#include "common/transport/send_budget.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

namespace rpcbroker::transport {
namespace {

/// Bytes that the other side's system has acknowledged since the connection began, those of ZMTP's heads and of CURVE among them.
std::optional<std::uint64_t> acknowledged(int descriptor) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
    if (size < offsetof(tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked) return std::nullopt;
    return info.tcpi_bytes_acked;
}

}  // namespace

SendBudget::Account& SendBudget::account(PeerId peer) {
    if (peer.slot >= accounts_.size()) accounts_.resize(std::size_t{peer.slot} + 1);
    Account& found = accounts_[peer.slot];
    if (found.generation != peer.generation) found = {.generation = peer.generation};
    return found;
}

bool SendBudget::is_over(PeerId peer) const noexcept {
    if (peer.slot >= accounts_.size()) return false;
    const Account& known = accounts_[peer.slot];
    return known.generation == peer.generation && known.sent >= known.acknowledged + most_;
}

bool SendBudget::has_room(PeerId peer, int descriptor) {
    if (!is_over(peer)) return true;
    Account& known = account(peer);
    const auto now = acknowledged(descriptor);
    if (now) known.besides = std::max(known.besides, *now - std::min(*now, known.sent));
    known.acknowledged = now ? *now - known.besides : known.sent;
    return !is_over(peer);
}

void SendBudget::sent(PeerId peer, std::size_t bytes) { account(peer).sent += bytes; }

}  // namespace rpcbroker::transport
