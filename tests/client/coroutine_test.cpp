// Futures that coroutines await: what they give, and on which thread they go on.
#include <rpcbroker/client.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <coroutine>
#include <exception>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/transport/context.hpp"
#include "tests/client/fake_broker.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;
using namespace std::chrono_literals;

namespace {

constexpr auto ample = std::chrono::milliseconds{30s};

/// Runs at once, and is over when `done` says so.
struct Task {
    struct promise_type {
        std::promise<void> done;
        Task get_return_object() {
            return {done.get_future(), std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() { done.set_value(); }
        void unhandled_exception() { std::terminate(); }
    };
    std::future<void> done;
    std::coroutine_handle<promise_type> handle;  ///< until it is over
};

struct Net {
    FakeBroker broker{transport::Context{}};
    std::optional<Client> client{std::in_place, ClientOptions{.brokers = {broker.endpoint()}, .timeout = ample}};
};

/// Where a coroutine goes on.
struct Place {
    std::thread::id thread{};
    bool reached = false;

    void reach() {
        thread = std::this_thread::get_id();
        reached = true;
    }
};

Task await_all_kinds(Client& client, std::vector<std::string>& got) {
    const CallOptions options{.timeout = ample};  // GCC 12: not in the awaited expression itself
    const int value = co_await client.async_call<int>("T.Echo", 7);
    got.push_back(std::to_string(value));
    got.push_back(co_await client.async_call<std::string>(options, "T.Echo", "text"));
    co_await client.async_call("T.Echo", 1);
    const auto result = co_await client.async_call<int>("T.Echo", 8).as_result();
    got.push_back(std::to_string(result.value()));
    const auto nothing = co_await client.async_call("T.Echo", 8).as_result();
    got.emplace_back(nothing ? "well" : "not well");
    const auto reply = co_await client.async_raw("T.Echo", "\x91\x05");
    got.push_back(reply->result);
}

Task await_failures(Client& client, std::vector<Code>& codes) {
    const auto failed = co_await client.async_call<int>("T.Fail").as_result();
    codes.push_back(failed.error().code());
    const auto mismatch = co_await client.async_call<int>("T.Echo", "text").as_result();
    codes.push_back(mismatch.error().code());
    const auto raw = co_await client.async_raw("T.Fail", "\x90");
    codes.push_back(raw.error().code());
    try {
        co_await client.async_call<int>("T.Fail");
    } catch (const Error& error) {
        codes.push_back(error.code());
    }
}

Task await_in_turn(Client& client, int calls, std::atomic<int>& right) {
    for (int i = 0; i < calls; ++i) {
        const int echo = co_await client.async_call<int>("T.Echo", i);
        right += echo == i;
    }
}

Task await_result(RawFuture future, Place& place, Code& code) {
    const auto reply = co_await std::move(future);
    place.reach();
    code = reply.error().code();
}

Task await_value(Future<int> future, Place& place) {
    const auto result = co_await std::move(future).as_result();
    static_cast<void>(result);
    place.reach();
}

}  // namespace

TEST_CASE("a coroutine awaits values, results and raw replies") {
    Net net;
    std::vector<std::string> got;
    await_all_kinds(*net.client, got).done.get();
    CHECK(got == std::vector<std::string>{"7", "text", "8", "well", "\x05"});
}

TEST_CASE("awaiting a call that failed throws its error, or gives it as a result") {
    Net net;
    std::vector<Code> codes;
    await_failures(*net.client, codes).done.get();
    CHECK(codes == std::vector{Code::aborted, Code::internal, Code::aborted, Code::aborted});
}

TEST_CASE("a coroutine is resumed on the thread that runs callbacks") {
    Net net;
    Place place;
    std::promise<std::thread::id> callbacks_run_on;
    auto task = await_value(net.client->async_call<int>("T.Late", 1), place);
    net.broker.wait_for("T.Late");
    CHECK_FALSE(place.reached);
    net.client->async_call("T.Echo", 1).then([&](Result<void>) {
        callbacks_run_on.set_value(std::this_thread::get_id());
    });
    const auto expected = callbacks_run_on.get_future().get();
    net.client->close();
    task.done.get();
    CHECK(place.thread == expected);
    CHECK(place.thread != std::this_thread::get_id());
}

TEST_CASE("a coroutine whose call has ended goes on at once") {
    Net net;
    Place place;
    auto future = net.client->async_call<int>("T.Echo", 1);
    future.wait();
    auto task = await_value(std::move(future), place);
    CHECK(place.thread == std::this_thread::get_id());
    task.done.get();
}

TEST_CASE("a thousand calls are awaited in turn") {
    Net net;
    std::atomic<int> right = 0;
    await_in_turn(*net.client, 1000, right).done.get();
    CHECK(right == 1000);
}

TEST_CASE("many coroutines are under way at once, begun by many threads") {
    Net net;
    std::atomic<int> right = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            std::vector<Task> tasks;
            for (int i = 0; i < 50; ++i) tasks.push_back(await_in_turn(*net.client, 5, right));
            for (auto& task : tasks) task.done.get();
        });
    for (auto& thread : threads) thread.join();
    CHECK(right == 4 * 50 * 5);
}

TEST_CASE("the end of a client resumes those who wait") {
    Net net;
    Place place;
    Code code = Code::unknown;
    auto task = await_result(net.client->async_raw("T.Never", "\x90"), place, code);
    net.broker.wait_for("T.Never");
    net.client.reset();
    task.done.get();
    CHECK(code == Code::cancelled);
}

TEST_CASE("a future that outlived its client is awaited without waiting") {
    Net net;
    Place place;
    Code code = Code::unknown;
    auto future = net.client->async_raw("T.Never", "\x90");
    net.client.reset();
    await_result(std::move(future), place, code).done.get();
    CHECK(code == Code::cancelled);
    CHECK(place.thread == std::this_thread::get_id());
}

TEST_CASE("a coroutine that is destroyed while it waits is not resumed") {
    Net net;
    Place place;
    auto task = await_value(net.client->async_call<int>("T.Never"), place);
    net.broker.wait_for("T.Never");
    task.handle.destroy();
    net.client.reset();
    CHECK_FALSE(place.reached);
}

TEST_CASE("a coroutine that is destroyed when its result is there, but not handed out, is not resumed") {
    Net net;
    Place place;
    std::promise<void> entered;
    std::promise<void> leave;
    net.client->async_call("T.Echo", 1).then([&](Result<void>) {
        entered.set_value();
        leave.get_future().wait();
    });
    entered.get_future().wait();
    auto task = await_value(net.client->async_call<int>("T.Never"), place);
    net.client->close();
    task.handle.destroy();
    leave.set_value();
    net.client.reset();
    CHECK_FALSE(place.reached);
}
