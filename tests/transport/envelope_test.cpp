// Frames before the body, and messages of other frames.
#include "tests/transport/support.hpp"

#include <catch2/catch.hpp>

namespace rpcbroker::transport::test {
namespace {

using Frames = std::vector<std::string>;

TEST_CASE("a REQ socket gets its reply") {
    Bound bound;
    Foreign req(zmq::socket_type::req, bound.endpoint);
    for (const auto* text : {"first", "second"}) {
        req.send({text});
        CHECK(bound.body() == text);
        CHECK(!bound.incoming.envelope.empty());
        bound.answer("reply");
        CHECK(req.receive() == Frames{"reply"});
    }
}

TEST_CASE("a REQ socket with REQ_CORRELATE gets its reply") {
    Bound bound;
    Foreign req(zmq::socket_type::req);
    req.socket.set(zmq::sockopt::req_correlate, 1);
    req.socket.connect(bound.endpoint);
    req.send({"call"});
    CHECK(bound.body() == "call");
    bound.answer("reply");
    CHECK(req.receive() == Frames{"reply"});
}

TEST_CASE("a reply goes back under the envelope of its request, untouched") {
    Bound bound;
    Foreign dealer(zmq::socket_type::dealer, bound.endpoint);
    const std::string longest(255, 'n');
    dealer.send({"", "none before the empty one"});
    dealer.send({"a", "", "one"});
    dealer.send({"a", longest, "c", "", "three"});
    CHECK(bound.body() == "none before the empty one");
    bound.answer("1");
    CHECK(bound.body() == "one");
    bound.answer("2");
    CHECK(bound.body() == "three");
    Body body(std::string(100000, 'x'));
    CHECK(bound.router.send(bound.incoming.peer, bound.incoming.envelope, body) == Sent::yes);
    CHECK(dealer.receive() == Frames{"", "1"});
    CHECK(dealer.receive() == Frames{"a", "", "2"});
    CHECK(dealer.receive() == Frames{"a", longest, "c", "", std::string(100000, 'x')});
}

TEST_CASE("an empty frame alone is an empty body") {
    Bound bound;
    Foreign dealer(zmq::socket_type::dealer, bound.endpoint);
    dealer.send({""});
    CHECK(bound.body().empty());
    CHECK(bound.incoming.envelope.empty());
    dealer.send({"", ""});
    CHECK(bound.body().empty());
    CHECK(!bound.incoming.envelope.empty());
}

TEST_CASE("messages of other frames are told and dropped whole, and the next one is read") {
    Bound bound;
    Foreign dealer(zmq::socket_type::dealer, bound.endpoint);
    const std::string too_long(256, 'n');
    dealer.send({"a", "b"});
    dealer.send({"", "body", "more"});
    dealer.send({"a", "", "body", ""});
    dealer.send({"a", "b", "c", "d", "", "body"});
    dealer.send({"a", "b", "c", "d"});
    dealer.send({too_long, "", "body"});
    for (int count = 0; count < 6; ++count) CHECK(bound.receive() == Received::bad_frames);
    dealer.send({"good"});
    const auto peer = bound.incoming.peer;
    CHECK(bound.body() == "good");
    CHECK(bound.incoming.peer == peer);
    bound.answer("reply");
    CHECK(dealer.receive() == Frames{"reply"});
}

TEST_CASE("a dealer takes bodies only") {
    Foreign router(zmq::socket_type::router);
    router.socket.bind("tcp://127.0.0.1:*");
    Connected connected(router.socket.get(zmq::sockopt::last_endpoint));
    connected.send("call");
    const auto name = router.receive().front();
    router.send({name, "", "enveloped"});
    router.send({name, "bare"});
    auto received = Received::nothing;
    REQUIRE(wait_until(connected.poller,
                       [&] { return (received = connected.dealer.receive(connected.incoming)) != Received::nothing; }));
    CHECK(received == Received::bad_frames);
    CHECK(connected.body() == "bare");
}

}  // namespace
}  // namespace rpcbroker::transport::test
