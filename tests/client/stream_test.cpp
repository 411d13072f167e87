// Streams over real sockets: the range, the end, credit, cancelling, brokers that go.
#include <rpcbroker/stream.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <iterator>
#include <optional>
#include <thread>
#include <vector>

#include <rpcbroker/client.hpp>

#include "common/transport/context.hpp"
#include "tests/client/fake_broker.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;
using namespace std::chrono_literals;

static_assert(std::input_iterator<Stream<int>::Iterator>);
static_assert(std::sentinel_for<std::default_sentinel_t, Stream<int>::Iterator>);

namespace {

/// Never shorter than a test.
constexpr auto ample = std::chrono::milliseconds{30s};

ClientOptions for_broker(const FakeBroker& broker) { return {.brokers = {broker.endpoint()}, .timeout = ample}; }

struct Net {
    FakeBroker broker{transport::Context{}};
    Client client{for_broker(broker)};
};

template <class T>
Code code_of(const Result<T>& result) {
    REQUIRE_FALSE(result.has_value());
    return result.error().code();
}

}  // namespace

TEST_CASE("a stream is a range of its items") {
    Net net;
    std::vector<int> items;
    for (const int item : net.client.stream<int>("T.Count", 5)) items.push_back(item);
    CHECK(items == std::vector{1, 2, 3, 4, 5});
}

TEST_CASE("a stream gives its items, its end and its result, as often as it is asked") {
    Net net;
    auto stream = net.client.stream<int>({.timeout = ample}, "T.Count", 2);
    CHECK(**stream.next() == 1);
    CHECK(**stream.next() == 2);
    for (int i = 0; i < 2; ++i) {
        CHECK_FALSE(stream.next()->has_value());
        CHECK(stream.result<int>().value() == 2);
    }
    CHECK(stream.result().has_value());
}

TEST_CASE("a stream without items has a result") {
    Net net;
    auto stream = net.client.stream<int>("T.Count", 0);
    CHECK(stream.begin() == stream.end());
    CHECK(stream.result<int>().value() == 0);
}

TEST_CASE("a stream that ends with an error gives its items first, then throws") {
    Net net;
    std::vector<int> items;
    const auto read = [&] {
        for (const int item : net.client.stream<int>("T.Break", 3)) items.push_back(item);
    };
    CHECK_THROWS_WITH(read(), "ABORTED: as you wish");
    CHECK(items == std::vector{1, 2, 3});
    auto stream = net.client.stream<int>("T.Break", 0);
    CHECK(code_of(stream.next()) == Code::aborted);
    CHECK(code_of(stream.next()) == Code::aborted);
    CHECK(code_of(stream.result<int>()) == Code::aborted);
}

