#include <rpcbroker/client.hpp>

#include <utility>

#include "client/client_runtime.hpp"

namespace rpcbroker {

namespace {

ClientOptions with_endpoint(std::string_view endpoint) {
    ClientOptions options;
    options.brokers = {std::string{endpoint}};
    return options;
}

}  // namespace

Client::Client(std::string_view endpoint) : Client(with_endpoint(endpoint)) {}

Client::Client(ClientOptions options) : Client(std::move(options), transport::Context::shared()) {}

Client::Client(ClientOptions options, const transport::Context& context)
    : Caller(std::make_shared<detail::ClientRuntime>(std::move(options), context), nullptr) {}

Client::~Client() { runtime_->shut_down(); }

Caller Client::within(Propagation propagation) const {
    return {runtime_, std::make_shared<const Propagation>(std::move(propagation))};
}

void Client::close() { runtime_->close(); }

}  // namespace rpcbroker
