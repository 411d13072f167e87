// A worker of one's own: a service "Greeter" with four methods, one of which streams.
//
//     greeter_worker [tcp://127.0.0.1:5556]
#include <csignal>
#include <map>
#include <string>
#include <string_view>

#include <rpcbroker/worker.hpp>

namespace {

rpcbroker::Worker* running = nullptr;

std::string hello(std::string_view name) { return "Hello, " + std::string(name) + "!"; }

int divide(int a, int b) {
    if (b == 0) throw rpcbroker::Error(rpcbroker::Code::invalid_argument, "b must not be 0");
    return a / b;
}

std::map<std::string, int> lengths(const std::vector<std::string>& words) {
    std::map<std::string, int> result;
    for (const auto& word : words) result[word] = static_cast<int>(word.size());
    return result;
}

/// Sends from, from - 1, … 1, as fast as the caller takes them.
std::string countdown(rpcbroker::StreamContext<int>& stream, int from) {
    while (from > 0 && stream.send(from)) --from;  // send() says when nobody wants more
    return "Lift-off!";
}

}  // namespace

int main(int argc, char** argv) {
    rpcbroker::Worker worker{argc > 1 ? argv[1] : "tcp://127.0.0.1:5556"};
    worker.service("Greeter")
        .method("Hello", hello, {.doc = "says hello", .params = {"name"}, .idempotent = true})
        .method("Divide", divide, {.doc = "a / b, cut off", .params = {"a", "b"}, .idempotent = true})
        .method("Lengths", lengths, {.doc = "how long each word is", .params = {"words"}, .idempotent = true});
    worker.service("Greeter").method("Countdown", countdown, {.doc = "counts down to 1", .params = {"from"}});

    running = &worker;
    std::signal(SIGTERM, [](int) { running->stop(); });  // leaves, finishes what it has, and returns from run()
    worker.run();
}
