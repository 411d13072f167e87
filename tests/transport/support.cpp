#include "tests/transport/support.hpp"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include <catch2/catch.hpp>

namespace rpcbroker::transport::test {

Endpoint to_bind(std::string_view text) { return Endpoint::parse(text, Endpoint::Use::bind).value(); }
Endpoint to_connect(std::string_view text) { return Endpoint::parse(text, Endpoint::Use::connect).value(); }

Directory::Directory() {
    std::string path = (std::filesystem::temp_directory_path() / "rpcbroker-test-XXXXXX").string();
    if (!::mkdtemp(path.data())) throw std::runtime_error("no temporary directory");
    path_ = path;
}

Directory::~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

bool wait_until(Poller& poller, const std::function<bool()>& done) {
    const auto end = Clock::now() + patience;
    while (!done()) {
        const auto left = end - Clock::now();
        if (left <= Duration::zero()) return false;
        poller.wait(left);
    }
    return true;
}

Bound::Bound(std::string_view text, const RouterOptions& options, Context context) : router(context, options) {
    endpoint = router.bind(to_bind(text)).value();
    poller.add(router);
}

Received Bound::receive() {
    auto received = Received::nothing;
    REQUIRE(wait_until(poller, [&] { return (received = router.receive(incoming)) != Received::nothing; }));
    return received;
}

std::string Bound::body() {
    REQUIRE(receive() == Received::body);
    return std::string(incoming.body.bytes());
}

PeerId Bound::closed() {
    PeerId peer;
    REQUIRE(wait_until(poller, [&] { return router.next_closed(peer); }));
    return peer;
}

void Bound::answer(std::string_view bytes) {
    REQUIRE(router.send(incoming.peer, incoming.envelope, bytes) == Sent::yes);
}

Connected::Connected(std::string_view endpoint, const DealerOptions& options, Context context)
    : dealer(context, options) {
    poller.add(dealer);
    dealer.connect(to_connect(endpoint)).value();
}

std::string Connected::body() {
    auto received = Received::nothing;
    REQUIRE(wait_until(poller, [&] { return (received = dealer.receive(incoming)) != Received::nothing; }));
    REQUIRE(received == Received::body);
    return std::string(incoming.body.bytes());
}

ConnectionEvent Connected::event() {
    ConnectionEvent event;
    REQUIRE(wait_until(poller, [&] { return dealer.next_event(event); }));
    return event;
}

void Connected::send(std::string_view bytes) {
    REQUIRE(wait_until(poller, [&] { return dealer.send(bytes) == Sent::yes; }));
}

Foreign::Foreign(zmq::socket_type type, std::string_view endpoint, std::string_view routing_id)
    : socket(context, type) {
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::rcvtimeo, static_cast<int>(std::chrono::milliseconds(patience).count()));
    if (!routing_id.empty()) socket.set(zmq::sockopt::routing_id, zmq::buffer(routing_id));
    if (!endpoint.empty()) socket.connect(std::string(endpoint));
}

void Foreign::send(std::initializer_list<std::string_view> frames) {
    std::size_t left = frames.size();
    for (const auto frame : frames) {
        socket.send(zmq::buffer(frame), --left > 0 ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
}

std::vector<std::string> Foreign::receive() {
    std::vector<std::string> frames;
    zmq::message_t frame;
    do {
        REQUIRE(socket.recv(frame));
        frames.push_back(frame.to_string());
    } while (frame.more());
    return frames;
}

}  // namespace rpcbroker::transport::test
