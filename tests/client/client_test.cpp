// Client and its futures, over real sockets: threads, callbacks, deadlines, brokers that come and go.
#include <rpcbroker/client.hpp>

#include <catch2/catch.hpp>

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "client/client_runtime.hpp"
#include "common/transport/context.hpp"
#include "tests/client/fake_broker.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;
using namespace std::chrono_literals;

namespace {

// Long enough that a test which comes to it has failed.
constexpr auto ample = std::chrono::milliseconds{30s};
/// An endpoint at which nobody listens.
const std::string nobody = "ipc:///nonexistent/rpcbroker";

ClientOptions for_broker(const FakeBroker& broker) { return {.brokers = {broker.endpoint()}, .timeout = ample}; }

template <class T>
Code code_of(const Result<T>& result) {
    REQUIRE_FALSE(result.has_value());
    return result.error().code();
}

}  // namespace

TEST_CASE("a call gives its result, or throws the error, or returns either") {
    FakeBroker broker{transport::Context{}};
    Client client{broker.endpoint()};
    CHECK(client.call<int>("T.Echo", 7) == 7);
    CHECK(client.call<std::string>({.timeout = ample, .key = "k"}, "T.Echo", "text") == "text");
    client.call("T.Echo", "whatever");
    CHECK(client.try_call<int>("T.Echo", 8).value() == 8);
    CHECK(client.try_call<int>({.idempotent = true}, "T.Echo", 8).value() == 8);
    CHECK_THROWS_WITH(client.call<int>("T.Fail"), "ABORTED: as you wish");
    CHECK(code_of(client.try_call("T.Fail")) == Code::aborted);
    CHECK(client.call_raw("T.Echo", "\x91\x05")->result == "\x05");
}

TEST_CASE("a result of another type is INTERNAL, and says what came") {
    FakeBroker broker{transport::Context{}};
    Client client{broker.endpoint()};
    const auto result = client.try_call<int>("T.Echo", "text");
    CHECK(code_of(result) == Code::internal);
    CHECK(result.error().by() == By::client);
    CHECK(result.error().message() == "result: expected int, got str");
}

TEST_CASE("a broker in this process is called over inproc") {
    transport::Context context;
    FakeBroker broker{context, "inproc://fake"};
    Client client{for_broker(broker), context};
    CHECK(client.call<int>("T.Echo", 1) == 1);
    CHECK(client.async_call<int>("T.Echo", 2).get() == 2);
}

TEST_CASE("what is no endpoint is refused when the client is made") {
    CHECK_THROWS_AS(Client{"tcp://127.0.0.1:99999"}, Error);
    CHECK_THROWS_AS(Client{"nonsense"}, Error);
    CHECK_THROWS_AS(Client{ClientOptions{.brokers = {}}}, Error);
}

TEST_CASE("without a broker a call ends at its deadline, and says so") {
    Client client{nobody};
    const auto result = client.try_call({.timeout = 20ms}, "T.Echo", 1);
    CHECK(code_of(result) == Code::unavailable);
    CHECK(result.error().ran() == Ran::no);
    CHECK(result.error().message() == "no broker answers at " + nobody);
    CHECK(code_of(client.async_call({.timeout = 20ms}, "T.Echo", 1).result()) == Code::unavailable);
    CHECK(code_of(client.try_notify({.timeout = 20ms}, "T.Echo", 1)) == Code::unavailable);
}

TEST_CASE("a call that the broker never answers ends at its deadline and is cancelled there") {
    FakeBroker broker{transport::Context{}};
    Client client{for_broker(broker)};
    CHECK(client.call<int>("T.Echo", 1) == 1);  // it is connected then
    const auto result = client.try_call({.timeout = 20ms}, "T.Never");
    CHECK(code_of(result) == Code::deadline_exceeded);
    CHECK(result.error().by() == By::client);
    broker.wait_for("rpc.cancel");
}

