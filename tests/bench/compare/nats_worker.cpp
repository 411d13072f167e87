// A member of the queue group `workers`: the subject is the method, the payload its parameters as MessagePack. Runs
// until it is ended.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string_view>

#include "tests/bench/compare/nats_connection.hpp"
#include "tests/bench/compare/payload.hpp"

namespace {

using namespace rpcbroker::compare;

void serve(natsConnection* connection, natsSubscription*, natsMsg* received, void* scratch) {
    const NatsMessage message{received, natsMsg_Destroy};
    try {
        const auto result = answer(natsMsg_GetSubject(received), view(received), *static_cast<std::string*>(scratch));
        check(natsConnection_Publish(connection, natsMsg_GetReply(received), result.data(),
                                     static_cast<int>(result.size())),
              "publish");
    } catch (const std::exception& error) {
        end_at_once(error.what());
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) end_at_once("usage: compare-nats-worker URL [--at-once]");
    try {
        const auto connection = connect_nats(argv[1], argc > 2 && std::string_view{argv[2]} == "--at-once");
        std::string scratch;  // for the one thread that delivers
        natsSubscription* created = nullptr;
        check(natsConnection_QueueSubscribe(&created, connection.get(), "EchoUtil.*", "workers", serve, &scratch),
              "subscribe");
        const NatsSubscription subscription{created, natsSubscription_Destroy};
        check(natsConnection_Flush(connection.get()), "flush");
        std::puts("ready");
        (void)std::fflush(stdout);
        for (;;) pause();
    } catch (const std::exception& error) {
        end_at_once(error.what());
    }
}
