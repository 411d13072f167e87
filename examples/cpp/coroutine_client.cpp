// A client that awaits its calls in a coroutine.
//
//     coroutine_client [tcp://127.0.0.1:5555]
#include <coroutine>
#include <exception>
#include <future>
#include <iostream>
#include <string>

#include <rpcbroker/client.hpp>

namespace {

/// What a coroutine returns here. A program that has a coroutine library takes that one's.
struct Task {
    struct promise_type {
        std::promise<void> done;
        Task get_return_object() { return {done.get_future()}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() { done.set_value(); }
        void unhandled_exception() { done.set_exception(std::current_exception()); }
    };
    std::future<void> done;
};

Task greet(rpcbroker::Client& client) {
    // Both calls are under way before the first is awaited. The lines after it run on the client's own thread.
    auto hello = client.async_call<std::string>("Greeter.Hello", "coroutine");
    auto seven = client.async_call<int>("Greeter.Divide", 42, 6);
    std::cout << co_await std::move(hello) << '\n';
    std::cout << co_await std::move(seven) << '\n';

    // Errors as values; without as_result() this would throw.
    const auto quotient = co_await client.async_call<int>("Greeter.Divide", 1, 0).as_result();
    if (!quotient) std::cout << quotient.error().what() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
    rpcbroker::Client client{argc > 1 ? argv[1] : "tcp://127.0.0.1:5555"};
    greet(client).done.get();
}