TEST_CASE("a broker that falls silent ends the calls in flight") {
    FakeBroker broker{transport::Context{}};
    Client client{for_broker(broker)};
    CHECK(client.call<int>("T.Echo", 1) == 1);
    broker.fall_silent();
    const auto result = client.try_call("T.Never");
    CHECK(code_of(result) == Code::unavailable);
    CHECK(result.error().ran() == Ran::maybe);
}

TEST_CASE("a call is tried again as its policy says") {
    FakeBroker broker{transport::Context{}};
    Client client{for_broker(broker)};
    const RetryPolicy policy{.attempts = 3, .initial_pause = 1ms};
    CHECK(client.call<int>({.retry = policy}, "T.Busy") == 3);
    broker.wait_for("T.Busy", 3);
    FakeBroker other{transport::Context{}};
    Client patient{ClientOptions{.brokers = {other.endpoint()}, .timeout = ample, .retry = policy}};
    CHECK(patient.async_call<int>("T.Busy").get() == 3);
}

TEST_CASE("futures end in any order") {
    FakeBroker broker{transport::Context{}};
    Client client{for_broker(broker)};
    std::vector<Future<int>> futures;
    for (int i = 0; i < 100; ++i) futures.push_back(client.async_call<int>("T.Echo", i));
    auto failing = client.async_call<int>("T.Fail");
    for (int i = 99; i >= 0; --i) CHECK(futures[static_cast<std::size_t>(i)].get() == i);
    CHECK_THROWS_AS(failing.get(), Error);
    failing.wait();
    CHECK(failing.ready());
    CHECK(code_of(failing.result()) == Code::failed_precondition);
}

TEST_CASE("a future waits for so long as it is told") {
    FakeBroker broker{transport::Context{}};
    Client client{for_broker(broker)};
    auto never = client.async_call("T.Never");
    CHECK(never.valid());
    CHECK_FALSE(never.wait_for(1ms));
    CHECK_FALSE(never.ready());
    auto answered = client.async_call<int>("T.Echo", 1);
    CHECK(answered.wait_for(ample));
    CHECK(answered.get() == 1);
    CHECK_FALSE(Future<int>{}.valid());
}

TEST_CASE("a future cancels its call") {
    FakeBroker broker{transport::Context{}};
    Client client{for_broker(broker)};
    auto never = client.async_call("T.Never");
    broker.wait_for("T.Never");
    never.cancel();
    CHECK(never.ready());
    CHECK(code_of(never.result()) == Code::cancelled);
    broker.wait_for("rpc.cancel");
    never.cancel();
}

TEST_CASE("a callback gets the result, and may call") {
    FakeBroker broker{transport::Context{}};
    std::promise<int> sum;  // the client ends first, and waits for its callbacks
    Client client{for_broker(broker)};
    auto owned = std::make_unique<int>(100);  // callbacks need not be copyable
    client.async_call<int>("T.Echo", 1).then([&, owned = std::move(owned)](Result<int> one) {
        const int two = client.call<int>("T.Echo", 2);
        client.async_call<int>("T.Echo", 4).then([&, so_far = *owned + *one + two](Result<int> four) {
            sum.set_value(so_far + *four);
        });
    });
    CHECK(sum.get_future().get() == 107);
}

TEST_CASE("a callback that is given after the end is called, too") {
    FakeBroker broker{transport::Context{}};
    std::promise<int> given;
    std::promise<Code> again;
    Client client{for_broker(broker)};
    auto future = client.async_call<int>("T.Echo", 1);
    future.wait();
    future.then([&](Result<int> result) { given.set_value(*result); });
    CHECK(given.get_future().get() == 1);
    future.then([&](Result<int> result) { again.set_value(result.error().code()); });
    CHECK(again.get_future().get() == Code::failed_precondition);
}

