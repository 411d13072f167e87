// A ClientSession with a clock of its own, and brokers that are spoken for by the test.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>
#include <rpcbroker/pack.hpp>

#include "client/client_core.hpp"

namespace rpcbroker::test {

using namespace std::chrono_literals;

/// A message that the session sent, owned.
struct SentMessage {
    MessageType type;
    std::uint32_t msgid;
    std::string method;
    std::string params;
    std::optional<std::uint64_t> timeout_ms;
    std::optional<std::uint64_t> stream;
    std::string bytes;
};

inline std::string packed_string(std::string_view text) {
    std::string packed;
    Packer{packed}.string(text);
    return packed;
}

inline std::string packed_number(std::uint64_t number) {
    std::string packed;
    Packer{packed}.unsigned_integer(number);
    return packed;
}

inline std::string packed_numbers(std::initializer_list<std::uint64_t> numbers) {
    std::string packed;
    Packer packer{packed};
    packer.array(numbers.size());
    for (const auto number : numbers) packer.unsigned_integer(number);
    return packed;
}

inline std::string packed_array(std::string_view element = {}) {
    std::string packed;
    Packer{packed}.array(element.empty() ? 0 : 1).raw(element);
    return packed;
}

class SessionHarness {
public:
    explicit SessionHarness(ClientOptions options = {}) : session(options, now, 42) {}

    static ClientOptions with_brokers(std::vector<std::string> endpoints) {
        ClientOptions options;
        options.brokers = std::move(endpoints);
        return options;
    }

    CallId start(const CallOptions& options = {}, std::string_view method = "M.n",
                 std::string params = packed_array()) {
        return session.start({.method = method, .params = params, .options = options}, now);
    }
    CallId start_large(std::size_t bytes, const CallOptions& options = {}) {
        return start(options, "M.n", packed_array(packed_string(std::string(bytes, 'x'))));
    }
    CallId start_stream(std::uint32_t credit, const CallOptions& options = {}) {
        const auto params = packed_array();
        return session.start({.method = "M.s", .params = params, .options = options, .stream = credit, .owner = this},
                             now);
    }
    CallId notify(const CallOptions& options = {}) {
        const auto params = packed_array();
        return session.start({.method = "M.n", .params = params, .options = options, .one_way = true}, now);
    }

    /// Lets time pass as a loop does: the session is told whenever it asked to be.
    void pass(Duration duration) {
        const auto until = now + duration;
        while (true) {
            const auto next = session.next_deadline();
            if (!next || *next > until) break;
            now = std::max(now, *next);
            session.on_time(now);
        }
        now = until;
        session.on_time(now);
    }

    /// Connects the broker and answers its rpc.hello.
    void connect(BrokerIndex broker = 0, std::string_view id = "broker-1") {
        session.on_connected(broker, now);
        greet(broker, id);
    }
    void greet(BrokerIndex broker = 0, std::string_view id = "broker-1", std::uint64_t max_message = 1 << 20) {
        answer(broker, ClientSession::hello_msgid, hello_answer(id, max_message));
    }
    static std::string hello_answer(std::string_view id, std::uint64_t max_message = 1 << 20,
                                    std::uint64_t heartbeat = 500) {
        std::string packed;
        Packer packer{packed};
        packer.map(5).string("protocol").unsigned_integer(1).string("broker").string(id).string("version").string("0");
        packer.string("max_message").unsigned_integer(max_message).string("heartbeat").unsigned_integer(heartbeat);
        return packed;
    }
    void answer(BrokerIndex broker, std::uint32_t msgid, std::string_view result) {
        std::string body;
        append_result(body, msgid, result);
        session.on_body(broker, body, now);
    }
    void fail(BrokerIndex broker, std::uint32_t msgid, const Error& error) {
        std::string body;
        append_error(body, msgid, error);
        session.on_body(broker, body, now);
    }
    void item(BrokerIndex broker, std::uint32_t msgid, std::uint64_t number) {
        std::string body;
        append_stream_item(body, msgid, packed_number(number));
        session.on_body(broker, body, now);
    }
    void tell(BrokerIndex broker, std::string_view method, std::string_view params = packed_array()) {
        std::string body;
        append_notification(body, method, params);
        session.on_body(broker, body, now);
    }

    /// All messages that are to go to this broker, taken out as sent.
    std::vector<SentMessage> sent(BrokerIndex broker = 0) {
        std::vector<SentMessage> messages;
        while (Outgoing* body = session.next_outgoing(broker)) {
            const std::string bytes{body->large.empty() ? std::string_view{body->bytes} : body->large.bytes()};
            ++bodies;
            read(bytes, messages);
            session.on_sent(broker);
        }
        return messages;
    }
    /// Of those, the calls of services (not of `rpc`).
    std::vector<SentMessage> calls_sent(BrokerIndex broker = 0) {
        auto messages = sent(broker);
        std::erase_if(messages, [](const SentMessage& m) { return m.method.rfind("rpc.", 0) == 0; });
        return messages;
    }

    /// The only call that ended since the last time it was asked.
    Outcome outcome() {
        auto all = session.take_outcomes();
        if (all.size() != 1) throw std::logic_error{std::to_string(all.size()) + " outcomes, not one"};
        return std::move(all.front());
    }

    /// The items that came since the last time it was asked.
    std::vector<std::string> items() {
        std::vector<std::string> all;
        for (auto& each : session.take_items()) all.push_back(std::move(each.item));
        return all;
    }

    TimePoint now{std::chrono::hours{1}};
    ClientSession session;
    int bodies = 0;

private:
    static void read(const std::string& bytes, std::vector<SentMessage>& messages) {
        BodyReader reader{bytes};
        MessageView view;
        auto step = reader.next(view);
        for (; step == BodyReader::Step::message; step = reader.next(view))
            messages.push_back({view.type, view.msgid, std::string{view.method}, std::string{view.params},
                                view.options.timeout_ms, view.options.stream, std::string{view.bytes}});
        if (step == BodyReader::Step::malformed) throw std::logic_error{reader.problem()};
    }
};

/// The call failed here, without a word of the broker's.
inline void require_error(const Outcome& outcome, Code code, Ran ran) {
    REQUIRE_FALSE(outcome.reply.has_value());
    CHECK(name_of(outcome.reply.error().code()) == name_of(code));
    CHECK(outcome.reply.error().by() == By::client);
    CHECK(outcome.reply.error().ran() == ran);
}

}  // namespace rpcbroker::test
