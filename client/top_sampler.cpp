#include "client/top_sampler.hpp"

#include <string_view>
#include <utility>

namespace rpcbroker {

namespace {

constexpr std::string_view no_parameters = "\x90";

Result<Snapshot> read(Result<RawReply> services, Result<RawReply> workers, Result<RawReply> stats) {
    for (const auto* reply : {&services, &workers, &stats})
        if (!*reply) return reply->error();
    return read_snapshot(services->result, workers->result, stats->result, Clock::now());
}

}  // namespace

TopSampler::TopSampler(std::vector<std::string> brokers, const std::optional<PeerKeys>& keys,
                       std::chrono::milliseconds timeout) {
    for (auto& endpoint : brokers) {
        auto client = std::make_unique<Client>(
            ClientOptions{.brokers = {endpoint}, .name = "rpc-top", .timeout = timeout, .keys = keys});
        brokers_.push_back({std::move(endpoint), std::move(client)});
    }
}

void TopSampler::ask() {
    auto& client = *brokers_[at_].client;
    asked_ = Asked{client.async_raw("rpc.services", no_parameters), client.async_raw("rpc.workers", no_parameters),
                   client.async_raw("rpc.stats", no_parameters)};
}

std::optional<Result<Snapshot>> TopSampler::answer() {
    if (!asked_ || !asked_->services.ready() || !asked_->workers.ready() || !asked_->stats.ready()) return std::nullopt;
    return finish();
}

Result<Snapshot> TopSampler::finish() {
    auto snapshot = read(asked_->services.result(), asked_->workers.result(), asked_->stats.result());
    asked_.reset();
    if (!snapshot) at_ = (at_ + 1) % brokers_.size();
    return snapshot;
}

Result<Snapshot> TopSampler::sample() {
    for (std::size_t tried = 1;; ++tried) {
        ask();
        auto snapshot = finish();
        const bool last = tried == brokers_.size() || (!snapshot && snapshot.error().code() == Code::cancelled);
        if (snapshot || last) return snapshot;
    }
}

void TopSampler::close() {
    for (auto& broker : brokers_) broker.client->close();
}

}  // namespace rpcbroker
