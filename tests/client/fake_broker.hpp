// A broker of a few lines, on a thread of its own, that does what a test wants of it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <rpcbroker/pack.hpp>

#include "common/message.hpp"
#include "common/transport/poller.hpp"
#include "common/transport/router.hpp"

namespace rpcbroker::test {

/// Answers rpc.hello, rpc.ping and rpc.heartbeat; "T.Echo" with its first parameter; "T.Options" with the map of options that the
/// call came with; "T.Fail" with ABORTED; "T.Busy" twice with UNAVAILABLE, then with 3; "T.Once" once, with null; everything else never. Streams,
/// with credit: "T.Count" n items 1, 2, … n, and returns n; "T.Break" the same but for its end, which is ABORTED; "T.Never"
/// the same without an end; "T.Flood" one item more than it may. Without `stream`, the first two are refused, and so is
/// "T.Refuse", which does not stream. Counts what it is sent, by method.
class FakeBroker {
public:
    explicit FakeBroker(transport::Context context, const std::string& endpoint = "tcp://127.0.0.1:*")
        : router_(std::move(context), {}) {
        endpoint_ = router_.bind(Endpoint::parse(endpoint, Endpoint::Use::bind).value()).value();
        poller_.add(router_);
        poller_.add(wakeup_);
        thread_ = std::thread{[this] { run(); }};
    }
    ~FakeBroker() {
        stopping_ = true;
        wakeup_.signal();
        thread_.join();
    }
    FakeBroker(const FakeBroker&) = delete;
    FakeBroker& operator=(const FakeBroker&) = delete;

    [[nodiscard]] const std::string& endpoint() const noexcept { return endpoint_; }

    /// From now on it reads, and says nothing.
    void fall_silent() { silent_ = true; }

    /// Of all streams, ever.
    [[nodiscard]] int items_sent() const noexcept { return items_sent_; }

    /// Waits until so many messages of this method were sent to it, ever.
    void wait_for(const std::string& method, std::size_t count = 1) {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return this->count(lock, method) >= count; });
    }

private:
    std::size_t count(const std::unique_lock<std::mutex>&, const std::string& method) const {
        std::size_t found = 0;
        for (const auto& each : seen_) found += each == method;
        return found;
    }

    void run() {
        while (!stopping_) {
            transport::Incoming incoming;
            while (router_.receive(incoming) != transport::Received::nothing) answer(incoming);
            PeerId closed;
            while (router_.next_closed(closed)) {
            }
            poller_.wait(std::nullopt);
            wakeup_.clear();
        }
    }

    void answer(const transport::Incoming& incoming) {
        std::string out;
        BodyReader reader{incoming.body.bytes()};
        MessageView message;
        while (reader.next(message) == BodyReader::Step::message) {
            {
                const std::lock_guard lock{mutex_};
                seen_.emplace_back(message.method);
                changed_.notify_all();
            }
            if (!silent_) answer(message, out);
        }
        if (!out.empty()) router_.send(incoming.peer, incoming.envelope, out);
    }

    void answer(const MessageView& message, std::string& out) {
        if (message.method == "rpc.hello") {
            std::string hello;
            Packer{hello}.map(2).string("broker").string(endpoint_).string("heartbeat").unsigned_integer(150);
            append_result(out, message.msgid, hello);
        } else if (message.method == "rpc.heartbeat") {
            std::string id;
            Packer{id}.array(1).string(endpoint_);
            append_notification(out, "rpc.heartbeat", id);
        } else if (message.method == "rpc.ping") {
            append_result(out, message.msgid, "\xa4pong");
        } else if (message.method == "T.Echo") {
            Unpacker params{message.params};
            params.take_array();
            append_result(out, message.msgid, params.rest());
        } else if (message.method == "T.Options") {
            append_result(out, message.msgid, message.options_map);
        } else if (message.method == "T.Fail") {
            append_error(out, message.msgid, Error{Code::aborted, "as you wish"});
        } else if (message.method == "T.Once") {
            if (!std::exchange(answered_once_, true)) append_result(out, message.msgid, "\xc0");
        } else if (message.method == "T.Busy" && ++busy_calls_ <= 2) {
            append_error(out, message.msgid, Error{Code::unavailable, "busy", By::broker, Ran::no});
        } else if (message.method == "T.Busy") {
            append_result(out, message.msgid, "\x03");
        } else if (message.options.stream) {
            begin_stream(message);
            pump(message.msgid, out);
        } else if (message.method == "T.Count" || message.method == "T.Break") {
            append_error(out, message.msgid, Error{Code::invalid_argument, "it streams", By::broker, Ran::no});
        } else if (message.method == "T.Refuse") {
            append_error(out, message.msgid, Error{Code::invalid_argument, "no", By::worker, Ran::no});
        } else if (message.method == "rpc.describe") {
            const bool streams = message.params.find("T.Refuse") == std::string_view::npos;
            std::string described;
            Packer{described}.map(1).string("stream").boolean(streams);
            append_result(out, message.msgid, described);
        } else if (message.method == "rpc.credit") {
            Unpacker params{message.params};
            params.take_array();
            const auto msgid = static_cast<std::uint32_t>(*params.take_unsigned());
            if (!streams_.contains(msgid)) return;
            streams_[msgid].credit += *params.take_unsigned();
            pump(msgid, out);
        }
    }

    /// Of one client, as msgids are unique only there.
    struct FakeStream {
        std::string method;
        std::uint64_t items = 0;  ///< in all
        std::uint64_t sent = 0;
        std::uint64_t credit = 0;
    };

    void begin_stream(const MessageView& message) {
        Unpacker params{message.params};
        params.take_array();
        auto& stream = streams_[message.msgid];
        stream = {std::string{message.method}, params.take_unsigned().value_or(0), 0, *message.options.stream};
        if (stream.method == "T.Flood") stream.items = ++stream.credit;
    }

    void pump(std::uint32_t msgid, std::string& out) {
        auto& stream = streams_[msgid];
        for (; stream.credit > 0 && stream.sent < stream.items; --stream.credit, ++items_sent_) {
            std::string item;
            Packer{item}.unsigned_integer(++stream.sent);
            append_stream_item(out, msgid, item);
        }
        if (stream.sent < stream.items || stream.method == "T.Never") return;
        std::string result;
        Packer{result}.unsigned_integer(stream.items);
        if (stream.method == "T.Break")
            append_error(out, msgid, Error{Code::aborted, "as you wish"});
        else
            append_result(out, msgid, result);
        streams_.erase(msgid);
    }

    transport::Router router_;
    transport::Poller poller_;
    transport::Wakeup wakeup_;
    std::string endpoint_;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> silent_{false};
    std::atomic<int> items_sent_{0};
    std::map<std::uint32_t, FakeStream> streams_;
    int busy_calls_ = 0;
    bool answered_once_ = false;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> seen_;
    std::thread thread_;
};

}  // namespace rpcbroker::test
