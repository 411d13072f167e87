// Sessions of one worker that serves several brokers.
#include <catch2/catch.hpp>

#include "tests/worker/session_harness.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;

namespace {

/// Two brokers, with a clock in common.
struct Two {
    explicit Two(std::optional<std::uint32_t> capacity)
        : room(std::make_shared<SharedCapacity>(2, capacity)), one(sharing()), other(sharing()) {}

    SessionOptions sharing() const {
        auto options = SessionHarness::two_threads();
        options.room = room;
        return options;
    }
    void registered() {
        for (auto* each : {&one, &other}) each->session.on_connected(each->now);
        for (auto* each : {&one, &other}) each->answer();
        settle();
    }
    void pass(Duration time) {
        for (const auto until = one.now + time; one.now < until;) {
            for (auto* each : {&one, &other}) each->pass(1ms);
        }
    }
    /// Until everybody was told what there is to tell.
    void settle() {
        pass(50ms);
        for (auto* each : {&one, &other}) {
            each->sent();
            each->events();
        }
    }
    void receive(SessionHarness& harness, std::uint32_t first, std::uint32_t last) {
        std::string body;
        for (auto msgid = first; msgid <= last; ++msgid) body += harness.request(msgid);
        harness.receive(std::move(body));
    }

    std::shared_ptr<SharedCapacity> room;
    SessionHarness one;
    SessionHarness other;
};

std::string heartbeat(int capacity) { return R"(rpc.heartbeat [{"capacity": )" + std::to_string(capacity) + "}]"; }

}  // namespace

TEST_CASE("two brokers are told of one capacity, each of its part") {
    Two two{8};
    two.one.session.on_connected(two.one.now);
    CHECK(two.one.sent().front().find(R"("capacity": 8,)") != std::string::npos);
    two.one.answer();
    two.other.session.on_connected(two.other.now);
    CHECK(two.other.sent().front().find(R"("capacity": 0,)") != std::string::npos);
    two.other.answer();
    two.pass(0ms);
    two.pass(1ms);
    CHECK(two.one.sent() == Texts{heartbeat(4)});
    CHECK(two.other.sent().empty());
    two.pass(10ms);
    CHECK(two.other.sent() == Texts{heartbeat(4)});
}

TEST_CASE("a change that is for another session is told as soon as that one is told the time") {
    Two two{8};
    two.registered();
    CHECK(*two.other.session.next_deadline() > two.other.now);
    two.one.session.on_closed(two.one.now);
    CHECK(*two.other.session.next_deadline() <= two.other.now);
    two.other.pass(0ms);
    CHECK(two.other.sent() == Texts{heartbeat(8)});
    CHECK(*two.other.session.next_deadline() > two.other.now);
}

TEST_CASE("the share of a broker that says nothing goes to the other, until it is heard again") {
    Two two{8};
    two.registered();
    for (int i = 0; i < 4; ++i) {
        two.pass(400ms);
        two.other.notify("rpc.heartbeat");
    }
    CHECK(two.one.events() == Texts{"lost the broker has been silent for three heartbeats"});
    CHECK(two.one.sent().back().find(R"("capacity": 0,)") != std::string::npos);
    CHECK(two.other.sent().back() == heartbeat(8));
    two.one.answer();
    two.pass(10ms);
    CHECK(two.one.sent() == Texts{heartbeat(4)});
    CHECK(two.other.sent().front() == heartbeat(4));
}

TEST_CASE("the share of a broker that this worker left goes to the other") {
    Two two{8};
    two.registered();
    two.one.notify("rpc.drain");
    two.one.notify("rpc.left");
    two.pass(1ms);
    CHECK(two.other.sent() == Texts{heartbeat(8)});
}

TEST_CASE("when all threads are in slow handlers, no broker's calls wait behind them") {
    Two two{std::nullopt};
    two.registered();
    two.receive(two.one, 1, 3);
    two.receive(two.other, 1, 1);
    const auto first = two.one.take();
    two.one.take();
    two.pass(5ms);
    CHECK(two.one.session.give_back(two.one.now));
    CHECK(two.other.session.give_back(two.other.now));
    CHECK(two.one.sent() == Texts{heartbeat(2), "rpc.return [[3]]"});
    CHECK(two.other.sent() == Texts{heartbeat(0), "rpc.return [[1]]"});
    two.one.finish(first);
    two.one.session.take_again();
    two.other.session.take_again();
    two.settle();
    CHECK(two.room->share(0) + two.room->share(1) == 3);
}

TEST_CASE("what comes over a fixed capacity goes back at once") {
    Two two{8};
    two.registered();
    two.receive(two.one, 1, 4);
    two.receive(two.other, 1, 5);
    CHECK(two.one.sent().empty());
    CHECK(two.other.sent() == Texts{"rpc.return [[1, 2, 3, 4, 5]]"});
    CHECK(two.other.session.waiting() == 0);
}
