// Peers that do not read, and monitors that are not read.
#include "tests/transport/support.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

#include <catch2/catch.hpp>

#include "common/transport/monitor.hpp"

namespace rpcbroker::transport::test {
namespace {

// Sends until the peer takes no more; how many bodies it took. (It may take another one at once: the system's buffers
// empty ours.)
int fill(Bound& bound, PeerId peer) {
    int sent = 0;
    auto result = Sent::yes;
    while ((result = bound.router.send(peer, {}, std::string(10000, 'x'))) == Sent::yes) ++sent;
    CHECK(result == Sent::would_block);
    return sent;
}

TEST_CASE("a peer that does not read blocks nobody, and gets all when it reads") {
    RouterOptions options;
    options.high_water_mark = 10;
    Bound bound("tcp://127.0.0.1:*", options);
    DealerOptions slow_options;
    slow_options.high_water_mark = 10;
    Connected slow(bound.endpoint, slow_options);
    slow.send("I am slow");
    bound.body();
    const auto slow_peer = bound.incoming.peer;
    const std::string large(100000, 'w');
    Body waiting;
    int sent = 0;
    auto result = Sent::yes;
    while (result == Sent::yes) {
        sent += fill(bound, slow_peer);
        waiting = Body(large);
        result = bound.router.send(slow_peer, {}, waiting);
        if (result == Sent::yes) ++sent;
    }
    CHECK(result == Sent::would_block);
    CHECK(waiting.bytes() == large);  // as it was

    Connected quick(bound.endpoint);
    quick.send("I am quick");
    CHECK(bound.body() == "I am quick");
    bound.answer("so be it");
    CHECK(quick.body() == "so be it");

    // The peer reads: the one that waits goes, too, and every body is whole.
    int received = 0;
    REQUIRE(wait_until(slow.poller, [&] {
        if (!waiting.empty() && bound.router.send(slow_peer, {}, waiting) == Sent::yes) ++sent;
        while (slow.dealer.receive(slow.incoming) == Received::body) {
            const auto size = slow.incoming.body.size();
            CHECK((size == large.size() || size == 10000));
            ++received;
        }
        return waiting.empty() && received == sent;
    }));
}

TEST_CASE("bytes under way to a peer that does not read are bounded, however large the bodies") {
    RouterOptions options;
    options.most_under_way = 4'000'000;
    Bound bound("tcp://127.0.0.1:*", options);
    DealerOptions slow_options;
    slow_options.high_water_mark = 1;
    Connected slow(bound.endpoint, slow_options);
    slow.send("I am slow");
    bound.body();
    const auto peer = bound.incoming.peer;
    // What its system and its libzmq have taken is not under way; that is some megabytes, and has an end.
    const std::string large(1'000'000, 'x');
    int sent = 0;
    auto result = Sent::yes;
    for (int quiet = 0; quiet < 50; ++quiet) {
        while ((result = bound.router.send(peer, {}, large)) == Sent::yes) {
            ++sent;
            quiet = 0;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    CHECK(result == Sent::would_block);
    CHECK(sent >= 4);
    CHECK(sent < 100);

    int received = 0;
    REQUIRE(wait_until(slow.poller, [&] {
        while (slow.dealer.receive(slow.incoming) == Received::body) received += slow.incoming.body.size() == 1'000'000;
        return received == sent;
    }));
    CHECK(bound.router.send(peer, {}, large) == Sent::yes);
}

TEST_CASE("a blocked peer's envelope is never left half sent") {
    RouterOptions options;
    options.high_water_mark = 5;
    Bound bound("tcp://127.0.0.1:*", options);
    Foreign dealer(zmq::socket_type::dealer);
    dealer.socket.set(zmq::sockopt::rcvhwm, 5);
    dealer.socket.connect(bound.endpoint);
    dealer.send({"a", "b", "", "call"});
    bound.body();
    const std::string bytes(50000, 'x');
    int sent = 0;
    while (bound.router.send(bound.incoming.peer, bound.incoming.envelope, bytes) == Sent::yes) ++sent;
    for (int count = 0; count < sent; ++count) {
        CHECK(dealer.receive() == std::vector<std::string>{"a", "b", "", bytes});
    }
}

TEST_CASE("a peer that closed while it was blocked is told, and gone") {
    RouterOptions options;
    options.high_water_mark = 10;
    Bound bound("tcp://127.0.0.1:*", options);
    auto slow = std::make_unique<Connected>(bound.endpoint);
    slow->send("I am slow");
    bound.body();
    const auto peer = bound.incoming.peer;
    fill(bound, peer);
    slow.reset();
    CHECK(bound.closed() == peer);
    CHECK(bound.router.send(peer, {}, "too late") == Sent::gone);
}

// Connects to an ipc path and goes at once.
void knock(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    ::close(descriptor);
}

TEST_CASE("tens of thousands of events that nobody reads stop nothing, and none is lost") {
    Directory directory;
    Context context;
    Socket watched(context, ZMQ_ROUTER);
    Monitor monitor(watched, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED);
    REQUIRE(zmq_bind(watched.handle(), directory.ipc("socket").c_str()) == 0);
    constexpr int knocks = 10000;
    for (int count = 0; count < knocks; ++count) knock(directory.file("socket"));

    Foreign dealer(zmq::socket_type::dealer, directory.ipc("socket"));
    dealer.send({"are you there?"});
    Frame frame;
    REQUIRE(zmq_msg_recv(frame.get(), watched.handle(), 0) >= 0);

    Poller poller;
    poller.add_descriptor(monitor.socket().descriptor());
    int accepted = 0;
    int disconnected = 0;
    Monitor::Event event{};
    CHECK(wait_until(poller, [&] {
        while (monitor.next(event)) ++(event.what == ZMQ_EVENT_ACCEPTED ? accepted : disconnected);
        return accepted == knocks + 1 && disconnected == knocks;
    }));
}

}  // namespace
}  // namespace rpcbroker::transport::test
