#include "gateway/server.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace rpcbroker {

namespace {

using boost::asio::ip::tcp;

constexpr std::chrono::milliseconds tick_length{100};
constexpr unsigned ticks_to_ask_again = 50;

}  // namespace

Server::Server(boost::asio::io_context& loop, const tcp::endpoint& listen, ClientOptions broker,
               GatewaySettings settings)
    : loop_(loop),
      settings_(std::move(settings)),
      calls_(loop, std::move(broker), figures_, [this] { flush(); }),
      catalog_(calls_),
      acceptor_(loop, listen),
      timer_(loop) {
    accept();
    tick();
}

Server::~Server() {
    const auto connections = std::exchange(connections_, {});
    for (const auto& connection : connections) connection->close();
    // What waited for their sockets keeps them, and their sessions' ends cancel calls: both go before the calls do.
    acceptor_.close();
    timer_.cancel();
    loop_.restart();
    loop_.poll();
}

void Server::accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
        if (!acceptor_.is_open()) return;
        if (!error) accepted(std::move(socket));
        if (!error || error == boost::asio::error::connection_aborted) return accept();
        timer_.async_wait([this](const boost::system::error_code&) { accept(); });  // nothing is free for so long
    });
}

/// One too many is closed at once.
void Server::accepted(tcp::socket socket) {
    const bool has_room = connections_.size() < settings_.limits.connections;
    ++(has_room ? figures_.connections_taken : figures_.connections_refused);
    if (!has_room) return;
    auto channel = channel_of(socket);
    auto connection = std::make_shared<Connection>(
        std::move(socket), std::move(channel), surroundings_,
        [this](std::shared_ptr<Connection> dirty) { dirty_.push_back(std::move(dirty)); },
        [this](Connection& closed) {
            connections_.erase(closed.shared_from_this());
            figures_.connections = connections_.size();
        });
    connections_.insert(connection);
    figures_.connections = connections_.size();
    connection->start();
}

std::unique_ptr<Channel> Server::channel_of(tcp::socket& socket) const {
    if (tls_) return tls_->accept(socket.native_handle());
    return std::make_unique<PlainChannel>(socket.native_handle());
}

void Server::flush() {
    for (const auto& connection : std::exchange(dirty_, {})) connection->flush();
}

/// Those who hold most are cut until the others may hold what they do.
void Server::check_connections(TimePoint now) {
    std::vector connections(connections_.begin(), connections_.end());
    std::size_t held = 0;
    for (const auto& connection : connections) {
        connection->check(now);
        held += connection->held();
    }
    if (held > settings_.limits.held)
        std::ranges::sort(connections, std::greater{}, [](const auto& each) { return each->held(); });
    for (auto next = connections.begin(); next != connections.end() && held > settings_.limits.held; ++next) {
        held -= (*next)->held();
        (*next)->cut_for_memory();
    }
    figures_.held = held;
}

void Server::tick() {
    const auto now = Clock::now();
    check_connections(now);
    calls_.resume();
    figures_.calls = calls_.under_way();
    flush();
    if (++ticks_ % ticks_to_ask_again == 0) catalog_.grow_old();
    const bool has_unsent = std::ranges::any_of(connections_, [](const auto& each) { return each->has_unsent(); });
    const bool is_done = calls_.under_way() == 0 && !has_unsent;
    if (stop_at_ && (is_done || now >= *stop_at_)) return loop_.stop();
    timer_.expires_after(tick_length);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) tick();
    });
}

void Server::stop(std::chrono::milliseconds grace) {
    stop_at_ = Clock::now() + grace;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
}

}  // namespace rpcbroker
