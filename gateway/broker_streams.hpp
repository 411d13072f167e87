// Streams by the client library, which are read by waiting: a thread reads each, and the loop takes what it read.
#pragma once

#include <memory>
#include <unordered_map>

#include <boost/asio/io_context.hpp>

#include <rpcbroker/client.hpp>

#include "gateway/calls.hpp"

namespace rpcbroker {

/// All on the loop's thread.
class BrokerStreams {
public:
    /// `loop` and `client` outlive it. `flush` is called after items or an end were handed out.
    BrokerStreams(boost::asio::io_context& loop, Client& client, std::function<void()> flush);
    ~BrokerStreams();
    BrokerStreams(const BrokerStreams&) = delete;
    BrokerStreams& operator=(const BrokerStreams&) = delete;

    void open(CallId id, std::string_view method, std::string_view params, const CallOptions& options, Calls::Item item,
              Calls::Done done);
    void cancel(CallId id);
    /// Offers items again that were not taken.
    void resume();

    [[nodiscard]] std::size_t under_way() const noexcept { return streams_.size(); }

    static constexpr std::size_t most = 256;

private:
    struct Stream;
    void start_reader(const std::shared_ptr<Stream>& stream);
    void refuse(const std::shared_ptr<Stream>& stream, const char* why, Ran ran);
    void read(const std::shared_ptr<Stream>& stream);
    void hand_out(Stream& stream);
    void forget(CallId id);

    boost::asio::io_context& loop_;
    Client& client_;
    std::function<void()> flush_;
    std::unordered_map<CallId, std::shared_ptr<Stream>> streams_;
};

}  // namespace rpcbroker
