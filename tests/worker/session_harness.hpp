// A WorkerSession with a clock of its own, and a broker that is spoken for by the test.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rpcbroker/pack.hpp>

#include "tests/worker/show.hpp"
#include "worker/worker_core.hpp"

namespace rpcbroker::test {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

class SessionHarness {
public:
    static constexpr Duration heartbeat = 500ms;

    explicit SessionHarness(SessionOptions options = two_threads()) : session(std::move(options), now) {}

    static SessionOptions two_threads() { return {"worker-name", "\x90", 2, std::nullopt, {}}; }
    static SessionOptions of_capacity(std::uint32_t capacity) {
        auto options = two_threads();
        options.capacity = capacity;
        return options;
    }

    /// Lets time pass as a runtime does: the session is told whenever it asked to be.
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
    /// The same, while the broker says something all the time.
    void pass_with_broker(Duration duration) {
        for (const auto until = now + duration; now < until;) {
            pass(std::min<Duration>(heartbeat, until - now));
            notify("rpc.heartbeat", "\x90");
        }
    }

    void receive(std::string body) { session.on_body(Body{std::move(body)}, now); }
    void notify(std::string_view method, std::string_view params = "\x90") {
        std::string body;
        append_notification(body, method, params);
        receive(std::move(body));
    }
    static std::string request(std::uint32_t msgid, std::string_view method = "S.m", std::string_view params = "\x90",
                               const RequestOptions& options = {}) {
        std::string body;
        append_request(body, msgid, method, params, options);
        return body;
    }
    void cancel(std::uint32_t msgid) {
        std::string params;
        Packer{params}.array(1).unsigned_integer(msgid);
        notify("rpc.cancel", params);
    }
    void credit(std::uint32_t msgid, std::uint64_t items) {
        std::string params;
        Packer{params}.array(2).unsigned_integer(msgid).unsigned_integer(items);
        notify("rpc.credit", params);
    }
    /// Answers the latest rpc.register.
    void answer(std::string_view worker = "w1", std::string_view broker = "b1", std::uint64_t heartbeat_ms = 500,
                std::uint64_t max_message = 1 << 20) {
        std::string result;
        Packer packer{result};
        packer.map(6).string("protocol").integer(1).string("version").string("0.1");
        packer.string("broker").string(broker).string("worker").string(worker);
        packer.string("heartbeat").unsigned_integer(heartbeat_ms);
        packer.string("max_message").unsigned_integer(max_message);
        respond(result);
    }
    void respond(std::string_view result) {
        std::string body;
        append_result(body, last_register(), result);
        receive(std::move(body));
    }
    void refuse(const Error& error) {
        std::string body;
        append_error(body, last_register(), error);
        receive(std::move(body));
    }
    [[nodiscard]] std::uint32_t last_register() const {
        return static_cast<std::uint32_t>(session.counters().registrations);
    }

    /// Connected and registered, with nothing left to send or to tell.
    void registered() {
        session.on_connected(now);
        answer();
        sent();
        events();
    }

    /// What was sent since the last time, a text a message.
    Texts sent() {
        Texts texts;
        for (const auto& body : sent_bodies()) texts.insert(texts.end(), body.begin(), body.end());
        return texts;
    }
    /// The same, body by body.
    std::vector<Texts> sent_bodies() {
        std::vector<Texts> bodies;
        while (Outgoing* body = session.outbox().front(WorkerSession::broker)) {
            bodies.push_back(show_body(body->large.empty() ? std::string_view{body->bytes} : body->large.bytes()));
            session.outbox().pop_front(WorkerSession::broker);
        }
        return bodies;
    }
    /// Those since the last time: "registered w1", "call_cancelled 0".
    Texts events() {
        using What = SessionEvent::What;
        static constexpr std::string_view names[]{"registered",     "refused",       "unreachable", "lost",
                                                  "call_cancelled", "call_credited", "left"};
        Texts texts;
        while (const auto event = session.next_event()) {
            const bool of_call = event->what == What::call_cancelled || event->what == What::call_credited;
            const auto detail = of_call ? std::to_string(event->slot) : event->detail;
            texts.push_back(std::string{names[static_cast<std::size_t>(event->what)]} +
                            (detail.empty() ? "" : " " + detail));
        }
        return texts;
    }

    /// The next call, which must be there.
    Call take() { return session.next_call(now).value(); }
    void finish(const Call& call, std::string_view result = "\xc0") {
        std::string response;
        begin_result(response, call.msgid);
        response += result;
        session.finish(call, response);
    }

    ItemSent send_item(const Call& call, std::string_view item) {
        std::string message;
        begin_item(message, call.msgid);
        message += item;
        return session.send_item(call, message);
    }

    TimePoint now{1h};
    WorkerSession session;
};

}  // namespace rpcbroker::test
