// Listens, and keeps the connections.
#pragma once

#include <memory>
#include <unordered_set>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "gateway/broker_calls.hpp"
#include "gateway/connection.hpp"
#include "gateway/tls/context.hpp"

namespace rpcbroker {

/// All on the thread that runs the loop.
class Server {
public:
    /// Throws boost::system::system_error where it cannot listen. `loop` outlives it.
    Server(boost::asio::io_context& loop, const boost::asio::ip::tcp::endpoint& listen, ClientOptions broker,
           GatewaySettings settings);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    [[nodiscard]] boost::asio::ip::tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }
    /// Clients that connect from now on have to speak TLS.
    void use(std::shared_ptr<const tls::Context> tls) { tls_ = std::move(tls); }
    /// Takes no more connections; stops the loop once no call is under way and all answers are taken, or `grace` is over.
    void stop(std::chrono::milliseconds grace);

private:
    void accept();
    void accepted(boost::asio::ip::tcp::socket socket);
    [[nodiscard]] std::unique_ptr<Channel> channel_of(boost::asio::ip::tcp::socket& socket) const;
    void flush();
    void check_connections(TimePoint now);
    void tick();

    boost::asio::io_context& loop_;
    GatewaySettings settings_;
    Figures figures_;
    http::Guard guard_{settings_.guard};
    BrokerCalls calls_;
    Catalog catalog_;
    Surroundings surroundings_{calls_, catalog_, settings_, guard_, figures_};
    std::shared_ptr<const tls::Context> tls_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::steady_timer timer_;
    unsigned ticks_ = 0;
    std::optional<TimePoint> stop_at_;
    std::unordered_set<std::shared_ptr<Connection>> connections_;
    std::vector<std::shared_ptr<Connection>> dirty_;
};

}  // namespace rpcbroker
