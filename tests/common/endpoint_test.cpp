#include <rpcbroker/endpoint.hpp>

#include <catch2/catch.hpp>

using namespace rpcbroker;
using Use = Endpoint::Use;
using Transport = Endpoint::Transport;

namespace {

Endpoint good(const std::string& text, Use use = Use::bind) {
    INFO(text);
    auto endpoint = Endpoint::parse(text, use);
    if (!endpoint) FAIL(endpoint.error().message());
    CHECK(endpoint->text() == text);
    return *endpoint;
}

std::string problem(std::string_view text, Use use = Use::bind) {
    const auto endpoint = Endpoint::parse(text, use);
    if (endpoint) return "none: " + endpoint->text();
    CHECK(endpoint.error().code() == Code::invalid_argument);
    return endpoint.error().message();
}

}  // namespace

TEST_CASE("a tcp endpoint has a host and a port") {
    const auto endpoint = good("tcp://127.0.0.1:5555", Use::connect);
    CHECK(endpoint.transport() == Transport::tcp);
    CHECK(endpoint.address() == "127.0.0.1");
    CHECK(endpoint.port() == 5555);
    CHECK(good("tcp://broker-1.example.org:1", Use::connect).address() == "broker-1.example.org");
    CHECK(good("tcp://eth0:65535").port() == 65535);
}

TEST_CASE("an IPv6 host stands in brackets") {
    CHECK(good("tcp://[::1]:80", Use::connect).address() == "::1");
    CHECK(good("tcp://[fe80::1%eth0]:80", Use::connect).address() == "fe80::1%eth0");
    CHECK(problem("tcp://::1:80") == "tcp://::1:80: an IPv6 address stands in brackets, as in tcp://[::1]:5555");
    CHECK(problem("tcp://[::1:80") == "tcp://[::1:80: the ] after the IPv6 address is missing, as in tcp://[::1]:5555");
    CHECK(problem("tcp://[::g]:80") == "tcp://[::g]:80: \"::g\" is no IPv6 address; write it as in tcp://[::1]:5555");
    CHECK(problem("tcp://[::1]") == "tcp://[::1]: the port is missing, as in tcp://127.0.0.1:5555");
}

TEST_CASE("any host and any port are for binding only") {
    CHECK(good("tcp://*:5555").address() == "*");
    CHECK(good("tcp://127.0.0.1:*").port() == 0);
    CHECK(good("tcp://127.0.0.1:0").port() == 0);
    CHECK(problem("tcp://*:5555", Use::connect) ==
          "tcp://*:5555: host * is for binding only; name the host, as in tcp://127.0.0.1:5555");
    CHECK(problem("tcp://127.0.0.1:*", Use::connect) ==
          "tcp://127.0.0.1:*: port * is for binding only; name the port, as in tcp://127.0.0.1:5555");
    CHECK(problem("tcp://127.0.0.1:0", Use::connect) ==
          "tcp://127.0.0.1:0: port 0 is for binding only; name the port, as in tcp://127.0.0.1:5555");
}

TEST_CASE("a port is a number up to 65535") {
    CHECK(problem("tcp://127.0.0.1:65536") == "tcp://127.0.0.1:65536: port 65536 is over 65535");
    CHECK(problem("tcp://127.0.0.1:99999") == "tcp://127.0.0.1:99999: port 99999 is over 65535");
    CHECK(problem("tcp://127.0.0.1:99999999999999999999") ==
          "tcp://127.0.0.1:99999999999999999999: port 99999999999999999999 is over 65535");
    CHECK(problem("tcp://127.0.0.1:http") ==
          "tcp://127.0.0.1:http: port \"http\" is no number; write tcp://HOST:PORT, as in tcp://127.0.0.1:5555");
    CHECK(problem("tcp://127.0.0.1:").find("port \"\" is no number") != std::string::npos);
    CHECK(problem("tcp://127.0.0.1:-1").find("port \"-1\" is no number") != std::string::npos);
    CHECK(problem("tcp://127.0.0.1") == "tcp://127.0.0.1: the port is missing, as in tcp://127.0.0.1:5555");
}

TEST_CASE("a host is a name or a whole address") {
    for (const auto* host :
         {"256.0.0.1", "1.2.3", "1.2.3.4.5", "12", "a b", "-a", ".a", "a..b", "a/b", "h\xc3\xb6st"}) {
        CHECK(problem("tcp://" + std::string{host} + ":1").find("is no host name or IPv4 address") !=
              std::string::npos);
    }
    CHECK(problem("tcp://:5555") == "tcp://:5555: the host is missing, as in tcp://127.0.0.1:5555");
    CHECK(problem("tcp://" + std::string(254, 'a') + ":1").find("is no host name") != std::string::npos);
}

TEST_CASE("an ipc endpoint has a whole path or an abstract name") {
    CHECK(good("ipc:///run/rpc.sock").transport() == Transport::ipc);
    CHECK(good("ipc:///run/rpc.sock").address() == "/run/rpc.sock");
    CHECK(good("ipc://@rpc").address() == "@rpc");
    CHECK(good("ipc:///" + std::string(106, 'a')).address().size() == 107);
    CHECK(problem("ipc:///" + std::string(107, 'a')).find("has 108 bytes, more than the 107") != std::string::npos);
    for (const auto* text : {"ipc://", "ipc://rpc.sock", "ipc:///", "ipc://@", "ipc:///run/", "ipc://*"}) {
        CHECK(problem(text).find("needs the whole path of a socket, as in ipc:///run/rpc.sock") != std::string::npos);
    }
}

TEST_CASE("an inproc endpoint has a name") {
    CHECK(good("inproc://broker").transport() == Transport::inproc);
    CHECK(good("inproc://broker").address() == "broker");
    CHECK(problem("inproc://") == "inproc://: the name is missing, as in inproc://broker");
    CHECK(problem("inproc://" + std::string(256, 'a')).find("longer than 255 bytes") != std::string::npos);
}

TEST_CASE("anything else is no endpoint") {
    CHECK(problem("") == "\"\": is no endpoint; write it as in tcp://127.0.0.1:5555");
    for (const auto* text : {"127.0.0.1:5555", "udp://127.0.0.1:1", "TCP://127.0.0.1:1", "://a", "tcp:/a:1", "tcp"}) {
        CHECK(problem(text) == std::string{text} + ": begins with none of tcp://, ipc://, inproc://; write it as in " +
                                   "tcp://127.0.0.1:5555");
    }
    CHECK(problem("tcp://a\n:1").find("control character") != std::string::npos);
    CHECK(problem(std::string_view{"ipc:///a\0b", 10}).find("control character") != std::string::npos);
}

TEST_CASE("local is what only this machine reaches") {
    for (const auto* text : {"tcp://127.0.0.1:1", "tcp://127.255.0.9:1", "tcp://[::1]:1", "tcp://localhost:1",
                             "ipc:///run/a", "ipc://@a", "inproc://a"}) {
        CHECK(good(text).is_local());
    }
    for (const auto* text : {"tcp://*:1", "tcp://0.0.0.0:1", "tcp://128.0.0.1:1", "tcp://[::]:1", "tcp://[::2]:1",
                             "tcp://eth0:1", "tcp://localhost.example.org:1", "tcp://lo:1"}) {
        CHECK_FALSE(good(text).is_local());
    }
}

TEST_CASE("the defaults are good") {
    CHECK(good(std::string{default_frontend}).is_local());
    CHECK(good(std::string{default_backend}, Use::connect).is_local());
}
