// Streams of a worker with real sockets and threads.
#include <catch2/catch.hpp>

#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

#include "tests/worker/running_worker.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;

namespace {

/// What handlers of `serve` do, as the test sees it.
struct Seen {
    std::atomic<int> begun{0};
    std::atomic<int> sent{0};
    std::atomic<int> ended{0};
};

void serve(Service& service, Seen& seen) {
    service.method("ping", [] { return "pong"; });
    service.method("range", [&seen](StreamContext<int>& stream, int n) {
        ++seen.begun;
        for (int i = 0; i < n && stream.send(i); ++i) ++seen.sent;
        ++seen.ended;
        return n;
    });
}

/// Counts items and sees to their order.
struct Reader {
    void operator()(const MessageView& item) {
        CHECK(show_packed(item.result) == std::to_string(items));
        ++items;
    }
    int items = 0;
};

}  // namespace

TEST_CASE("a stream's items come in order, and then its result") {
    FakeBroker broker;
    Seen seen;
    RunningWorker running{broker, {}, [&seen](Service& service) { serve(service, seen); }};
    REQUIRE(broker.expect_registration());
    broker.log.clear();
    broker.stream(1, 3, "S.range", 3);
    REQUIRE(broker.expect("response 1 nil 3"));
    CHECK(broker.log == std::vector<std::string>{"item 1 0", "item 1 1", "item 1 2", "response 1 nil 3"});
    broker.call(2, "S.range", 3);
    CHECK(broker.expect("response 2 INVALID_ARGUMENT(worker, no) nil"));
    broker.stream(3, 3, "S.ping");
    CHECK(broker.expect(R"(response 3 nil "pong")"));
}

TEST_CASE("a handler whose credit is gone waits for more") {
    const unsigned threads = GENERATE(1U, 2U);
    FakeBroker broker;
    Seen seen;
    RunningWorker running{broker, {.threads = threads}, [&seen](Service& service) { serve(service, seen); }};
    REQUIRE(broker.expect_registration());
    broker.stream(1, 2, "S.range", 6);
    REQUIRE(broker.expect("item 1 1"));
    broker.credit(1, 1);
    REQUIRE(broker.expect("item 1 2"));
    CHECK(broker.count("item") == 3);
    CHECK(broker.count("response 1") == 0);
    broker.credit(1, 2);
    broker.credit(1, 10);
    REQUIRE(broker.expect("response 1 nil 6"));
    CHECK(broker.count("item") == 6);
}

TEST_CASE("a stream with no credit at all waits for the first") {
    FakeBroker broker;
    Seen seen;
    RunningWorker running{broker, {}, [&seen](Service& service) { serve(service, seen); }};
    REQUIRE(broker.expect_registration());
    broker.stream(1, 0, "S.range", 1);
    REQUIRE(broker.until([&seen] { return seen.begun == 1; }));
    CHECK(broker.count("item") == 0);
    broker.credit(1, 1);
    CHECK(broker.expect("response 1 nil 1"));
}

TEST_CASE("a handler that waits for credit ends when its call is cancelled") {
    const unsigned threads = GENERATE(1U, 2U);
    FakeBroker broker;
    Seen seen;
    RunningWorker running{broker, {.threads = threads}, [&seen](Service& service) { serve(service, seen); }};
    REQUIRE(broker.expect_registration());
    broker.stream(1, 2, "S.range", 1000);
    REQUIRE(broker.expect("item 1 1"));
    broker.cancel(1);
    REQUIRE(broker.expect("response 1 nil 1000"));
    CHECK(seen.sent == 2);
}

TEST_CASE("a handler waits for credit no longer than its call has time, also from a broker that says nothing more") {
    FakeBroker broker;
    Seen seen;
    RunningWorker running{broker, {}, [&seen](Service& service) { serve(service, seen); }};
    REQUIRE(broker.expect_registration());
    RequestOptions options;
    options.stream = 2;
    options.timeout_ms = 50;
    broker.call_with(options, 1, "S.range", 1000);
    REQUIRE(broker.expect("item 1 1"));
    REQUIRE(broker.expect("response 1 nil 1000"));
    CHECK(seen.sent == 2);
}

