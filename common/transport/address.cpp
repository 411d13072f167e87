#include "common/transport/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace rpcbroker::transport {
namespace {

struct Remote {
    int family = AF_UNSPEC;
    in6_addr v6{};
    in_addr v4{};
    in_port_t port = 0;
};

std::optional<Remote> remote_of(int descriptor) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (descriptor < 0 || ::getpeername(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) != 0)
        return std::nullopt;
    Remote remote{.family = storage.ss_family};
    if (remote.family == AF_INET) {
        sockaddr_in address{};
        std::memcpy(&address, &storage, sizeof address);
        remote.v4 = address.sin_addr;
        remote.port = ntohs(address.sin_port);
    }
    if (remote.family == AF_INET6) {
        sockaddr_in6 address{};
        std::memcpy(&address, &storage, sizeof address);
        remote.v6 = address.sin6_addr;
        remote.port = ntohs(address.sin6_port);
    }
    return remote;
}

// An IPv4 address as a socket for both families sees it.
void unmap(Remote& remote) {
    if (remote.family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&remote.v6)) return;
    std::memcpy(&remote.v4, &remote.v6.s6_addr[12], sizeof remote.v4);
    remote.family = AF_INET;
}

std::string text_of(const Remote& remote) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* address = remote.family == AF_INET ? static_cast<const void*>(&remote.v4) : &remote.v6;
    return ::inet_ntop(remote.family, address, text.data(), text.size()) ? text.data() : "";
}

bool is_internet(const Remote& remote) noexcept { return remote.family == AF_INET || remote.family == AF_INET6; }

}  // namespace

std::string address_of(int descriptor) {
    const auto remote = remote_of(descriptor);
    if (!remote) return {};
    if (!is_internet(*remote)) return "local";
    const auto text = text_of(*remote);
    return (remote->family == AF_INET6 ? "[" + text + "]" : text) + ":" + std::to_string(remote->port);
}

std::string network_of(int descriptor) {
    auto remote = remote_of(descriptor);
    if (!remote) return {};
    if (!is_internet(*remote)) return "local";
    unmap(*remote);
    if (remote->family == AF_INET) return text_of(*remote);
    std::fill(std::begin(remote->v6.s6_addr) + 8, std::end(remote->v6.s6_addr), std::uint8_t{0});  // a host has a /64
    return text_of(*remote) + "/64";
}

}  // namespace rpcbroker::transport
