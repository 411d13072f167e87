// Routers and dealers with keys: who gets in, and what is known of them.
#include "tests/transport/support.hpp"

#include "common/transport/router_state.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include <catch2/catch.hpp>

namespace rpcbroker::transport::test {
namespace {

using What = ConnectionEvent::What;

// The keys that a router lets in, and their numbers.
class Guests {
public:
    std::uint64_t add(const KeyPair& pair) {
        const std::lock_guard lock{mutex_};
        return numbers_[pair.public_key] = ++last_;
    }
    void remove(const KeyPair& pair) {
        const std::lock_guard lock{mutex_};
        numbers_.erase(pair.public_key);
    }
    RouterKeys::Admit admit() {
        return [this](std::string_view public_key, std::string_view address) -> std::uint64_t {
            const std::lock_guard lock{mutex_};
            addresses_.insert_or_assign(std::string(public_key), std::string(address));
            const auto found = numbers_.find(std::string(public_key));
            return found == numbers_.end() ? 0 : found->second;
        };
    }
    std::string address(const KeyPair& pair) {
        const std::lock_guard lock{mutex_};
        return addresses_[pair.public_key];
    }

private:
    std::mutex mutex_;
    std::uint64_t last_ = 0;
    std::map<std::string, std::uint64_t> numbers_;
    std::map<std::string, std::string> addresses_;
};

struct Scene {
    KeyPair broker = make_key_pair();
    KeyPair alice = make_key_pair();
    KeyPair bob = make_key_pair();
    Guests guests;

