#include "worker/runtime.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "tests/worker/running_worker.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;

namespace {

void ping(Service& service) {
    service.method("ping", [] { return "pong"; });
}

}  // namespace

TEST_CASE("a worker registers, serves and leaves") {
    FakeBroker broker;
    RunningWorker running{broker, {}, ping};
    REQUIRE(broker.expect_registration());
    broker.call(1, "S.ping");
    CHECK(broker.expect(R"(response 1 nil "pong")"));
    broker.call(2, "S.pong");
    CHECK(broker.expect("response 2 UNIMPLEMENTED(worker, no) nil"));
    running.worker.stop();
    CHECK(broker.expect("rpc.leave []"));
    CHECK(broker.until([&] { return running.ended(); }));
}

TEST_CASE("a handler that blocks does not stop the heartbeats") {
    FakeBroker broker{{.heartbeat = 50ms}};
    Gate gate;
    RunningWorker running{broker, {}, [&gate](Service& service) { service.method("block", [&] { gate.pass(); }); }};
    REQUIRE(broker.expect_registration());
    broker.call(1, "S.block");
    REQUIRE(broker.until([&] { return gate.crowd.inside() == 1; }));
    CHECK(broker.expect_heartbeats(10));
    CHECK(broker.count("response") == 0);
    gate.open.count_down();
    CHECK(broker.expect("response 1 nil nil"));
}

TEST_CASE("as many handlers run at once as there are threads") {
    FakeBroker broker;
    Gate gate;
    constexpr unsigned threads = 4;
    RunningWorker running{broker, {.threads = threads, .capacity = 100}, [&gate](Service& service) {
                              service.method("block", [&] { gate.pass(); });
                          }};
    REQUIRE(broker.expect_registration());
    for (std::uint32_t msgid = 1; msgid < 10; ++msgid) broker.append(msgid, "S.block");
    broker.call(10, "S.block");
    CHECK(broker.until([&] { return gate.crowd.inside() == threads; }));
    // The others are of no use here.
    CHECK(broker.expect("rpc.return [[5, 6, 7, 8, 9, 10]]"));
    gate.open.count_down();
    CHECK(broker.until([&] { return broker.count("response") == threads; }));
    CHECK(gate.crowd.most() == threads);
}

TEST_CASE("small calls go on while a handler blocks another thread") {
    FakeBroker broker;
    Gate gate;
    RunningWorker running{broker, {.threads = 2}, [&gate](Service& service) {
                              ping(service);
                              service.method("block", [&] { gate.pass(); });
                          }};
    REQUIRE(broker.expect_registration());
    broker.call(1, "S.block");
    for (std::uint32_t msgid = 2; msgid < 200; ++msgid) {
        broker.call(msgid, "S.ping");
        REQUIRE(broker.expect("response " + std::to_string(msgid) + R"( nil "pong")"));
    }
    CHECK(broker.count("response 1 ") == 0);
    gate.open.count_down();
    CHECK(broker.expect("response 1 nil nil"));
}

TEST_CASE("stop() ends what runs first, and its answer arrives") {
    FakeBroker broker{{.heartbeat = 50ms}};
    Gate gate;
    RunningWorker running{
        broker, {.threads = 2}, [&gate](Service& service) { service.method("block", [&] { gate.pass(); }); }};
    REQUIRE(broker.expect_registration());
    broker.call(1, "S.block");
    REQUIRE(broker.until([&] { return gate.crowd.inside() == 1; }));
    running.worker.stop();
    CHECK(broker.expect("rpc.leave []"));
    CHECK(broker.expect_heartbeats(5));
    CHECK_FALSE(running.ended());
    gate.open.count_down();
    CHECK(broker.expect("response 1 nil nil"));
    CHECK(broker.until([&] { return running.ended(); }));
}

TEST_CASE("a worker that is drained ends") {
    FakeBroker broker;
    RunningWorker running{broker, {}, ping};
    REQUIRE(broker.expect_registration());
    broker.notify("rpc.drain");
    CHECK(broker.expect("rpc.leave []"));
    CHECK(broker.until([&] { return running.ended(); }));
}

