// A worker whose handler makes calls itself. They share the deadline, the trace and the metadata of the call that it
// serves, so that nobody works for a caller that is gone. docs/GUIDE.md quotes it.
//
//     relay_worker [tcp://127.0.0.1:5555 [tcp://127.0.0.1:5556]]
#include <csignal>
#include <stop_token>
#include <string>
#include <string_view>

#include <rpcbroker/client.hpp>
#include <rpcbroker/worker.hpp>

namespace {

rpcbroker::Worker* running = nullptr;

}  // namespace

int main(int argc, char** argv) {
    rpcbroker::Client client{argc > 1 ? argv[1] : "tcp://127.0.0.1:5555"};
    rpcbroker::Worker worker{argc > 2 ? argv[2] : "tcp://127.0.0.1:5556"};

    const auto shout = [&client](rpcbroker::Context& context, std::string_view text) {
        auto raised = client.within(context.propagation()).async_call<std::string>("EchoUtil.Upper", text);
        // Who gives up on us gives up on it, too.
        const std::stop_callback giving_up{context.stop_token(), [&raised] { raised.cancel(); }};
        return raised.get() + "!";
    };
    const auto nap = [&client](rpcbroker::Context& context, int ms) {
        auto slept = client.within(context.propagation()).async_call<int>("EchoUtil.Sleep", ms);
        const std::stop_callback giving_up{context.stop_token(), [&slept] { slept.cancel(); }};
        return slept.get();
    };
    // What came with the call: metadata and the W3C traceparent.
    const auto who_asks = [](rpcbroker::Context& context) {
        return context.meta()["user"] + " by " + std::string(context.trace());
    };
    worker.service("Relay")
        .method("Shout", shout, {.doc = "text in capitals, and louder", .params = {"text"}, .idempotent = true})
        .method("Nap", nap, {.doc = "sleeps elsewhere", .params = {"ms"}})
        .method("WhoAsks", who_asks, {.doc = "the metadata `user` and the trace of the call"});

    running = &worker;
    std::signal(SIGTERM, [](int) { running->stop(); });
    worker.run();
}