TEST_CASE("a hundred thousand items come in order, and each is paid for by credit") {
    Net net;
    int expected = 0;
    auto stream = net.client.stream<int>("T.Count", 100'000);
    for (const int item : stream) REQUIRE(item == ++expected);
    CHECK(expected == 100'000);
    CHECK(stream.result<int>().value() == 100'000);
}

TEST_CASE("the smallest window comes to the end, too") {
    Net net;
    int items = 0;
    for (const int item : net.client.stream<int>({.window = 1}, "T.Count", 50)) items += item > 0;
    CHECK(items == 50);
}

TEST_CASE("a reader that stops holds the sender, and heartbeats go on") {
    Net net;
    auto stream = net.client.stream<int>({.window = 8}, "T.Count", 1000);
    for (int i = 1; i <= 5; ++i) CHECK(**stream.next() == i);
    net.broker.wait_for("rpc.heartbeat", 3);
    CHECK(net.client.call<int>("T.Echo", 1) == 1);
    CHECK(net.broker.items_sent() <= 5 + 8);
    CHECK(stream.result<int>().value() == 1000);
    CHECK(net.broker.items_sent() == 1000);
}

TEST_CASE("leaving the loop cancels the stream") {
    Net net;
    for (const int item : net.client.stream<int>({.window = 4}, "T.Count", 1000))
        if (item == 3) break;
    net.broker.wait_for("rpc.cancel");
    CHECK(net.client.call<int>("T.Echo", 1) == 1);
    CHECK(net.broker.items_sent() < 1000);
}

TEST_CASE("a loop that was left goes on behind the last item") {
    Net net;
    auto stream = net.client.stream<int>("T.Count", 5);
    for (const int item : stream)
        if (item == 2) break;
    std::vector<int> rest;
    for (const int item : stream) rest.push_back(item);
    CHECK(rest == std::vector{3, 4, 5});
}

TEST_CASE("a stream that takes the place of another cancels that one") {
    Net net;
    auto stream = net.client.stream<int>("T.Never", 0);
    CHECK(stream.valid());
    net.broker.wait_for("T.Never");
    stream = net.client.stream<int>("T.Count", 1);
    net.broker.wait_for("rpc.cancel");
    CHECK(**stream.next() == 1);
    CHECK_FALSE(Stream<int>{}.valid());
}

TEST_CASE("a cancelled stream ends at once, whatever came and was not read") {
    Net net;
    auto stream = net.client.stream<int>("T.Never", 10);
    CHECK(**stream.next() == 1);
    stream.cancel();
    CHECK(code_of(stream.next()) == Code::cancelled);
    CHECK(code_of(stream.result()) == Code::cancelled);
    net.broker.wait_for("rpc.cancel");
}

TEST_CASE("a stream is cancelled from another thread while its reader waits") {
    Net net;
    auto stream = net.client.stream<int>("T.Never", 0);
    std::thread reader{[&] { CHECK(code_of(stream.next()) == Code::cancelled); }};
    net.broker.wait_for("T.Never");
    stream.cancel();
    reader.join();
}

TEST_CASE("closing the client ends a stream that another thread reads") {
    Net net;
    std::thread reader{[&] {
        auto stream = net.client.stream<int>("T.Never", 3);
        auto item = stream.next();
        while (item && *item) item = stream.next();
        CHECK(code_of(item) == Code::cancelled);
    }};
    net.broker.wait_for("T.Never");
    net.client.close();
    reader.join();
    net.broker.wait_for("rpc.cancel");
    auto refused = net.client.stream<int>("T.Count", 1);
    CHECK(code_of(refused.next()) == Code::cancelled);
}

TEST_CASE("an item of another type ends the stream with INTERNAL, and the broker hears of it") {
    Net net;
    auto stream = net.client.stream<std::string>({.window = 2}, "T.Count", 1000);
    for (int i = 0; i < 2; ++i) {
        const auto item = stream.next();
        CHECK(code_of(item) == Code::internal);
        CHECK(item.error().by() == By::client);
        CHECK(item.error().message() == "item: expected str, got int");
    }
    CHECK(code_of(stream.result()) == Code::internal);
    net.broker.wait_for("rpc.cancel");
}

TEST_CASE("more items than were granted end the stream") {
    Net net;
    auto stream = net.client.stream<int>({.window = 2}, "T.Flood");
    CHECK(**stream.next() == 1);
    CHECK(**stream.next() == 2);
    CHECK(code_of(stream.next()) == Code::internal);
    net.broker.wait_for("rpc.cancel");
}

TEST_CASE("a lost broker ends a stream after the items that came") {
    std::optional<FakeBroker> broker{std::in_place, transport::Context{}};
    Client client{for_broker(*broker)};
    auto stream = client.stream<int>({.idempotent = true, .window = 4}, "T.Count", 1000);
    CHECK(**stream.next() == 1);
    broker.reset();
    auto item = stream.next();
    for (int expected = 2; item; item = stream.next()) CHECK(**item == expected++);
    CHECK(code_of(item) == Code::unavailable);
    CHECK(item.error().ran() == Ran::maybe);
}

TEST_CASE("without a broker a stream ends at its deadline") {
    Client client{"ipc:///nonexistent/rpcbroker"};
    auto stream = client.stream<int>({.timeout = 20ms}, "T.Count", 3);
    CHECK(code_of(stream.next()) == Code::unavailable);
}

TEST_CASE("a stream outlives its client") {
    FakeBroker broker{transport::Context{}};
    std::optional<Client> client{std::in_place, for_broker(broker)};
    auto never = client->stream<int>("T.Never", 1);
    auto done = client->stream<int>({.window = 4}, "T.Count", 4);
    CHECK(**done.next() == 1);
    CHECK(done.result<int>().value() == 4);
    client.reset();
    CHECK(code_of(never.next()) == Code::cancelled);
    CHECK(done.result<int>().value() == 4);
    never.cancel();
}

TEST_CASE("many threads read streams of one client, and call beside them") {
    Net net;
    std::atomic<int> right = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t)
        threads.emplace_back([&, t] {
            int sum = 0;
            for (const int item : net.client.stream<int>({.window = 8}, "T.Count", 500)) {
                sum += item;
                if (item % 100 == t) sum += net.client.call<int>("T.Echo", 0);
            }
            right += sum == 500 * 501 / 2;
        });
    for (auto& thread : threads) thread.join();
    CHECK(right == 6);
}

TEST_CASE("callers are driven for while streams beside them are begun and left") {
    Net net;
    std::atomic<bool> over{false};
    std::atomic<int> wrong = 0;  // Catch2 takes no assertions of two threads at once
    std::thread caller{[&] {
        while (!over) wrong += net.client.call<int>("T.Echo", 7) != 7;
    }};
    for (int i = 0; i < 500; ++i) {
        auto stream = net.client.stream<int>("T.Never", 3);
        CHECK(**stream.next() == 1);
    }
    over = true;
    caller.join();
    CHECK(wrong == 0);
}

TEST_CASE("raw items come as they are") {
    Net net;
    auto stream = net.client.stream_raw("T.Count", "\x91\x02");
    CHECK(**stream.next() == "\x01");
    CHECK(stream.result()->result == "\x02");
}
