#include <rpcbroker/endpoint.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <utility>

namespace rpcbroker {
namespace {

// sun_path holds 108 bytes, the last of them a zero.
constexpr std::size_t max_ipc_path = 107;
constexpr std::size_t max_inproc_name = 255;
constexpr std::size_t max_host = 253;
constexpr unsigned max_port = 65535;

using Problem = std::optional<std::string>;

struct Tcp {
    std::string host;
    std::uint16_t port = 0;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_ipv4(const std::string& host) {
    in_addr address{};
    return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

// A zone (fe80::1%eth0) is passed on as it stands.
bool is_ipv6(const std::string& host) {
    in6_addr address{};
    return inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), &address) == 1;
}

// A numeric address that is none: nobody names a host 1.2.3 or 256.0.0.1.
bool looks_like_ipv4(std::string_view host) {
    return std::ranges::all_of(host, [](char c) { return is_digit(c) || c == '.'; });
}

bool is_host_name(std::string_view host) {
    if (host.empty() || host.size() > max_host || host.front() == '-' || host.front() == '.') return false;
    if (host.find("..") != std::string_view::npos) return false;
    return std::ranges::all_of(host,
                               [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_'; });
}

bool is_plain(std::string_view text) {
    return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Error wrong(std::string_view text, std::string_view problem) {
    return {Code::invalid_argument, std::string{text}.append(": ").append(problem)};
}

Problem read_port(std::string_view text, Endpoint::Use use, std::uint16_t& port) {
    const bool binds = use == Endpoint::Use::bind;
    if (text == "*") {
        if (!binds) return "port * is for binding only; name the port, as in tcp://127.0.0.1:5555";
        port = 0;
        return std::nullopt;
    }
    const std::string shown{text};
    if (text.empty() || !std::ranges::all_of(text, is_digit)) {
        return "port \"" + shown + "\" is no number; write tcp://HOST:PORT, as in tcp://127.0.0.1:5555";
    }
    unsigned value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc{} || value > max_port) return "port " + shown + " is over 65535";
    if (value == 0 && !binds) return "port 0 is for binding only; name the port, as in tcp://127.0.0.1:5555";
    port = static_cast<std::uint16_t>(value);
    return std::nullopt;
}

Problem read_bracketed_host(std::string_view authority, std::string& host, std::string_view& rest) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return "the ] after the IPv6 address is missing, as in tcp://[::1]:5555";
    host = authority.substr(1, end - 1);
    rest = authority.substr(end + 1);
    if (is_ipv6(host)) return std::nullopt;
    return "\"" + host + "\" is no IPv6 address; write it as in tcp://[::1]:5555";
}

Problem read_plain_host(std::string_view authority, Endpoint::Use use, std::string& host, std::string_view& rest) {
    const auto colon = authority.find(':');
    if (colon != std::string_view::npos && authority.find(':', colon + 1) != std::string_view::npos) {
        return "an IPv6 address stands in brackets, as in tcp://[::1]:5555";
    }
    host = authority.substr(0, colon);
    rest = authority.substr(host.size());
    if (host.empty()) return "the host is missing, as in tcp://127.0.0.1:5555";
    if (host == "*") {
        if (use == Endpoint::Use::bind) return std::nullopt;
        return "host * is for binding only; name the host, as in tcp://127.0.0.1:5555";
    }
    if (looks_like_ipv4(host) ? is_ipv4(host) : is_host_name(host)) return std::nullopt;
    return "\"" + host + "\" is no host name or IPv4 address, as in tcp://127.0.0.1:5555";
}

Problem read_tcp(std::string_view authority, Endpoint::Use use, Tcp& out) {
    std::string_view rest;
    const bool bracketed = authority.starts_with('[');
    auto problem =
        bracketed ? read_bracketed_host(authority, out.host, rest) : read_plain_host(authority, use, out.host, rest);
    if (problem) return problem;
    if (!rest.starts_with(':')) return "the port is missing, as in tcp://127.0.0.1:5555";
    return read_port(rest.substr(1), use, out.port);
}

Problem check_ipc(std::string_view path) {
    const bool abstract = path.starts_with('@');
    if (path.size() > max_ipc_path) {
        return "the path has " + std::to_string(path.size()) +
               " bytes, more than the 107 that a socket's path may have";
    }
    if (abstract && path.size() > 1) return std::nullopt;
    if (path.starts_with('/') && path.size() > 1 && !path.ends_with('/')) return std::nullopt;
    return "needs the whole path of a socket, as in ipc:///run/rpc.sock, or an abstract name, as in ipc://@rpc";
}

Problem check_inproc(std::string_view name) {
    if (name.empty()) return "the name is missing, as in inproc://broker";
    if (name.size() > max_inproc_name) return "the name is longer than 255 bytes";
    return std::nullopt;
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view text, Use use) {
    if (text.empty()) return wrong("\"\"", "is no endpoint; write it as in tcp://127.0.0.1:5555");
    if (!is_plain(text)) return wrong("endpoint", "holds a control character; write it as in tcp://127.0.0.1:5555");
    Endpoint endpoint;
    endpoint.text_ = text;
    const auto parted = text.find("://");
    const auto scheme = parted == std::string_view::npos ? std::string_view{} : text.substr(0, parted);
    const auto address = scheme.empty() ? text : text.substr(parted + 3);
    Problem problem;
    if (scheme == "tcp") {
        Tcp tcp;
        problem = read_tcp(address, use, tcp);
        endpoint.address_ = std::move(tcp.host);
        endpoint.port_ = tcp.port;
    } else if (scheme == "ipc") {
        problem = check_ipc(address);
        endpoint.transport_ = Transport::ipc;
        endpoint.address_ = address;
    } else if (scheme == "inproc") {
        problem = check_inproc(address);
        endpoint.transport_ = Transport::inproc;
        endpoint.address_ = address;
    } else {
        problem = "begins with none of tcp://, ipc://, inproc://; write it as in tcp://127.0.0.1:5555";
    }
    if (problem) return wrong(text, *problem);
    return endpoint;
}

bool Endpoint::is_local() const noexcept {
    if (transport_ != Transport::tcp) return true;
    if (address_ == "localhost") return true;
    in_addr ipv4{};
    if (inet_pton(AF_INET, address_.c_str(), &ipv4) == 1) return (ntohl(ipv4.s_addr) >> 24) == 127;
    in6_addr ipv6{};
    return inet_pton(AF_INET6, address_.c_str(), &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6);
}

}  // namespace rpcbroker