    RouterOptions router() {
        RouterOptions options;
        options.keys = RouterKeys{broker.secret_key, guests.admit()};
        return options;
    }
    [[nodiscard]] DealerOptions dealer(const KeyPair& own) const {
        DealerOptions options;
        options.keys = PeerKeys{own, broker.public_key};
        return options;
    }
};

TEST_CASE("who has a key that is let in is known by its number from the first message on") {
    Scene scene;
    const auto alice_number = scene.guests.add(scene.alice);
    const auto bob_number = scene.guests.add(scene.bob);
    Bound bound("tcp://127.0.0.1:*", scene.router());
    Connected alice(bound.endpoint, scene.dealer(scene.alice));
    alice.send("from alice");
    CHECK(bound.body() == "from alice");
    CHECK(bound.incoming.introduced == alice_number);
    const auto alice_peer = bound.incoming.peer;
    bound.answer("to alice");
    CHECK(alice.body() == "to alice");
    alice.send("again");
    CHECK(bound.body() == "again");
    CHECK(bound.incoming.introduced == 0);
    CHECK(bound.incoming.peer == alice_peer);

    Connected bob(bound.endpoint, scene.dealer(scene.bob));
    bob.send("from bob");
    CHECK(bound.body() == "from bob");
    CHECK(bound.incoming.introduced == bob_number);
    CHECK(scene.guests.address(scene.bob) == "127.0.0.1");
}

TEST_CASE("keys go over ipc, too") {
    const Directory directory;
    Scene scene;
    const auto number = scene.guests.add(scene.alice);
    Bound bound(directory.ipc("front"), scene.router());
    Connected alice(bound.endpoint, scene.dealer(scene.alice));
    alice.send("call");
    CHECK(bound.body() == "call");
    CHECK(bound.incoming.introduced == number);
}

TEST_CASE("a peer that connects again is introduced again, by its number of then") {
    Scene scene;
    scene.guests.add(scene.alice);
    Bound bound("tcp://127.0.0.1:*", scene.router());
    Connected alice(bound.endpoint, scene.dealer(scene.alice));
    alice.send("one");
    CHECK(bound.body() == "one");
    const auto first = bound.incoming.peer;
    const auto number = scene.guests.add(scene.alice);
    bound.router.disconnect(first);
    CHECK(bound.closed() == first);
    CHECK(alice.event().what == What::connected);
    CHECK(alice.event().what == What::closed);
    CHECK(alice.event().what == What::connected);
    alice.send("two");
    CHECK(bound.body() == "two");
    CHECK(bound.incoming.peer != first);
    CHECK(bound.incoming.introduced == number);
}

TEST_CASE("a key that is not let in is told so, and comes in when it is") {
    Scene scene;
    Bound bound("tcp://127.0.0.1:*", scene.router());
    Connected alice(bound.endpoint, scene.dealer(scene.alice));
    const auto event = alice.event();
    CHECK(event.what == What::refused);
    CHECK(event.detail.find("it does not let our key in") != std::string::npos);
    CHECK(alice.dealer.send("call") == Sent::would_block);
    const auto number = scene.guests.add(scene.alice);
    alice.send("call");
    CHECK(bound.body() == "call");
    CHECK(bound.incoming.introduced == number);
}

TEST_CASE("a key that is not let in any more does not come in again") {
    Scene scene;
    scene.guests.add(scene.alice);
    Bound bound("tcp://127.0.0.1:*", scene.router());
    Connected alice(bound.endpoint, scene.dealer(scene.alice));
    alice.send("call");
    CHECK(bound.body() == "call");
    scene.guests.remove(scene.alice);
    bound.router.disconnect(bound.incoming.peer);
    CHECK(alice.event().what == What::connected);
    CHECK(alice.event().what == What::closed);
    CHECK(alice.event().what == What::refused);
}

TEST_CASE("a dealer does not talk to a router of another key") {
    Scene scene;
    scene.guests.add(scene.alice);
    Bound bound("tcp://127.0.0.1:*", scene.router());
    DealerOptions options;
    options.keys = PeerKeys{scene.alice, scene.bob.public_key};
    Connected alice(bound.endpoint, options);
    const auto event = alice.event();
    CHECK(event.what == What::refused);
    CHECK(event.detail.find("its own key is another one than we expect") != std::string::npos);
    CHECK(scene.guests.address(scene.alice).empty());
}

TEST_CASE("who has no key does not come in") {
    Scene scene;
    Bound bound("tcp://127.0.0.1:*", scene.router());
    Connected stranger(bound.endpoint);
    CHECK(stranger.event().what == What::refused);
    CHECK(stranger.dealer.send("call") == Sent::would_block);
    Foreign foreign(zmq::socket_type::dealer, bound.endpoint);
    foreign.send({"call"});
    bound.poller.wait(std::chrono::milliseconds{500});
    CHECK(bound.router.receive(bound.incoming) == Received::nothing);
}

TEST_CASE("a dealer with keys does not talk to a router without") {
    Scene scene;
    Bound bound;
    Connected alice(bound.endpoint, scene.dealer(scene.alice));
    CHECK(alice.event().what == What::refused);
    CHECK(alice.dealer.send("call") == Sent::would_block);
}

TEST_CASE("another program that has a key comes in, whatever routing id it chose") {
    Scene scene;
    const auto number = scene.guests.add(scene.alice);
    Bound bound("tcp://127.0.0.1:*", scene.router());
    Foreign foreign(zmq::socket_type::dealer);
    foreign.socket.set(zmq::sockopt::curve_serverkey, scene.broker.public_key);
    foreign.socket.set(zmq::sockopt::curve_publickey, scene.alice.public_key);
    foreign.socket.set(zmq::sockopt::curve_secretkey, scene.alice.secret_key);
    foreign.socket.set(zmq::sockopt::routing_id, "me");
    foreign.socket.connect(bound.endpoint);
    foreign.send({"one"});
    CHECK(bound.body() == "one");
    CHECK(bound.incoming.introduced == number);
    foreign.send({"two"});
    CHECK(bound.body() == "two");
    CHECK(bound.incoming.introduced == 0);
    bound.answer("answer");
    CHECK(foreign.receive() == std::vector<std::string>{"answer"});
}

TEST_CASE("a peer is introduced with a message that is dropped for its frames, too") {
    Scene scene;
    const auto number = scene.guests.add(scene.alice);
    Bound bound("tcp://127.0.0.1:*", scene.router());
    Foreign foreign(zmq::socket_type::dealer);
    foreign.socket.set(zmq::sockopt::curve_serverkey, scene.broker.public_key);
    foreign.socket.set(zmq::sockopt::curve_publickey, scene.alice.public_key);
    foreign.socket.set(zmq::sockopt::curve_secretkey, scene.alice.secret_key);
    foreign.socket.connect(bound.endpoint);
    foreign.send({"one", "two"});
    CHECK(bound.receive() == Received::bad_frames);
    CHECK(bound.incoming.introduced == number);
}

TEST_CASE("two routers of one context ask their own") {
    Scene scene;
    Guests others;
    scene.guests.add(scene.alice);
    const auto number = others.add(scene.bob);
    const Context context;
    auto options = scene.router();
    auto first = std::make_unique<Bound>("tcp://127.0.0.1:*", options, context);
    options.keys->admit = others.admit();
    Bound second("tcp://127.0.0.1:*", options, context);
    CHECK(Connected(second.endpoint, scene.dealer(scene.alice)).event().what == What::refused);
    CHECK(Connected(first->endpoint, scene.dealer(scene.bob)).event().what == What::refused);
    first.reset();
    Connected bob(second.endpoint, scene.dealer(scene.bob));
    bob.send("call");
    CHECK(second.body() == "call");
    CHECK(second.incoming.introduced == number);
}

TEST_CASE("where it cannot be found out who may come in, nobody does") {
    Scene scene;
    auto options = scene.router();
    options.keys->admit = [](std::string_view, std::string_view) -> std::uint64_t { throw std::bad_alloc(); };
    Bound bound("tcp://127.0.0.1:*", options);
    CHECK(Connected(bound.endpoint, scene.dealer(scene.alice)).event().what == What::refused);
}

TEST_CASE("a message of somebody whom libzmq let in without asking is dropped") {
    Scene scene;
    Bound bound("tcp://127.0.0.1:*", scene.router());
    bound.router.state().zap.reset();
    Connected stranger(bound.endpoint, scene.dealer(scene.bob));
    stranger.send("call");
    CHECK(bound.receive() == Received::unauthenticated);
}

TEST_CASE("a router with keys ends while somebody is on the way in") {
    Scene scene;
    scene.guests.add(scene.alice);
    for (int i = 0; i < 20; ++i) {
        Bound bound("tcp://127.0.0.1:*", scene.router());
        const Connected alice(bound.endpoint, scene.dealer(scene.alice));
        bound.poller.wait(std::chrono::milliseconds{i % 4});
    }
}

/// Megabytes that a peer is given which stops reading after so many small bodies.
int megabytes_unread(int bodies_read) {
    constexpr auto pause = std::chrono::milliseconds{2};
    Scene scene;
    scene.guests.add(scene.alice);
    auto options = scene.router();
    options.most_under_way = 4'000'000;
    Bound bound("tcp://127.0.0.1:*", options);
    auto few = scene.dealer(scene.alice);
    few.high_water_mark = 10;
    Connected reader(bound.endpoint, few);
    reader.send("call");
    bound.body();
    const auto peer = bound.incoming.peer;
    for (int sent = 0, read = 0; read < bodies_read;) {
        while (sent < bodies_read && bound.router.send(peer, {}, "thirteen byte") == Sent::yes) ++sent;
        reader.poller.wait(std::chrono::milliseconds{1});
        while (reader.dealer.receive(reader.incoming) == Received::body) ++read;
    }
    const std::string large(100'000, 'x');
    int sent = 0;
    for (int vain = 0; vain < 50; ++vain, std::this_thread::sleep_for(pause))
        for (; bound.router.send(peer, {}, large) == Sent::yes; vain = 0) ++sent;
    return sent / 10;
}

TEST_CASE("what is under way to a peer is bounded, however many bodies' heads and encryption it has got before") {
    const int at_first = megabytes_unread(0);
    CHECK(megabytes_unread(250'000) < at_first + 6);
}

TEST_CASE("keys are not for inproc") {
    Scene scene;
    Router router(Context(), scene.router());
    CHECK(router.bind(to_bind("inproc://front")).error().code() == Code::invalid_argument);
    Dealer dealer(Context(), scene.dealer(scene.alice));
    CHECK(dealer.connect(to_connect("inproc://front")).error().code() == Code::invalid_argument);
}

}  // namespace
}  // namespace rpcbroker::transport::test