TEST_CASE("a worker registers again after the broker was restarted") {
    FakeBroker broker;
    RunningWorker running{broker, {}, ping};
    REQUIRE(broker.expect_registration());
    for (std::uint32_t msgid = 1; msgid < 4; ++msgid) {
        broker.restart();
        REQUIRE(broker.expect_registration());
        broker.call(msgid, "S.ping");
        CHECK(broker.expect("response " + std::to_string(msgid) + R"( nil "pong")"));
    }
}

TEST_CASE("a worker reaches a broker in its own process") {
    const transport::Context context;
    FakeBroker broker{{.endpoint = "inproc://broker", .context = context}};
    Worker worker{WorkerOptions{.brokers = {broker.endpoint()}}, context};
    ping(worker.service("S"));
    auto running = std::async(std::launch::async, [&worker] { worker.run(); });
    REQUIRE(broker.expect_registration());
    broker.call(1, "S.ping");
    CHECK(broker.expect(R"(response 1 nil "pong")"));
    worker.stop();
    CHECK(broker.until([&] { return running.wait_for(0s) == std::future_status::ready; }));
}

TEST_CASE("a cancelled call is told, waits no longer, and is answered") {
    FakeBroker broker;
    std::atomic<int> waiting{0};
    std::atomic<bool> called_back{false};
    RunningWorker running{broker, {.threads = 2}, [&](Service& service) {
                              service.method("wait", [&](Context& context) {
                                  context.on_cancel([&] { called_back = true; });
                                  ++waiting;
                                  return context.wait_for(1h);
                              });
                              service.method("spin", [&](Context& context) {
                                  ++waiting;
                                  while (!context.cancelled()) std::this_thread::yield();
                              });
                          }};
    REQUIRE(broker.expect_registration());
    broker.append(1, "S.wait");
    broker.call(2, "S.spin");
    REQUIRE(broker.until([&] { return waiting == 2; }));
    CHECK_FALSE(called_back);
    broker.cancel(1);
    CHECK(broker.expect("response 1 nil false"));
    CHECK(called_back);
    broker.cancel(2);
    CHECK(broker.expect("response 2 nil nil"));
}

TEST_CASE("a lost broker cancels what runs") {
    FakeBroker broker;
    std::atomic<int> waiting{0};
    std::promise<bool> waited;
    RunningWorker running{broker, {}, [&](Service& service) {
                              service.method("wait", [&](Context& context) {
                                  ++waiting;
                                  waited.set_value(context.wait_for(1h));
                              });
                          }};
    REQUIRE(broker.expect_registration());
    broker.call(1, "S.wait");
    REQUIRE(broker.until([&] { return waiting == 1; }));
    broker.close();
    auto outcome = waited.get_future();
    REQUIRE(outcome.wait_for(FakeBroker::patience) == std::future_status::ready);
    CHECK_FALSE(outcome.get());
}

TEST_CASE("every call is answered once, on whatever thread it runs") {
    constexpr std::uint32_t rounds = 40;
    constexpr std::uint32_t batch = 100;
    const unsigned threads = GENERATE(1U, 2U, 4U);
    FakeBroker broker;
    Crowd crowd;
    const auto work = [&crowd](std::uint32_t number) {
        crowd.enter();
        const auto end = Clock::now() + std::chrono::microseconds{number % 7 == 0 ? 300 : number % 50};
        while (Clock::now() < end) std::this_thread::yield();
        crowd.leave();
    };
    RunningWorker running{broker, {.threads = threads}, [&](Service& service) { service.method("work", work); }};
    REQUIRE(broker.expect_registration());
    std::size_t wanted = 0;
    for (std::uint32_t round = 0; round < rounds; ++round) {
        for (std::uint32_t i = 1; i < batch; ++i) broker.append(round * batch + i, "S.work", i);
        broker.call(round * batch + batch, "S.work", batch);
        wanted += batch;
        REQUIRE(broker.until([&] { return broker.count("response") + returned_calls(broker) >= wanted; }));
        CHECK(broker.count("response") + returned_calls(broker) == wanted);
    }
    CHECK(crowd.most() <= threads);
}