TEST_CASE("a handler that sends without end stops when its call is cancelled") {
    FakeBroker broker;
    Reader reader;
    broker.on_item = std::ref(reader);
    Seen seen;
    RunningWorker running{broker, {}, [&seen](Service& service) { serve(service, seen); }};
    REQUIRE(broker.expect_registration());
    constexpr int endless = 2'000'000'000;
    broker.stream(1, endless, "S.range", endless);
    REQUIRE(broker.until([&reader] { return reader.items > 1000; }));
    broker.cancel(1);
    CHECK(broker.expect("response 1 nil " + std::to_string(endless)));
    CHECK(seen.sent < endless);
}

TEST_CASE("a lost broker ends a stream that waits") {
    FakeBroker broker;
    Seen seen;
    RunningWorker running{broker, {}, [&seen](Service& service) { serve(service, seen); }};
    REQUIRE(broker.expect_registration());
    broker.stream(1, 1, "S.range", 5);
    REQUIRE(broker.expect("item 1 0"));
    broker.restart();
    REQUIRE(broker.until([&seen] { return seen.ended == 1; }));
    REQUIRE(broker.expect_registration());
    broker.call(1, "S.ping");
    CHECK(broker.expect(R"(response 1 nil "pong")"));
    CHECK(broker.count("item") == 1);
}

TEST_CASE("heartbeats go on and other calls go back while the only thread waits for credit") {
    FakeBroker broker{{.heartbeat = 50ms}};
    Seen seen;
    RunningWorker running{broker, {.threads = 1}, [&seen](Service& service) { serve(service, seen); }};
    REQUIRE(broker.expect_registration());
    broker.stream(1, 1, "S.range", 2);
    REQUIRE(broker.expect("item 1 0"));
    broker.append(2, "S.ping");
    broker.call(3, "S.ping");
    CHECK(broker.expect("rpc.return [[2, 3]]"));
    CHECK(broker.expect_heartbeats(5));
    broker.credit(1, 1);
    CHECK(broker.expect("response 1 nil 2"));
    broker.call(4, "S.ping");
    CHECK(broker.expect(R"(response 4 nil "pong")"));
}

TEST_CASE("other threads serve while streams wait for credit") {
    constexpr int streams = 3;
    FakeBroker broker;
    Seen seen;
    RunningWorker running{broker, {.threads = streams + 1}, [&seen](Service& service) { serve(service, seen); }};
    REQUIRE(broker.expect_registration());
    for (std::uint32_t msgid = 1; msgid <= streams; ++msgid) broker.stream(msgid, 0, "S.range", 1);
    REQUIRE(broker.until([&seen] { return seen.begun == streams; }));
    for (std::uint32_t msgid = 10; msgid < 100; ++msgid) {
        broker.call(msgid, "S.ping");
        REQUIRE(broker.expect("response " + std::to_string(msgid) + R"( nil "pong")"));
    }
    for (std::uint32_t msgid = 1; msgid <= streams; ++msgid) broker.credit(msgid, 1);
    CHECK(broker.until([&] { return broker.count("response") == 90 + streams; }));
}

