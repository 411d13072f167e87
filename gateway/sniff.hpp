// Which protocol a client speaks, by what it says first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rpcbroker {

enum class Protocol : std::uint8_t { unknown_yet, go_http, go_gob, json, http, tls };

/// `go_http`: the handshake of rpc.DialHTTP. `go_gob`: rpc.Dial. `json`: net/rpc/jsonrpc. Needs 8 bytes at most.
inline Protocol sniff(std::string_view first) noexcept {
    if (first.empty()) return Protocol::unknown_yet;
    constexpr std::string_view connect = "CONNECT ";
    if (first[0] == '{') return Protocol::json;
    if (first[0] == 0x16 && first.size() > 1) return first[1] == 0x03 ? Protocol::tls : Protocol::go_gob;
    if (first[0] == 0x16) return Protocol::unknown_yet;
    if (first[0] < 'A' || first[0] > 'Z') return Protocol::go_gob;
    if (first.starts_with(connect)) return Protocol::go_http;
    return connect.starts_with(first) ? Protocol::unknown_yet : Protocol::http;
}

/// The handshake of rpc.DialHTTP: the head of a request, which Go ends with "\n\n".
struct Handshake {
    enum class Is : std::uint8_t { cut_off, accepted, refused };
    Is is = Is::cut_off;
    std::size_t size = 0;  ///< of what was read, unless cut off
    std::string answer{};
};

Handshake read_handshake(std::string_view bytes, std::uint64_t longest);

}  // namespace rpcbroker
