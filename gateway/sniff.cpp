#include "gateway/sniff.hpp"

#include <algorithm>

namespace rpcbroker {

namespace {

/// Where the head ends, or npos.
std::size_t end_of_head(std::string_view bytes) {
    const auto line_feeds = bytes.find("\n\n");
    const auto both = bytes.find("\n\r\n");
    if (line_feeds == std::string_view::npos && both == std::string_view::npos) return std::string_view::npos;
    return line_feeds < both ? line_feeds + 2 : both + 3;
}

}  // namespace

Handshake read_handshake(std::string_view bytes, std::uint64_t longest) {
    using Is = Handshake::Is;
    const auto end = end_of_head(bytes.substr(0, std::min<std::uint64_t>(bytes.size(), longest)));
    if (end == std::string_view::npos && bytes.size() < longest) return {};
    if (end == std::string_view::npos)
        return {Is::refused, bytes.size(), "HTTP/1.0 431 Request Header Fields Too Large\r\n\r\n"};
    if (bytes.starts_with("CONNECT /_goRPC_ ")) return {Is::accepted, end, "HTTP/1.0 200 Connected to Go RPC\n\n"};
    return {Is::refused, end, "HTTP/1.0 404 Not Found\r\n\r\n"};
}

}  // namespace rpcbroker