TEST_CASE("a worker serves several brokers, also when one is not there") {
    FakeBroker first;
    FakeBroker second;
    std::string gone;
    {
        FakeBroker third;
        gone = third.endpoint();
    }
    RunningWorker running{first, {.brokers = {"", gone, second.endpoint()}}, ping};
    REQUIRE(first.expect_registration());
    REQUIRE(second.expect_registration());
    first.call(1, "S.ping");
    CHECK(first.expect(R"(response 1 nil "pong")"));
    second.call(1, "S.ping");
    CHECK(second.expect(R"(response 1 nil "pong")"));
    second.close();  // nobody would answer its rpc.leave
}

TEST_CASE("a worker that is told to stop before it runs does not begin") {
    FakeBroker broker;
    Worker worker{broker.endpoint()};
    worker.stop();
    worker.run();
    CHECK(broker.registrations == 0);
}

TEST_CASE("a worker where nobody listens says so, and can be stopped") {
    FakeBroker broker;
    broker.close();
    std::promise<void> unreachable;
    const auto on_event = [&unreachable](const WorkerEvent& event) {
        if (event.what == WorkerEvent::What::unreachable) unreachable.set_value();
    };
    RunningWorker running{broker, {.on_event = on_event}, ping};
    REQUIRE(unreachable.get_future().wait_for(FakeBroker::patience) == std::future_status::ready);
    running.worker.stop();
    running.join();
}

TEST_CASE("a handler may stop the worker that it runs in") {
    FakeBroker broker;
    Worker worker{broker.endpoint()};
    worker.service("S").method("stop", [&worker] { worker.stop(); });
    auto running = std::async(std::launch::async, [&worker] { worker.run(); });
    REQUIRE(broker.expect_registration());
    broker.call(1, "S.stop");
    CHECK(broker.expect("response 1 nil nil"));
    CHECK(broker.until([&] { return running.wait_for(0s) == std::future_status::ready; }));
}

TEST_CASE("events tell what a program may want to log") {
    FakeBroker broker;
    std::mutex mutex;
    std::vector<WorkerEvent> events;
    const auto seen = [&](WorkerEvent::What what) {
        const std::lock_guard lock{mutex};
        return std::ranges::any_of(events, [what](const auto& event) { return event.what == what; });
    };
    const auto on_event = [&](const WorkerEvent& event) {
        const std::lock_guard lock{mutex};
        events.push_back(event);
    };
    RunningWorker running{broker, {.on_event = on_event}, ping};
    REQUIRE(broker.expect_registration());
    CHECK(broker.until([&] { return seen(WorkerEvent::What::registered); }));
    broker.notify("rpc.register_again");
    CHECK(broker.until([&] { return seen(WorkerEvent::What::lost); }));
    running.worker.stop();
    CHECK(broker.until([&] { return seen(WorkerEvent::What::left); }));
    CHECK(broker.until([&] { return running.ended(); }));
    CHECK(events.front().broker == broker.endpoint());
    CHECK(events.front().detail == "w1");
}

TEST_CASE("what on_event throws ends run()") {
    FakeBroker broker;
    const auto on_event = [](const WorkerEvent&) { throw std::runtime_error{"no disk"}; };
    RunningWorker running{broker, {.threads = 3, .on_event = on_event}, ping};
    REQUIRE(broker.until([&] { return running.ended(); }));
    CHECK_THROWS_WITH(running.join(), "no disk");
}

TEST_CASE("options that make no sense are refused") {
    CHECK_THROWS_AS(Worker{"tcp://127.0.0.1:99999"}, Error);
    CHECK_THROWS_AS(Worker{"nonsense"}, Error);
    CHECK_THROWS_AS(Worker{WorkerOptions{.brokers = {}}}, std::invalid_argument);
    CHECK_THROWS_AS(Worker{WorkerOptions{.threads = 0}}, std::invalid_argument);
    CHECK_THROWS_AS(Worker{WorkerOptions{.capacity = 0}}, std::invalid_argument);
}