TEST_CASE("many items arrive, each once and in order, however the credit comes") {
    constexpr int items = 50'000;
    const int window = GENERATE(50'000, 1000, 7);
    const unsigned threads = GENERATE(1U, 2U);
    FakeBroker broker;
    Reader reader;
    broker.on_item = [&, left = window](const MessageView& item) mutable {
        reader(item);
        if (--left > window / 2) return;
        broker.credit(1, static_cast<std::uint32_t>(window - left));
        left = window;
    };
    Seen seen;
    RunningWorker running{broker, {.threads = threads}, [&seen](Service& service) { serve(service, seen); }};
    REQUIRE(broker.expect_registration());
    broker.stream(1, static_cast<std::uint32_t>(window), "S.range", items);
    REQUIRE(broker.expect("response 1 nil " + std::to_string(items)));
    CHECK(reader.items == items);
}

TEST_CASE("streams beside small calls all end, on whatever thread they run") {
    constexpr std::uint32_t rounds = 20;
    constexpr std::uint32_t batch = 50;
    const unsigned threads = GENERATE(1U, 2U, 4U);
    FakeBroker broker;
    broker.on_item = [&broker](const MessageView& item) {
        const std::uint32_t msgid = item.msgid;
        if (msgid % 5 == 0) return broker.cancel(msgid);
        broker.credit(msgid, 2);
    };
    Seen seen;
    RunningWorker running{broker, {.threads = threads}, [&seen](Service& service) { serve(service, seen); }};
    REQUIRE(broker.expect_registration());
    std::size_t wanted = 0;
    for (std::uint32_t round = 0; round < rounds; ++round) {
        for (std::uint32_t i = 0; i < batch; ++i) {
            const std::uint32_t msgid = round * batch + i;
            if (i % 2 == 0) {
                broker.stream(msgid, i % 3, "S.range", 20);
                if (i % 3 == 0) broker.credit(msgid, 1);
            } else {
                broker.call(msgid, "S.ping");
            }
        }
        wanted += batch;
        REQUIRE(broker.until([&] { return broker.count("response") + returned_calls(broker) >= wanted; }));
        CHECK(broker.count("response") + returned_calls(broker) == wanted);
    }
    CHECK(seen.begun == seen.ended);
}

TEST_CASE("more than the sockets take at once arrives, too") {
    constexpr int items = 300;
    const std::string item(50'000, 'x');
    FakeBroker broker;
    int received = 0;
    broker.on_item = [&received](const MessageView&) { ++received; };
    RunningWorker running{broker, {.threads = 2}, [&item](Service& service) {
                              service.method("large", [&item](StreamContext<std::string>& stream) {
                                  for (int i = 0; i < items; ++i) stream.send(item);
                              });
                          }};
    REQUIRE(broker.expect_registration());
    broker.append(3, "S.none");
    broker.stream(1, items, "S.large");
    broker.stream(2, items, "S.large");
    REQUIRE(broker.expect("response 1 nil nil"));
    REQUIRE(broker.expect("response 2 nil nil"));
    CHECK(received == 2 * items);
}

TEST_CASE("an item leaves although its handler goes on computing") {
    FakeBroker broker;
    Gate gate;
    RunningWorker running{broker, {}, [&gate](Service& service) {
                              service.method("compute", [&gate](StreamContext<int>& stream) {
                                  stream.send(1);
                                  gate.pass();
                                  stream.send(2);
                              });
                          }};
    REQUIRE(broker.expect_registration());
    broker.stream(1, 10, "S.compute");
    CHECK(broker.expect("item 1 1"));
    CHECK(broker.count("response") == 0);
    gate.open.count_down();
    CHECK(broker.expect("item 1 2"));
    CHECK(broker.expect("response 1 nil nil"));
}

TEST_CASE("a handler may do something else while it has no credit") {
    FakeBroker broker;
    std::atomic<int> refused{0};
    RunningWorker running{broker, {}, [&refused](Service& service) {
                              service.method("try", [&refused](StreamContext<int>& stream) {
                                  while (!stream.try_send(1) && !stream.cancelled()) {
                                      ++refused;
                                      stream.wait_for_credit(1ms);
                                  }
                                  return stream.wait_for_credit(0ms);
                              });
                          }};
    REQUIRE(broker.expect_registration());
    broker.stream(1, 0, "S.try");
    REQUIRE(broker.until([&refused] { return refused > 2; }));
    broker.credit(1, 1);
    CHECK(broker.expect("item 1 1"));
    CHECK(broker.expect("response 1 nil false"));
    refused = 0;
    broker.stream(2, 0, "S.try");
    REQUIRE(broker.until([&refused] { return refused > 0; }));
    broker.cancel(2);
    CHECK(broker.expect("response 2 nil false"));
}

TEST_CASE("a worker that is stopped finishes its stream first") {
    FakeBroker broker;
    Seen seen;
    RunningWorker running{broker, {}, [&seen](Service& service) { serve(service, seen); }};
    REQUIRE(broker.expect_registration());
    broker.stream(1, 1, "S.range", 2);
    REQUIRE(broker.expect("item 1 0"));
    running.worker.stop();
    REQUIRE(broker.expect("rpc.leave []"));
    CHECK_FALSE(running.ended());
    broker.credit(1, 1);
    CHECK(broker.expect("item 1 1"));
    CHECK(broker.expect("response 1 nil 2"));
    CHECK(broker.until([&] { return running.ended(); }));
}

TEST_CASE("a stream that waits for credit does not keep a worker whose on_event threw") {
    FakeBroker broker;
    const auto on_event = [](const WorkerEvent& event) {
        if (event.what == WorkerEvent::What::lost) throw std::runtime_error{"no disk"};
    };
    Seen seen;
    RunningWorker running{broker, {.on_event = on_event}, [&seen](Service& service) { serve(service, seen); }};
    REQUIRE(broker.expect_registration());
    broker.stream(1, 1, "S.range", 2);
    REQUIRE(broker.expect("item 1 0"));
    broker.notify("rpc.register_again");
    REQUIRE(broker.until([&] { return running.ended(); }));
    CHECK_THROWS_WITH(running.join(), "no disk");
}
