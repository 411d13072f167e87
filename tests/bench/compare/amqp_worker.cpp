// Consumes from a queue for each method, and publishes each result where its request says. Runs until it is ended.
#include <cstdio>
#include <exception>

#include "tests/bench/compare/amqp_connection.hpp"
#include "tests/bench/compare/payload.hpp"

namespace {

using namespace rpcbroker::compare;

[[noreturn]] void serve(const char* address) {
    AmqpConnection connection{address};
    for (const auto method : {count_method, echo_method}) {
        connection.declare(method);
        connection.consume(method);
    }
    std::puts("ready");
    (void)std::fflush(stdout);
    std::string scratch;
    for (;;)
        connection.receive([&](const amqp_envelope_t& envelope) {
            const auto& request = envelope.message;
            amqp_basic_properties_t properties{};
            properties._flags = AMQP_BASIC_CORRELATION_ID_FLAG;
            properties.correlation_id = request.properties.correlation_id;
            connection.publish(request.properties.reply_to, properties,
                               answer(view(envelope.routing_key), view(request.body), scratch));
        });
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 2) fail("usage: compare-amqp-worker HOST:PORT");
        serve(argv[1]);
    } catch (const std::exception& error) {
        end_at_once(error.what());
    }
}
