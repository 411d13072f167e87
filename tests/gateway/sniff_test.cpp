#include "gateway/sniff.hpp"

#include <catch2/catch.hpp>

namespace rpcbroker {
namespace {

TEST_CASE("a protocol is known by what comes first") {
    CHECK(sniff("") == Protocol::unknown_yet);
    CHECK(sniff("CONN") == Protocol::unknown_yet);
    CHECK(sniff("CONNECT /") == Protocol::go_http);
    CHECK(sniff("POST /rpc HTTP/1.1") == Protocol::http);
    CHECK(sniff("C") == Protocol::unknown_yet);
    CHECK(sniff("COPY") == Protocol::http);
    CHECK(sniff("{") == Protocol::json);
    CHECK(sniff("\x2f\xff\x81") == Protocol::go_gob);
    CHECK(sniff("\x16\x03\x01") == Protocol::tls);
}

TEST_CASE("the handshake of rpc.DialHTTP") {
    using Is = Handshake::Is;
    const auto accepted = read_handshake("CONNECT /_goRPC_ HTTP/1.0\n\n\x2f", 1000);
    CHECK(accepted.is == Is::accepted);
    CHECK(accepted.size == 27);
    CHECK(accepted.answer == "HTTP/1.0 200 Connected to Go RPC\n\n");
    CHECK(read_handshake("CONNECT /_goRPC_ HTTP/1.1\r\nHost: a\r\n\r\n", 1000).is == Is::accepted);
    CHECK(read_handshake("CONNECT /_goRPC_ HTTP/1.0\n", 1000).is == Is::cut_off);
    CHECK(read_handshake("CONNECT example.org:443 HTTP/1.1\r\n\r\n", 1000).is == Is::refused);
    CHECK(read_handshake("CONNECT /_goRPC_ HTTP/1.0\nA: " + std::string(1000, 'a'), 1000).is == Is::refused);
}

}  // namespace
}  // namespace rpcbroker
