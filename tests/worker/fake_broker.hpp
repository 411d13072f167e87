// A broker that does as the test says: it answers rpc.register and rpc.leave, keeps heartbeats going, and notes the rest.
#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <rpcbroker/convert.hpp>

#include "common/transport/poller.hpp"
#include "common/transport/router.hpp"
#include "tests/worker/show.hpp"

namespace rpcbroker::test {

using namespace std::chrono_literals;

struct FakeBrokerOptions {
    std::string endpoint = "tcp://127.0.0.1:*";
    std::string id = "b1";
    /// A machine that stands still for three of them makes the worker return its calls.
    std::chrono::milliseconds heartbeat{500};
    std::optional<transport::Context> context = {};  ///< for inproc; else one of its own, which ends with the socket
};

/// One thread's. Everything happens in until() and expect().
class FakeBroker {
public:
    static constexpr Duration patience = 30s;

    explicit FakeBroker(FakeBrokerOptions options = {}) : options_(std::move(options)) { open(); }

    /// As if its process was killed.
    void close() { socket_.reset(); }
    /// Another one, in the same place, that knows nobody.
    void restart() {
        close();
        options_.id += "+";
        registrations = 0;
        open();
    }

    [[nodiscard]] const std::string& endpoint() const noexcept { return options_.endpoint; }

    /// What came, but for heartbeats, a text a message.
    std::vector<std::string> log;
    /// Where stream items go, if it is there, instead of into the log.
    std::function<void(const MessageView&)> on_item;
    int heartbeats = 0;
    int registrations = 0;

    /// Serves until `condition` holds; whether it came to hold.
    bool until(const std::function<bool()>& condition) {
        const auto end = Clock::now() + patience;
        while (!condition()) {
            if (Clock::now() > end) return false;
            turn();
        }
        return true;
    }
    bool expect(const std::string& text) {
        if (until([&] { return std::ranges::find(log, text) != log.end(); })) return true;
        for (const auto& line : log) UNSCOPED_INFO("the broker got: " + line);
        return false;
    }
    bool expect_registration() {
        const int before = registrations;
        return until([&] { return registrations > before; });
    }
    bool expect_heartbeats(int count) {
        const int wanted = heartbeats + count;
        return until([&] { return heartbeats >= wanted; });
    }
    [[nodiscard]] std::size_t count(std::string_view prefix) const {
        return static_cast<std::size_t>(
            std::ranges::count_if(log, [&](const auto& text) { return text.starts_with(prefix); }));
    }

    template <class... A>
    void call(std::uint32_t msgid, std::string_view method, const A&... arguments) {
        append_call(bodies_, msgid, method, arguments...);
        send_bodies();
    }
    /// The same, to be sent with the next call().
    template <class... A>
    void append(std::uint32_t msgid, std::string_view method, const A&... arguments) {
        append_call(bodies_, msgid, method, arguments...);
    }
    /// A call that takes stream items.
    template <class... A>
    void stream(std::uint32_t msgid, std::uint32_t credit, std::string_view method, const A&... arguments) {
        RequestOptions options;
        options.stream = credit;
        call_with(options, msgid, method, arguments...);
    }
    template <class... A>
    void call_with(const RequestOptions& options, std::uint32_t msgid, std::string_view method, const A&... arguments) {
        std::string params;
        pack_params(params, arguments...);
        append_request(bodies_, msgid, method, params, options);
        send_bodies();
    }
    void cancel(std::uint32_t msgid) {
        append_cancel(msgid);
        send_bodies();
    }
    /// The same, to be sent with the next call() or cancel().
    void append_cancel(std::uint32_t msgid) {
        std::string params;
        pack_params(params, msgid);
        append_notification(bodies_, "rpc.cancel", params);
    }
    void credit(std::uint32_t msgid, std::uint32_t items) {
        std::string params;
        pack_params(params, msgid, items);
        notify("rpc.credit", params);
    }
    void notify(std::string_view method, std::string_view params = "\x90") {
        append_notification(bodies_, method, params);
        send_bodies();
    }

private:
    struct Socket {
        explicit Socket(const FakeBrokerOptions& options)
            : router(options.context.value_or(transport::Context{}), {.linger = 0ms}) {
            poller.add(router);
        }

        transport::Router router;
        transport::Poller poller;
    };

    void open() {
        worker_ = {};
        socket_ = std::make_unique<Socket>(options_);
        const auto endpoint = Endpoint::parse(options_.endpoint, Endpoint::Use::bind).value();
        options_.endpoint = socket_->router.bind(endpoint).value();
    }
    template <class... A>
    static void append_call(std::string& out, std::uint32_t msgid, std::string_view method, const A&... arguments) {
        std::string params;
        pack_params(params, arguments...);
        append_request(out, msgid, method, params);
    }
    void send_bodies() {
        CHECK(socket_->router.send(worker_, {}, std::string_view{bodies_}) == transport::Sent::yes);
        bodies_.clear();
    }
    void turn() {
        if (!socket_) return std::this_thread::yield();
        socket_->poller.wait(5ms);
        while (socket_->router.receive(incoming_) == transport::Received::body) take(incoming_.body.bytes());
        if (registrations == 0 || Clock::now() < beat_at_) return;
        beat_at_ = Clock::now() + options_.heartbeat;
        std::string beat;
        append_notification(beat, "rpc.heartbeat", "\x90");
        (void)socket_->router.send(worker_, {}, std::string_view{beat});
    }
    void take(std::string_view body) {
        BodyReader reader{body};
        MessageView message;
        while (reader.next(message) == BodyReader::Step::message) take(message);
    }
    void take(const MessageView& message) {
        if (message.method == "rpc.heartbeat") {
            ++heartbeats;
            return;
        }
        if (on_item && message.type == MessageType::stream_item) return on_item(message);
        log.push_back(show_message(message));
        if (message.method == "rpc.register") answer(message.msgid);
        if (message.method == "rpc.leave") notify("rpc.left");
    }
    void answer(std::uint32_t msgid) {
        // Who registers again on its connection keeps its id.
        if (std::exchange(worker_, incoming_.peer) != incoming_.peer) ++workers_;
        ++registrations;
        std::string result;
        Packer packer{result};
        packer.map(3).string("broker").string(options_.id).string("worker").string("w" + std::to_string(workers_));
        packer.string("heartbeat").integer(options_.heartbeat.count());
        append_result(bodies_, msgid, result);
        send_bodies();
    }

    FakeBrokerOptions options_;
    std::unique_ptr<Socket> socket_;
    transport::Incoming incoming_;
    std::string bodies_;
    PeerId worker_;
    int workers_ = 0;  ///< that ever came
    TimePoint beat_at_{};
};

}  // namespace rpcbroker::test
