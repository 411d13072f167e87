// What RabbitMQ's driver and worker share: a connection with one channel, of which librabbitmq wants one thread each.
#pragma once

#include <amqp.h>
#include <amqp_tcp_socket.h>

#include <string>
#include <string_view>

#include "tests/bench/compare/driver.hpp"

namespace rpcbroker::compare {

inline amqp_bytes_t bytes(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
inline std::string_view view(amqp_bytes_t of) { return {static_cast<const char*>(of.bytes), of.len}; }

class AmqpConnection {
public:
    static constexpr amqp_channel_t channel = 1;

    /// `address`: HOST:PORT.
    explicit AmqpConnection(const std::string& address) : state_(amqp_new_connection()) {
        constexpr int frame_max = 131'072;  // the server's default
        const auto colon = address.rfind(':');
        auto* socket = amqp_tcp_socket_new(state_);
        check(amqp_socket_open(socket, address.substr(0, colon).c_str(), std::stoi(address.substr(colon + 1))));
        check(amqp_login(state_, "/", 0, frame_max, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest"));
        amqp_channel_open(state_, channel);
        check_last();
    }
    AmqpConnection(const AmqpConnection&) = delete;
    AmqpConnection& operator=(const AmqpConnection&) = delete;
    ~AmqpConnection() { amqp_destroy_connection(state_); }

    /// A queue that is not kept: neither over restarts nor when nobody consumes from it.
    void declare(std::string_view queue) {
        amqp_queue_declare(state_, channel, bytes(queue), 0, 0, 0, 1, amqp_empty_table);
        check_last();
    }

    /// Without acknowledgements: what is delivered is done with.
    void consume(std::string_view queue) {
        amqp_basic_consume(state_, channel, bytes(queue), amqp_empty_bytes, 0, 1, 0, amqp_empty_table);
        check_last();
    }

    void publish(amqp_bytes_t queue, const amqp_basic_properties_t& properties, std::string_view body) {
        check(amqp_basic_publish(state_, channel, amqp_empty_bytes, queue, 0, 0, &properties, bytes(body)));
    }

    /// Waits for a message, and gives it to `take` for as long as that runs.
    template <class Take>
    void receive(Take&& take) {
        amqp_maybe_release_buffers(state_);
        amqp_envelope_t envelope;
        check(amqp_consume_message(state_, &envelope, nullptr, 0));
        take(envelope);
        amqp_destroy_envelope(&envelope);
    }

private:
    static void check(int status) {
        if (status != AMQP_STATUS_OK) fail(amqp_error_string2(status));
    }
    static void check(const amqp_rpc_reply_t& reply) {
        if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) fail(amqp_error_string2(reply.library_error));
        if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail("the server refused");
    }
    void check_last() { check(amqp_get_rpc_reply(state_)); }

    amqp_connection_state_t state_;
};

}  // namespace rpcbroker::compare
