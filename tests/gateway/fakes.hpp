// A broker and a connection that the sessions of the gateway are tested with.
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "client/json_msgpack.hpp"
#include "gateway/calls.hpp"
#include "gateway/session.hpp"

namespace rpcbroker::test {

/// Holds calls until the test ends them. What is asked of rpc.describe is answered at once by `describe`.
class FakeCalls final : public Calls {
public:
    struct Call {
        CallId id = 0;
        std::string method;
        std::string params;  ///< as JSON
        CallOptions options;
        Done done;
        Item item{};  ///< of one that streams
        std::size_t broker = 0;
    };

    CallId start(std::string method, std::string params, CallOptions options, Done done) override {
        calls.push_back(
            {next_, std::move(method), msgpack_to_json(params), std::move(options), std::move(done), {}, 0});
        return next_++;
    }
    CallId open(std::string_view method, std::string_view params, const CallOptions& options, Item item,
                Done done) override {
        calls.push_back(
            {next_, std::string{method}, msgpack_to_json(params), options, std::move(done), std::move(item), 0});
        return next_++;
    }
    [[nodiscard]] std::span<const std::string> brokers() const override { return endpoints; }
    CallId start_at(std::size_t broker, std::string_view method, std::string_view params, const CallOptions& options,
                    Done done) override {
        const auto id = start(std::string{method}, std::string{params}, options, std::move(done));
        calls.back().broker = broker;
        return id;
    }
    void cancel(CallId call) override {
        cancelled.push_back(call);
        std::erase_if(calls, [call](const Call& each) { return each.id == call; });
    }

    /// Ends the oldest call of that method.
    void end(std::string_view method, Result<RawReply> reply) {
        for (auto at = calls.begin(); at != calls.end(); ++at) {
            if (at->method != method) continue;
            const auto done = std::move(at->done);
            calls.erase(at);
            return done(std::move(reply));
        }
        throw std::logic_error("no such call: " + std::string{method});
    }
    void end_with(std::string_view method, std::string_view json) {
        end(method, RawReply{json_to_msgpack(json).value(), {}});
    }

    std::vector<std::string> endpoints{"tcp://127.0.0.1:5555"};
    std::deque<Call> calls;
    std::vector<CallId> cancelled;

private:
    CallId next_ = 1;
};

struct FakeLink final : Link {
    void send(std::string_view bytes) override { sent += bytes; }
    [[nodiscard]] bool is_full() const override { return full; }
    void finish() override { finished = true; }
    std::string take() { return std::exchange(sent, {}); }

    std::string sent;
    bool finished = false;
    bool full = false;
};

inline Error error_of(Code code, By by, std::string message = "why") { return {code, std::move(message), by, Ran::no}; }

constexpr std::string_view described_count = R"({"name":"Count","params":["text: str","part: str"],"result":"int"})";

}  // namespace rpcbroker::test
