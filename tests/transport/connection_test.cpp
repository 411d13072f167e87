// What a dealer says of its connection.
#include "tests/transport/support.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <thread>
#include <vector>

#include <zmq.h>

#include <catch2/catch.hpp>

#include "common/transport/socket.hpp"

namespace rpcbroker::transport::test {
namespace {

// Something at a port that is not ZeroMQ. Ends what connects after a few words of its own.
class Stranger {
public:
    Stranger() : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        REQUIRE(::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
        REQUIRE(::listen(descriptor_, 16) == 0);
        REQUIRE(::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
        endpoint_ = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    }
    ~Stranger() { ::close(descriptor_); }
    Stranger(const Stranger&) = delete;
    Stranger& operator=(const Stranger&) = delete;

    void serve(std::string_view words) const {
        const int connection = ::accept(descriptor_, nullptr, nullptr);
        REQUIRE(connection >= 0);
        REQUIRE(::send(connection, words.data(), words.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(words.size()));
        ::shutdown(connection, SHUT_WR);
        char drain[256];
        while (::recv(connection, drain, sizeof drain, 0) > 0) {
        }
        ::close(connection);
    }
    [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

private:
    int descriptor_;
    std::string endpoint_;
};

/// A context in which somebody else takes all the sockets that there may be; to libzmq it is as if descriptors were out.
class Crowd {
public:
    Crowd() {
        constexpr int most = 10;
        REQUIRE(zmq_ctx_set(context.state().handle, ZMQ_MAX_SOCKETS, most) == 0);
    }
    ~Crowd() { leave(); }
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;

    /// Takes what is free.
    void come() {
        while (void* socket = zmq_socket(context.state().handle, ZMQ_PAIR)) sockets_.push_back(socket);
        REQUIRE(errno == EMFILE);
    }
    /// Waits for some of the context's to be closed, and takes those, too.
    void take_over(std::size_t sockets) {
        const auto wanted = sockets_.size() + sockets;
        const auto end = Clock::now() + patience;
        while (sockets_.size() < wanted && Clock::now() < end) come();
        REQUIRE(sockets_.size() == wanted);
    }
    void leave() {
        for (void* socket : sockets_) zmq_close(socket);
        sockets_.clear();
    }

    Context context;

private:
    std::vector<void*> sockets_;
};

constexpr std::size_t sockets_of_dealer = 3;  // its own, and two that it is watched by

using What = ConnectionEvent::What;

TEST_CASE("with nobody listening a dealer sends nothing and says nothing") {
    std::string endpoint;
    { endpoint = Bound().endpoint; }
    Connected connected(endpoint);
    CHECK(connected.dealer.send("call") == Sent::would_block);
    Body body("call");
    CHECK(connected.dealer.send(body) == Sent::would_block);
    CHECK(body.bytes() == "call");
    Body large(std::string(100000, 'x'));
    CHECK(connected.dealer.send(large) == Sent::would_block);
    CHECK(large.bytes() == std::string(100000, 'x'));
    ConnectionEvent event;
    CHECK(!connected.dealer.next_event(event));
}

TEST_CASE("a dealer connects to a router that comes later") {
    std::string endpoint;
    { endpoint = Bound().endpoint; }
    Connected connected(endpoint);
    CHECK(connected.dealer.send("call") == Sent::would_block);
    Bound bound(endpoint);
    CHECK(connected.event().what == What::connected);
    connected.send("call");
    CHECK(bound.body() == "call");
}

TEST_CASE("a dealer tells that the router went and came again on the same port") {
    auto bound = std::make_unique<Bound>();
    const auto endpoint = bound->endpoint;
    Connected connected(endpoint);
    CHECK(connected.event().what == What::connected);
    connected.send("to the first");
    bound->body();
    bound.reset();
    CHECK(connected.event().what == What::closed);
    CHECK(connected.dealer.send("to nobody") == Sent::would_block);
    bound = std::make_unique<Bound>(endpoint);
    CHECK(connected.event().what == What::connected);
    connected.send("to the second");
    CHECK(bound->body() == "to the second");
}

TEST_CASE("bodies that came before the connection closed are read before that is told") {
    auto bound = std::make_unique<Bound>();
    Connected connected(bound->endpoint);
    connected.send("call");
    bound->body();
    constexpr int many = 100;
    for (int count = 0; count < many; ++count) bound->answer("reply");
    bound.reset();
    int bodies = 0;
    ConnectionEvent event;
    REQUIRE(wait_until(connected.poller, [&] {
        const bool told = connected.dealer.next_event(event) && event.what == What::closed;
        if (told) return true;
        bodies += connected.dealer.receive(connected.incoming) == Received::body ? 1 : 0;
        return false;
    }));
    CHECK(bodies == many);
}

TEST_CASE("a dealer says when what listens there is not ZeroMQ, and goes on trying") {
    const Stranger stranger;
    const bool in_its_tongue = GENERATE(true, false);
    // Something like ZeroMQ's greeting with a mechanism that we do not speak, after which libzmq gives up; and nothing.
    const std::string greeting =
        std::string("\xff\0\0\0\0\0\0\0\x01\x7f\x03\0", 12) + "UNKNOWN" + std::string(45, '\0');
    Connected connected(stranger.endpoint());
    stranger.serve(in_its_tongue ? greeting : "");
    const auto event = connected.event();
    CHECK(event.what == What::refused);
    CHECK_THAT(event.detail, Catch::StartsWith(stranger.endpoint() + ": "));
    // The dealer comes again when its poller is waited for, as in any loop.
    std::thread loop([&] {
        ConnectionEvent again;
        wait_until(connected.poller, [&] { return connected.dealer.next_event(again) && again.what == What::refused; });
    });
    stranger.serve("");
    loop.join();
}

TEST_CASE("a dealer that is sent a body over its limit connects again") {
    Bound bound;
    DealerOptions options;
    options.max_message = 1000;
    Connected connected(bound.endpoint, options);
    connected.send("call");
    bound.body();
    CHECK(connected.event().what == What::connected);
    bound.answer(std::string(1001, 'x'));
    CHECK(connected.event().what == What::closed);
    CHECK(connected.event().what == What::connected);
    connected.send("call again");
    REQUIRE(wait_until(bound.poller, [&] { return bound.router.receive(bound.incoming) == Received::body; }));
    CHECK(bound.incoming.body.bytes() == "call again");
}

/// In whose context there are no sockets left after its connection ended.
struct Stranded {
    Stranded() {
        connected.send("call");
        bound.body();
        CHECK(connected.event().what == What::connected);
        crowd.come();
        bound.router.disconnect(bound.incoming.peer);
        CHECK(connected.event().what == What::closed);
        crowd.take_over(sockets_of_dealer);
    }
    static DealerOptions options() {
        DealerOptions options;
        options.reconnect = std::chrono::milliseconds{200};  // the crowd is faster
        return options;
    }

    Crowd crowd;
    Bound bound;
    Connected connected{bound.endpoint, options(), crowd.context};
};

TEST_CASE("a dealer that gets no socket to connect with again says so, and connects once there is one") {
    Stranded stranded;
    Bound& bound = stranded.bound;
    Connected& connected = stranded.connected;
    for (int i = 0; i < 2; ++i) {
        const auto event = connected.event();
        CHECK(event.what == What::refused);
        CHECK(event.detail == bound.endpoint + ": no socket to connect with: zmq_socket: Too many open files");
    }
    CHECK(connected.dealer.send("call") == Sent::would_block);
    CHECK(connected.dealer.receive(connected.incoming) == Received::nothing);
    CHECK_FALSE(connected.dealer.may_have_bodies());
    stranded.crowd.leave();
    CHECK(connected.event().what == What::connected);
    connected.send("call again");
    REQUIRE(wait_until(bound.poller, [&] { return bound.router.receive(bound.incoming) == Received::body; }));
    CHECK(bound.incoming.body.bytes() == "call again");
}

TEST_CASE("a dealer may end while it has no socket to connect with") {
    Stranded stranded;
    CHECK(stranded.connected.event().what == What::refused);
}

}  // namespace
}  // namespace rpcbroker::transport::test
