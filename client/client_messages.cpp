// What brokers say, read. Whatever it is, it harms nobody: what makes no sense is counted and dropped.
#include <algorithm>

#include <rpcbroker/pack.hpp>

#include "client/client_core.hpp"

namespace rpcbroker {

namespace {

using std::chrono::milliseconds;

struct HelloAnswer {
    std::string broker;
    std::optional<std::uint64_t> max_message;
    std::optional<std::uint64_t> heartbeat_ms;
};

/// Nothing when it is no map of string keys; keys of later versions are passed over.
std::optional<HelloAnswer> read_hello_answer(std::string_view packed) {
    Unpacker unpacker{packed};
    const auto size = unpacker.take_map();
    if (!size) return std::nullopt;
    HelloAnswer answer;
    for (std::uint32_t i = 0; i < *size; ++i) {
        const auto key = unpacker.take_string();
        const auto value = key ? unpacker.take_value() : std::nullopt;
        if (!value) return std::nullopt;
        Unpacker field{*value};
        if (*key == "broker")
            answer.broker = field.take_string().value_or("");
        else if (*key == "max_message")
            answer.max_message = field.take_unsigned();
        else if (*key == "heartbeat")
            answer.heartbeat_ms = field.take_unsigned();
    }
    return answer;
}

/// The error of a response that holds one.
Error read_error(std::string_view packed) {
    if (auto error = read_error_object(packed)) return std::move(*error);
    return Error{Code::internal, "the broker answered with an error that is not an error object", By::client,
                 Ran::maybe};
}

/// Of one MessagePack value.
bool is_nil(std::string_view packed) noexcept { return packed.front() == '\xc0'; }

}  // namespace

void ClientSession::on_body(BrokerIndex broker, std::string_view body, TimePoint now) {
    links_[broker].quiet_since = now;
    BodyReader reader{body};
    MessageView message;
    auto step = reader.next(message);
    for (; step == BodyReader::Step::message; step = reader.next(message)) on_message(broker, message, now);
    if (step == BodyReader::Step::malformed) ++counters_.malformed_bodies;
}

void ClientSession::on_bad_frames(BrokerIndex broker, TimePoint now) {
    links_[broker].quiet_since = now;
    ++counters_.malformed_bodies;
}

void ClientSession::on_message(BrokerIndex broker, const MessageView& message, TimePoint now) {
    switch (message.type) {
    case MessageType::response:
        if (message.msgid == hello_msgid)
            on_hello_answer(broker, message, now);
        else
            on_response(broker, message, now);
        break;
    case MessageType::notification: on_notification(broker, message, now); break;
    case MessageType::stream_item: on_stream_item(broker, message); break;
    case MessageType::request: ++counters_.unexpected_messages; break;
    }
}

/// The call under way there that a message is about; 0, and it is counted, when there is none.
CallId ClientSession::find_running(BrokerIndex broker, std::uint32_t msgid) noexcept {
    const CallId* found = msgids_.find(msgid);
    if (found && calls_.at(*found).broker == broker) return *found;
    ++counters_.unknown_responses;
    return 0;
}

void ClientSession::on_response(BrokerIndex broker, const MessageView& message, TimePoint now) {
    const CallId id = find_running(broker, message.msgid);
    if (id == 0) return;
    if (!is_nil(message.error)) return fail(id, read_error(message.error), now);
    succeed(id, message.result, message.timing);
}

void ClientSession::on_stream_item(BrokerIndex broker, const MessageView& message) {
    const CallId id = find_running(broker, message.msgid);
    if (id == 0) return;
    Call& call = calls_.at(id);
    if (!call.stream) {
        ++counters_.unexpected_messages;
    } else if (call.credit == 0) {
        cancel_at_broker(call);
        end(id, Error{Code::internal, "more stream items came than were granted", By::client, Ran::maybe});
    } else {
        --call.credit;
        call.items_came = true;
        items_.push_back({id, call.owner, std::string{message.result}});
    }
}

/// Calls that were under way when another broker took this one's place ended when this hello was said; those under way
/// now were sent after it.
void ClientSession::on_hello_answer(BrokerIndex broker, const MessageView& message, TimePoint now) {
    Link& link = links_[broker];
    if (link.state == LinkState::down) {
        ++counters_.unknown_responses;
        return;
    }
    if (!is_nil(message.error)) return on_hello_refused(broker, message.error);
    const auto answer = read_hello_answer(message.result);
    if (!answer) {
        ++counters_.unexpected_messages;
        return;
    }
    link.state = LinkState::up;
    link.trouble.clear();
    link.broker_id = answer->broker;
    if (answer->max_message) link.max_message = static_cast<std::size_t>(*answer->max_message);
    if (answer->heartbeat_ms) {
        const auto period = std::clamp<std::uint64_t>(*answer->heartbeat_ms, 1, 3'600'000);
        link.heartbeat = milliseconds{static_cast<milliseconds::rep>(period)};
    }
    link.next_heartbeat = now + link.heartbeat;
    outbox_.set_batching(peer_of(broker), link.max_message >= Outbox::batch_bytes);
    dispatch_waiting(now);
}

/// Calls that are under way there get answers of their own.
void ClientSession::on_hello_refused(BrokerIndex broker, std::string_view error) {
    Link& link = links_[broker];
    const Error refusal = read_error(error);
    link.state = LinkState::refused;
    link.trouble = refusal.message();
    link.refusal = refusal.code();
    if (!every_broker_refuses()) return;
    const auto waiting = waiting_;
    for (const CallId id : waiting) end(id, refused_error(calls_.at(id).may_have_run));
}

void ClientSession::on_notification(BrokerIndex broker, const MessageView& message, TimePoint now) {
    Link& link = links_[broker];
    if (message.method == "rpc.heartbeat") {
        on_heartbeat(broker, message.params, now);
    } else if (message.method == "rpc.goaway") {
        link.leaving = true;
        link.trouble = "shutting down";
    } else if (message.method == "rpc.hello_again") {
        start_afresh(broker, now);
    } else {
        ++counters_.unexpected_messages;
    }
}

void ClientSession::on_heartbeat(BrokerIndex broker, std::string_view params, TimePoint now) {
    Unpacker unpacker{params};
    const auto size = unpacker.take_array();
    const auto id = size && *size > 0 ? unpacker.take_string() : std::nullopt;
    const Link& link = links_[broker];
    if (id && link.state == LinkState::up && *id != link.broker_id) start_afresh(broker, now);
}

/// The broker does not know us. Said while a hello is under way, it is about what was before that hello.
void ClientSession::start_afresh(BrokerIndex broker, TimePoint now) {
    const Link& link = links_[broker];
    if (link.state != LinkState::up) return;
    lose(broker, "the broker at " + link.endpoint + " started again", now);
    say_hello(broker, LinkState::greeting, now);
    dispatch_waiting(now);
}

}  // namespace rpcbroker
