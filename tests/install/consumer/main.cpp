// All three libraries in one process, from the installed package alone.
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>

#include <rpcbroker/broker.hpp>
#include <rpcbroker/client.hpp>
#include <rpcbroker/worker.hpp>

int main() {
    rpcbroker::Broker broker{{.frontends = {"tcp://127.0.0.1:0"}, .backends = {"tcp://127.0.0.1:0"}}};
    std::thread broker_thread{[&] { broker.run(); }};

    rpcbroker::Worker worker{broker.backends().front()};
    worker.service("EchoUtil").method("CountString", [](std::string_view text) {
        return std::ranges::count(text, 's');
    });
    std::thread worker_thread{[&] { worker.run(); }};

    rpcbroker::Client client{broker.frontends().front()};
    const auto count = client.try_call<int>("EchoUtil.CountString", "this is test");
    std::puts(count ? std::to_string(*count).c_str() : count.error().what());

    worker.stop();
    worker_thread.join();
    broker.stop();
    broker_thread.join();
    return count && *count == 3 ? 0 : 1;
}