TEST_CASE("a callback that is given with the call gets each reply, also that of a call that cannot be made") {
    FakeBroker broker{transport::Context{}};
    constexpr int calls = 1000;
    int made = 0;  // by the client's own thread, as all that follows
    int sum = 0;
    std::promise<void> all;
    std::promise<Code> refused;
    std::promise<Code> closed;
    Client client{for_broker(broker)};
    std::function<void(Result<RawReply>)> next = [&](Result<RawReply> reply) {
        sum += static_cast<int>(reply->result.front());
        if (++made == calls) return all.set_value();
        client.async_raw("T.Echo", "\x91\x01", {}, next);
    };
    client.async_raw("T.Echo", "\x91\x01", {}, next);
    all.get_future().wait();
    CHECK(sum == calls);
    client.async_raw("nodot", "\x90", {}, [&](Result<RawReply> reply) { refused.set_value(reply.error().code()); });
    CHECK(refused.get_future().get() == Code::invalid_argument);
    client.close();
    client.async_raw("T.Echo", "\x90", {}, [&](Result<RawReply> reply) { closed.set_value(reply.error().code()); });
    CHECK(closed.get_future().get() == Code::cancelled);
}

TEST_CASE("calls that are made at once get their replies, also those that cannot be made, and can be cancelled") {
    FakeBroker broker{transport::Context{}};
    constexpr int calls = 1000;
    int sum = 0;  // by the client's own thread
    std::promise<int> all;
    std::promise<Code> refused;
    std::promise<Code> cancelled;
    Client client{for_broker(broker)};
    const CallOptions options;
    std::vector<RawCall> together;
    for (int i = 0; i < calls; ++i)
        together.push_back({"T.Echo", "\x91\x01", options, [&](const Result<RawReply>& reply) {
                                if ((sum += static_cast<int>(reply->result.front())) == calls) all.set_value(sum);
                            }});
    together.push_back(
        {"nodot", "\x90", options, [&](const Result<RawReply>& reply) { refused.set_value(reply.error().code()); }});
    together.push_back({"T.Never", "\x90", options,
                        [&](const Result<RawReply>& reply) { cancelled.set_value(reply.error().code()); }});
    auto futures = client.async_raw(together);
    REQUIRE(futures.size() == together.size());
    CHECK(all.get_future().get() == calls);
    CHECK(refused.get_future().get() == Code::invalid_argument);
    CHECK(futures.front().result().error().code() == Code::failed_precondition);
    futures.back().cancel();
    CHECK(cancelled.get_future().get() == Code::cancelled);
    CHECK(client.async_raw(std::span<RawCall>{}).empty());
}

TEST_CASE("while a callback blocks, callers drive the connections themselves") {
    FakeBroker broker{transport::Context{}};
    std::promise<void> entered;
    std::promise<void> leave;  // the client ends first, and waits for its callbacks
    Client client{for_broker(broker)};
    client.async_call("T.Echo", 1).then([&](Result<void>) {
        entered.set_value();
        leave.get_future().wait();
    });
    entered.get_future().wait();
    CHECK(client.call<int>("T.Echo", 2) == 2);
    CHECK(client.async_call<int>("T.Echo", 3).get() == 3);
    leave.set_value();
}

TEST_CASE("a one-way call is handed over") {
    FakeBroker broker{transport::Context{}};
    Client client{for_broker(broker)};
    client.notify("T.Once", 1);
    client.notify({.timeout = ample}, "T.Once", 2);
    CHECK(client.try_notify("T.Once").has_value());
    broker.wait_for("T.Once", 3);
    CHECK_THROWS_AS(client.notify("nodot"), Error);
}

TEST_CASE("many threads share a client, by calls and by futures") {
    FakeBroker broker{transport::Context{}};
    Client client{for_broker(broker)};
    std::atomic<int> right = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 200; ++i) {
                const int value = 1000 * t + i;
                if (i % 4 == t % 4)
                    right += client.async_call<int>("T.Echo", value).get() == value;
                else
                    right += client.call<int>("T.Echo", value) == value;
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(right == 8 * 200);
}

