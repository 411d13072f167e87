// Calls by the client library, whose threads' results are handed to the loop.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>

#include <rpcbroker/client.hpp>

#include "common/time.hpp"
#include "gateway/broker_streams.hpp"
#include "gateway/calls.hpp"
#include "gateway/figures.hpp"

namespace rpcbroker {

/// Calls that are started in one turn of the loop leave together when it ends. Results that come while the loop is busy are
/// handed over together, in one turn.
class BrokerCalls final : public Calls {
public:
    /// `loop` and `figures` outlive it. `flush` is called after each such turn.
    BrokerCalls(boost::asio::io_context& loop, ClientOptions options, Figures& figures, std::function<void()> flush);
    ~BrokerCalls() override;
    BrokerCalls(const BrokerCalls&) = delete;
    BrokerCalls& operator=(const BrokerCalls&) = delete;

    CallId start(std::string method, std::string params, CallOptions options, Done done) override;
    CallId open(std::string_view method, std::string_view params, const CallOptions& options, Item item,
                Done done) override;
    [[nodiscard]] std::span<const std::string> brokers() const override { return brokers_; }
    CallId start_at(std::size_t broker, std::string_view method, std::string_view params, const CallOptions& options,
                    Done done) override;
    void cancel(CallId call) override;
    /// Offers items of streams again that were not taken.
    void resume() { streams_.resume(); }
    [[nodiscard]] std::size_t under_way() const noexcept { return calls_.size() + streams_.under_way(); }

private:
    struct Ended {
        CallId call;
        Result<RawReply> reply;
    };
    /// What outlives this, as long as callbacks are to come.
    struct Inbox {
        std::mutex mutex;
        std::vector<Ended> ended;
        BrokerCalls* owner = nullptr;  ///< null once that is gone
    };
    struct Unsent {
        CallId call;
        std::string params;
        CallOptions options;
    };
    struct Call {
        RawFuture future;  ///< once it was sent
        Done done;
        std::string method;
        TimePoint begun;
    };
    void send();
    [[nodiscard]] RawFuture::Callback ended(CallId call) const;
    void take_ended();
    void count(const Call& call, const Result<RawReply>& reply, TimePoint now);

    boost::asio::io_context& loop_;
    Figures& figures_;
    std::function<void()> flush_;
    std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
    std::unordered_map<CallId, Call> calls_;
    std::vector<Unsent> unsent_;
    CallId next_ = 1;
    std::vector<std::string> brokers_;
    std::vector<std::unique_ptr<Client>> askers_;  ///< one for each broker, where there are several
    Client client_;
    BrokerStreams streams_;
};

}  // namespace rpcbroker
