// A client of one's own.
//
//     greeter_client [tcp://127.0.0.1:5555]
#include <chrono>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <rpcbroker/client.hpp>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
    rpcbroker::Client client{argc > 1 ? argv[1] : "tcp://127.0.0.1:5555"};

    // The plain way: the result, or an exception that says what went wrong and whether the call was run.
    std::cout << client.call<std::string>("Greeter.Hello", "world") << '\n';

    // Errors as values.
    const auto quotient = client.try_call<int>("Greeter.Divide", 1, 0);
    if (!quotient) std::cout << quotient.error().what() << '\n';

    // Many at once.
    auto seven = client.async_call<int>({.timeout = 2s}, "Greeter.Divide", 42, 6);
    auto words = client.async_call<std::map<std::string, int>>("Greeter.Lengths", std::vector{"one", "three"});
    std::cout << seven.get() << ' ' << words.get().at("three") << '\n';

    // A stream, read as it comes. Leaving the loop would cancel the call.
    for (const int count : client.stream<int>("Greeter.Countdown", 3)) std::cout << count << ' ';
    std::cout << "lift-off\n";
}
