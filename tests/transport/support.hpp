// What the tests of transport/ share: endpoints, and loops that wait with a Poller until something is there.
#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <zmq.hpp>

#include "common/transport/dealer.hpp"
#include "common/transport/poller.hpp"
#include "common/transport/router.hpp"

namespace rpcbroker::transport::test {

/// Generous: it only ends tests that have failed.
inline constexpr std::chrono::seconds patience{20};

Endpoint to_bind(std::string_view text);
Endpoint to_connect(std::string_view text);

/// An empty directory that goes with its contents.
class Directory {
public:
    Directory();
    ~Directory();
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    [[nodiscard]] std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
    [[nodiscard]] std::string ipc(std::string_view name) const { return "ipc://" + file(name); }

private:
    std::string path_;
};

/// Polls until `done` says so. False when patience ends first.
bool wait_until(Poller& poller, const std::function<bool()>& done);

/// A bound router with its poller.
struct Bound {
    explicit Bound(std::string_view endpoint = "tcp://127.0.0.1:*", const RouterOptions& options = {},
                   Context context = Context());

    /// The next one, of whatever kind; fails the test when none comes.
    Received receive();
    /// The next body's bytes; fails the test when something else comes.
    std::string body();
    PeerId closed();
    void answer(std::string_view bytes);

    Router router;
    Poller poller;
    std::string endpoint;
    Incoming incoming;
};

/// A connecting dealer with its poller.
struct Connected {
    explicit Connected(std::string_view endpoint, const DealerOptions& options = {}, Context context = Context());

    std::string body();
    ConnectionEvent event();
    /// Waits for a connection that takes it.
    void send(std::string_view bytes);

    Dealer dealer;
    Poller poller;
    Incoming incoming;
};

/// libzmq's own sockets, as other programs use them: another process, as far as ours can tell.
struct Foreign {
    explicit Foreign(zmq::socket_type type, std::string_view endpoint = {}, std::string_view routing_id = {});

    void send(std::initializer_list<std::string_view> frames);
    /// Fails the test when nothing comes.
    std::vector<std::string> receive();

    zmq::context_t context;
    zmq::socket_t socket;
};

}  // namespace rpcbroker::transport::test
