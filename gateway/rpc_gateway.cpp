// rpc-gateway: Go's net/rpc in front of a broker. Its options are in docs/GATEWAY.md and rpc-gateway --help.
#include <csignal>
#include <iostream>
#include <memory>
#include <stdexcept>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

#include "common/descriptors.hpp"
#include "common/program/log.hpp"
#include "common/program/signals.hpp"
#include "common/program/systemd.hpp"
#include "gateway/gateway_options.hpp"
#include "gateway/server.hpp"

namespace rpcbroker {

namespace {

std::unique_ptr<Server> listening(boost::asio::io_context& loop, const GatewayOptions& options) try {
    const boost::asio::ip::tcp::endpoint listen{boost::asio::ip::make_address(options.host), options.port};
    auto server = std::make_unique<Server>(loop, listen, options.broker, options.settings);
    server->use(options.tls);
    return server;
} catch (const boost::system::system_error& problem) {
    throw std::runtime_error{"cannot listen on " + options.host + ":" + std::to_string(options.port) + ": " +
                             problem.code().message()};
}

/// What is wrong leaves the certificate of before.
void read_again(Server& server, const tls::Files& files) {
    auto tls = tls::Context::read(files);
    if (!tls) return log::warn("kept the certificate of before", {{"why", tls.error().message()}});
    server.use(*std::move(tls));
    log::info("read the certificate again", {{"file", files.certificate}});
}

void read_again_on(boost::asio::signal_set& hangup, Server& server, const tls::Files& files) {
    hangup.async_wait([&](const boost::system::error_code& error, int /*signal*/) {
        if (error) return;
        read_again(server, files);
        read_again_on(hangup, server, files);
    });
}

void warn_of_token(const GatewayOptions& options, const Server& server) {
    const bool is_sent_far = !options.settings.guard.token.empty() && !server.endpoint().address().is_loopback();
    if (is_sent_far && !options.tls)
        log::warn("clients send the token unencrypted: --tls-cert and --tls-key would change that");
}

void bound_connections(ConnectionLimits& limits) {
    const auto possible = connections_within_limit(limits.connections);
    if (possible < limits.connections)
        log::warn("fewer connections than --max-connections, for want of descriptors (ulimit -n)",
                  {{"max_connections", possible}});
    limits.connections = possible;
}

int run(GatewayOptions options) {
    const StopSignal signal;
    raise_descriptor_limit();
    bound_connections(options.settings.limits);
    boost::asio::io_context loop{1};
    const auto server = listening(loop, options);
    const StopThread stop{signal, [&] {
                              systemd::notify_stopping();
                              boost::asio::post(loop, [&] { server->stop(options.drain_timeout); });
                          }};
    boost::asio::signal_set hangup{loop};
    if (options.tls) {
        hangup.add(SIGHUP);
        read_again_on(hangup, *server, options.tls_files);
    }
    warn_of_token(options, *server);
    std::cout << "rpc-gateway ready " << (options.tls ? "https=" : "http=") << server->endpoint() << std::endl;
    systemd::notify_ready();
    loop.run();
    return 0;
}

}  // namespace

}  // namespace rpcbroker

int main(int argc, char** argv) try {
    const auto parsed = rpcbroker::parse_gateway(argc, argv);
    if (const int* status = std::get_if<int>(&parsed)) return *status;
    return rpcbroker::run(std::get<rpcbroker::GatewayOptions>(parsed));
} catch (const std::exception& problem) {
    std::cerr << "rpc-gateway: " << problem.what() << '\n';
    return 1;
}