TEST_CASE("a worker without a name is called after its host and process") {
    CHECK(Worker{WorkerOptions{}}.name().ends_with("-" + std::to_string(::getpid())));
    CHECK(Worker{WorkerOptions{.name = "me"}}.name() == "me");
}

TEST_CASE("each call is reported, with what came of it") {
    struct Kept {
        std::string method;
        std::string worker;
        std::string trace;
        std::chrono::nanoseconds duration;
        std::optional<Code> error;
        bool cancelled;
        std::map<std::string, std::string> meta;
    };
    FakeBroker broker;
    std::mutex mutex;
    std::vector<Kept> kept;
    const auto on_call = [&](const CallReport& report) {
        const std::lock_guard lock{mutex};
        kept.push_back({std::string{report.method}, std::string{report.worker}, std::string{report.trace},
                        report.duration, report.error ? std::optional{report.error->code()} : std::nullopt,
                        report.cancelled, report.meta()});
    };
    std::atomic<bool> waiting{false};
    RunningWorker running{broker, {.on_call = on_call}, [&waiting](Service& service) {
                              ping(service);
                              service.method("wait", [&waiting](Context& context) {
                                  waiting = true;
                                  return context.wait_for(1h);
                              });
                          }};
    REQUIRE(broker.expect_registration());
    std::string meta;
    pack_value(meta, std::map<std::string, std::string>{{"user", "ada"}});
    RequestOptions options;
    options.trace = "00-1-2-3";
    options.meta = meta;
    broker.call_with(options, 1, "S.ping");
    REQUIRE(broker.expect(R"(response 1 nil "pong")"));
    broker.call(2, "S.none");
    REQUIRE(broker.expect("response 2 UNIMPLEMENTED(worker, no) nil"));
    broker.call(3, "S.wait");
    REQUIRE(broker.until([&waiting] { return waiting.load(); }));
    broker.cancel(3);
    REQUIRE(broker.expect("response 3 nil false"));

    const std::lock_guard lock{mutex};
    REQUIRE(kept.size() == 3);
    CHECK(kept[0].method == "S.ping");
    CHECK(kept[0].worker == "w1");
    CHECK(kept[0].trace == "00-1-2-3");
    CHECK(kept[0].duration > 0ns);
    CHECK(kept[0].meta == std::map<std::string, std::string>{{"user", "ada"}});
    CHECK_FALSE(kept[0].error);
    CHECK_FALSE(kept[0].cancelled);
    CHECK(kept[1].error == Code::unimplemented);
    CHECK(kept[1].meta.empty());
    CHECK(kept[2].method == "S.wait");
    CHECK(kept[2].cancelled);
}

TEST_CASE("what on_call throws ends run()") {
    FakeBroker broker;
    const auto on_call = [](const CallReport&) { throw std::runtime_error{"no disk"}; };
    RunningWorker running{broker, {.threads = 2, .on_call = on_call}, ping};
    REQUIRE(broker.expect_registration());
    broker.call(1, "S.ping");
    REQUIRE(broker.until([&] { return running.ended(); }));
    CHECK_THROWS_WITH(running.join(), "no disk");
}

TEST_CASE("a hundred calls that are cancelled together are all answered at once") {
    constexpr std::uint32_t calls = 100;
    constexpr unsigned threads = 16;
    FakeBroker broker;
    std::atomic<unsigned> waiting{0};
    RunningWorker running{broker, {.threads = threads, .capacity = calls}, [&waiting](Service& service) {
                              service.method("wait", [&waiting](Context& context) {
                                  ++waiting;
                                  return context.wait_for(1h);
                              });
                          }};
    REQUIRE(broker.expect_registration());
    for (std::uint32_t msgid = 1; msgid < calls; ++msgid) broker.append(msgid, "S.wait");
    broker.call(calls, "S.wait");
    REQUIRE(broker.until([&waiting] { return waiting == threads; }));
    for (std::uint32_t msgid = 1; msgid < calls; ++msgid) broker.append_cancel(msgid);
    broker.cancel(calls);
    CHECK(broker.until([&] { return broker.count("response") + returned_calls(broker) == calls; }));
    CHECK(waiting == threads);
}
