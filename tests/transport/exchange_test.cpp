// Bodies both ways, over each transport.
#include "tests/transport/support.hpp"

#include <sys/stat.h>

#include <fstream>
#include <memory>

#include <catch2/catch.hpp>

namespace rpcbroker::transport::test {
namespace {

void exchange(Bound& bound, Connected& connected) {
    CHECK(connected.event().what == ConnectionEvent::What::connected);
    connected.send("hello");
    CHECK(bound.body() == "hello");
    CHECK(bound.incoming.envelope.empty());
    bound.answer("hello yourself");
    CHECK(connected.body() == "hello yourself");
}

TEST_CASE("a dealer and a router exchange bodies over tcp") {
    Bound bound;
    Connected connected(bound.endpoint);
    exchange(bound, connected);
}

TEST_CASE("a dealer and a router exchange bodies over IPv6") {
    Context context;
    Router router(context, {});
    const auto endpoint = router.bind(to_bind("tcp://[::1]:*"));
    if (!endpoint) return;  // a machine without IPv6
    Connected connected(*endpoint);
    connected.send("hello");
    Poller poller;
    poller.add(router);
    Incoming incoming;
    CHECK(wait_until(poller, [&] { return router.receive(incoming) == Received::body; }));
}

TEST_CASE("a dealer and a router exchange bodies over ipc") {
    Directory directory;
    Bound bound(directory.ipc("socket"));
    Connected connected(bound.endpoint);
    exchange(bound, connected);
}

TEST_CASE("a dealer and a router exchange bodies over inproc, whoever comes first") {
    Context context;
    Connected connected("inproc://exchange", {}, context);
    Bound bound("inproc://exchange", {}, context);
    exchange(bound, connected);
}

TEST_CASE("a router is bound to several endpoints at once") {
    Directory directory;
    Bound bound;
    const auto second = bound.router.bind(to_bind(directory.ipc("second"))).value();
    Connected one(bound.endpoint);
    Connected other(second);
    one.send("by tcp");
    CHECK(bound.body() == "by tcp");
    const auto first_peer = bound.incoming.peer;
    other.send("by ipc");
    CHECK(bound.body() == "by ipc");
    CHECK(bound.incoming.peer != first_peer);
    CHECK(bound.router.send(first_peer, {}, "to tcp") == Sent::yes);
    CHECK(one.body() == "to tcp");
}

TEST_CASE("a wildcard port is told") {
    Bound bound;
    CHECK(bound.endpoint.starts_with("tcp://127.0.0.1:"));
    CHECK(to_connect(bound.endpoint).port() != 0);
}

TEST_CASE("a router binds to localhost by name") {
    Bound bound("tcp://localhost:*");
    Connected connected("tcp://localhost:" + std::to_string(to_connect(bound.endpoint).port()));
    exchange(bound, connected);
}

TEST_CASE("a port in use is refused with the endpoint and the reason") {
    Bound bound;
    Router second(Context(), {});
    const auto result = second.bind(to_bind(bound.endpoint));
    REQUIRE(!result);
    CHECK(result.error().code() == Code::unavailable);
    CHECK(result.error().message() == bound.endpoint + ": Address already in use");
}

TEST_CASE("an ipc path at which somebody listens is refused, and goes on working") {
    Directory directory;
    Bound bound(directory.ipc("socket"));
    Router second(Context(), {});
    const auto result = second.bind(to_bind(bound.endpoint));
    REQUIRE(!result);
    CHECK(result.error().message() == bound.endpoint + ": Address already in use");
    Connected connected(bound.endpoint);
    exchange(bound, connected);
}

TEST_CASE("a socket file that a killed broker left behind does not stop the next one") {
    Directory directory;
    { Bound bound(directory.ipc("socket")); }
    struct stat status {};
    REQUIRE(::stat(directory.file("socket").c_str(), &status) == 0);  // libzmq leaves it, too
    Bound bound(directory.ipc("socket"));
    Connected connected(bound.endpoint);
    exchange(bound, connected);
}

TEST_CASE("a file that is no socket is not removed for an ipc endpoint") {
    Directory directory;
    std::ofstream(directory.file("precious")) << "data";
    Router router(Context(), {});
    const auto result = router.bind(to_bind(directory.ipc("precious")));
    REQUIRE(!result);
    CHECK(result.error().message() == directory.ipc("precious") + ": File exists");
    CHECK(std::ifstream(directory.file("precious")).good());
}

TEST_CASE("an address that is not this machine's is refused with advice") {
    Router router(Context(), {});
    const auto result = router.bind(to_bind("tcp://192.0.2.1:5555"));
    REQUIRE(!result);
    CHECK(result.error().message().starts_with("tcp://192.0.2.1:5555: Cannot assign requested address"));
}

TEST_CASE("a large body is moved, not copied, from receive to send") {
    Bound bound;
    Connected connected(bound.endpoint);
    Body large(std::string(std::size_t{1} << 20, 'x'));
    large.data()[0] = 'a';
    REQUIRE(wait_until(connected.poller, [&] { return connected.dealer.send(large) == Sent::yes; }));
    CHECK(large.empty());
    REQUIRE(bound.receive() == Received::body);
    REQUIRE(bound.incoming.body.size() == std::size_t{1} << 20);
    const char* bytes = bound.incoming.body.data();
    Body kept = std::move(bound.incoming.body);
    CHECK(kept.data() == bytes);
    kept.data()[0] = 'b';  // as a msgid is rewritten
    CHECK(bound.router.send(bound.incoming.peer, {}, kept) == Sent::yes);
    CHECK(kept.empty());
    const std::string back = connected.body();
    CHECK(back.size() == std::size_t{1} << 20);
    CHECK(back.substr(0, 2) == "bx");
}

TEST_CASE("bodies of all sizes arrive as they were") {
    Bound bound;
    Connected connected(bound.endpoint);
    const std::size_t size = GENERATE(as<std::size_t>{}, 0, 1, 29, 33, 34, 255, 256, 8191, 8192, 32767, 32768, 100000);
    std::string bytes(size, '\0');
    for (std::size_t at = 0; at < size; ++at) bytes[at] = static_cast<char>(at * 7);
    connected.send(bytes);
    CHECK(bound.body() == bytes);
    Body body(bytes);
    CHECK(bound.router.send(bound.incoming.peer, {}, body) == Sent::yes);
    CHECK(connected.body() == bytes);
}

TEST_CASE("a body over the limit closes its connection") {
    RouterOptions options;
    options.max_message = 1000;
    Bound bound("tcp://127.0.0.1:*", options);
    Connected connected(bound.endpoint);
    connected.send(std::string(1000, 'x'));
    CHECK(bound.body().size() == 1000);
    const auto peer = bound.incoming.peer;
    connected.send(std::string(1001, 'x'));
    CHECK(bound.closed() == peer);
}

TEST_CASE("what was sent before the end still arrives") {
    auto bound = std::make_unique<Bound>();
    Connected connected(bound->endpoint);
    connected.send("give me many");
    bound->body();
    constexpr int many = 500;
    for (int count = 0; count < many; ++count) bound->answer("one of many");
    bound.reset();
    for (int count = 0; count < many; ++count) CHECK(connected.body() == "one of many");
    CHECK(connected.event().what == ConnectionEvent::What::connected);
    CHECK(connected.event().what == ConnectionEvent::What::closed);
}

}  // namespace
}  // namespace rpcbroker::transport::test
