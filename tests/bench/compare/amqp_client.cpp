// RabbitMQ's clients: a connection each, replies by direct reply-to.
#include <charconv>

#include "tests/bench/compare/amqp_connection.hpp"
#include "tests/bench/compare/payload.hpp"

namespace {

using namespace rpcbroker::compare;

constexpr std::string_view direct_reply_to = "amq.rabbitmq.reply-to";

std::uint32_t slot_of(std::string_view text) {
    std::uint32_t slot = 0;
    std::from_chars(text.data(), text.data() + text.size(), slot);
    return slot;
}

void run(const Options& options, AmqpConnection& connection, Meter& meter) {
    connection.consume(direct_reply_to);
    const auto text = options.text();
    Sent sent(options.window);
    const auto call = [&](std::uint32_t slot, Clock::time_point now) {
        sent[slot] = now;
        const auto name = std::to_string(slot);
        amqp_basic_properties_t properties{};
        properties._flags = AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG;
        properties.reply_to = bytes(direct_reply_to);
        properties.correlation_id = bytes(name);
        connection.publish(bytes(options.method()), properties, pack_parameters(text));
    };
    meter.begin();
    for (std::uint32_t slot = 0; slot < options.window; ++slot) call(slot, Clock::now());
    for (auto open = options.window; open > 0;)
        connection.receive([&](const amqp_envelope_t& envelope) {
            const auto& reply = envelope.message;
            check_result(options, view(reply.body));
            const auto slot = slot_of(view(reply.properties.correlation_id));
            if (slot >= options.window) fail("an unknown call was answered");
            const auto now = Clock::now();
            if (meter.ended(sent[slot], now))
                call(slot, now);
            else
                --open;
        });
}

}  // namespace

int main(int argc, char** argv) {
    return drive(argc, argv, [](const Options& options, unsigned index, Meter& meter) {
        AmqpConnection connection{options.target(index)};
        run(options, connection, meter);
    });
}