TEST_CASE("threads whose deadlines come and go leave the driving to those who wait on") {
    FakeBroker broker{transport::Context{}};
    Client client{for_broker(broker)};
    CHECK(client.call<int>("T.Echo", 1) == 1);  // it is connected then
    std::vector<std::thread> threads;
    std::atomic<int> ended = 0;
    for (int t = 0; t < 6; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 5; ++i) {
                auto future = client.async_call({.timeout = std::chrono::milliseconds{5 * (t + 1)}}, "T.Never");
                future.wait_for(std::chrono::milliseconds{i});
                ended += code_of(client.try_call({.timeout = 10ms}, "T.Never")) == Code::deadline_exceeded;
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(ended == 30);
}

TEST_CASE("a client connects again when its broker comes back") {
    std::optional<FakeBroker> broker{std::in_place, transport::Context{}};
    const auto endpoint = broker->endpoint();
    Client client{for_broker(*broker)};
    CHECK(client.call<int>("T.Echo", 1) == 1);
    broker.reset();
    CHECK(code_of(client.try_call({.timeout = 500ms}, "T.Echo", 2)) == Code::unavailable);
    broker.emplace(transport::Context{}, endpoint);
    CHECK(client.call<int>("T.Echo", 3) == 3);
}

TEST_CASE("a call to a broker that went while the client was idle is not lost") {
    std::optional<FakeBroker> broker{std::in_place, transport::Context{}};
    const auto endpoint = broker->endpoint();
    Client client{for_broker(*broker)};
    for (int i = 0; i < 3; ++i) {
        CHECK(client.call<int>({.idempotent = true}, "T.Echo", i) == i);
        broker.reset();
        broker.emplace(transport::Context{}, endpoint);
    }
}

TEST_CASE("a call in flight hears that its broker was killed") {
    std::optional<FakeBroker> broker{std::in_place, transport::Context{}};
    Client client{for_broker(*broker)};
    auto never = client.async_call("T.Never");
    broker->wait_for("T.Never");
    broker.reset();
    const auto result = never.result();
    CHECK(code_of(result) == Code::unavailable);
    CHECK(result.error().ran() == Ran::maybe);
}

TEST_CASE("of two brokers, the one that is there is called") {
    FakeBroker broker{transport::Context{}};
    Client client{ClientOptions{.brokers = {nobody, broker.endpoint()}, .timeout = ample}};
    CHECK(client.call<int>("T.Echo", 1) == 1);
}

TEST_CASE("the end of a client ends its calls, and futures outlive it") {
    FakeBroker broker{transport::Context{}};
    std::optional<Client> client{std::in_place, for_broker(broker)};
    auto never = client->async_call("T.Never");
    auto called_back = client->async_call("T.Never");
    std::promise<Code> given;
    called_back.then([&](Result<void> result) { given.set_value(code_of(result)); });
    broker.wait_for("T.Never", 2);
    client.reset();
    CHECK(given.get_future().get() == Code::cancelled);
    CHECK(never.ready());
    never.cancel();
    CHECK(code_of(never.result()) == Code::cancelled);
    bool called = false;
    never.then([&](Result<void> result) { called = code_of(result) == Code::failed_precondition; });
    CHECK(called);
    broker.wait_for("rpc.cancel", 2);
}

TEST_CASE("a client that never called ends, broker or not") {
    FakeBroker broker{transport::Context{}};
    { Client client{broker.endpoint()}; }
    { Client client{nobody}; }
}

TEST_CASE("a callback may end the client") {
    FakeBroker broker{transport::Context{}};
    auto client = std::make_unique<Client>(for_broker(broker));
    const auto ended = std::make_shared<std::promise<void>>();  // nobody waits for the callback's last step
    client->async_call("T.Echo", 1).then([&client, ended](Result<void>) {
        client.reset();
        ended->set_value();
    });
    ended->get_future().wait();
}

TEST_CASE("closing interrupts those who wait, and refuses later calls") {
    FakeBroker broker{transport::Context{}};
    Client client{for_broker(broker)};
    std::thread waiting{[&] { CHECK(code_of(client.try_call("T.Never")) == Code::cancelled); }};
    broker.wait_for("T.Never");
    client.close();
    waiting.join();
    broker.wait_for("rpc.cancel");
    CHECK(code_of(client.try_call("T.Echo", 1)) == Code::cancelled);
    CHECK(code_of(client.async_call("T.Echo", 1).result()) == Code::cancelled);
    CHECK(code_of(client.try_notify("T.Echo", 1)) == Code::cancelled);
}
