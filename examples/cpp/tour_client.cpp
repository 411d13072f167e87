// What the client library does beyond plain calls, shown against rpc-worker's EchoUtil. docs/GUIDE.md quotes it.
//
//     tour_client [tcp://127.0.0.1:5555]
#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>

#include <rpcbroker/client.hpp>

using namespace std::chrono_literals;

namespace {

void read_streams(rpcbroker::Client& client) {
    for (int item : client.stream<int>("EchoUtil.Range", 3)) std::cout << item << '\n';

    // Leaving a stream cancels it: its handler hears of it, and stops.
    for (int item : client.stream<int>("EchoUtil.Range", 1'000'000'000)) {
        if (item == 2) break;
    }

    // Errors as values, and the result that comes after the items.
    auto stream = client.stream<int>({.timeout = 5s}, "EchoUtil.Range", 2);
    while (true) {
        const auto item = stream.next();
        if (!item) std::cout << item.error().what() << '\n';
        if (!item || !*item) break;
    }
    std::cout << "ended with " << stream.result<int>().value() << '\n';
}

void cancel(rpcbroker::Client& client) {
    auto nap = client.async_call<int>("EchoUtil.Sleep", 60'000);
    nap.cancel();
    std::cout << nap.result().error().what() << '\n';
}

void say_where_it_runs(rpcbroker::Client& client) {
    // Calls with the same key go to the same worker for as long as the set of workers stays the same.
    const rpcbroker::CallOptions for_user{.key = "user 17"};
    const auto name = [&] {
        const auto who = client.call<std::map<std::string, rpcbroker::RawValue>>(for_user, "EchoUtil.Whoami");
        return rpcbroker::unpack_value<std::string>(who.at("name").packed, "name").value();
    };
    std::cout << (name() == name() ? "the same worker\n" : "another worker\n");
}

void say_where_the_time_went(rpcbroker::Client& client) {
    std::string params;
    rpcbroker::pack_params(params, 20);
    const auto reply = client.call_raw("EchoUtil.Sleep", params, {.timing = true}).value();
    using Timing = std::map<std::string, rpcbroker::RawValue>;  // worker, queued_us, worker_us
    const auto timing = rpcbroker::unpack_value<Timing>(reply.timing, "timing").value();
    const auto worker_us = rpcbroker::unpack_value<std::uint64_t>(timing.at("worker_us").packed, "worker_us").value();
    std::cout << (worker_us >= 20'000 ? "20 ms or more at the worker\n" : "less\n");
}

void try_again(rpcbroker::Client& client) {
    // Up to three attempts. What is not idempotent is tried again only where the error says that it did not run.
    const rpcbroker::CallOptions patient{
        .timeout = 5s, .idempotent = true, .retry = rpcbroker::RetryPolicy{.attempts = 3}};
    const auto outcome = client.try_call(patient, "EchoUtil.Fail", "UNAVAILABLE", "not today");
    std::cout << outcome.error().what() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
    rpcbroker::Client client{argc > 1 ? argv[1] : "tcp://127.0.0.1:5555"};
    read_streams(client);
    cancel(client);
    say_where_it_runs(client);
    say_where_the_time_went(client);
    try_again(client);
}
