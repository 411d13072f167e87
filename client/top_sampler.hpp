// Asks a broker for what rpc-top shows.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <rpcbroker/client.hpp>

#include "client/top_snapshot.hpp"

namespace rpcbroker {

/// Three calls a sample. Of several brokers it asks one, as long as that answers, and then the next: what two brokers
/// say must not be mixed. All but close() are for one thread.
class TopSampler {
public:
    /// Each sample has `timeout` to be answered. Throws Error (INVALID_ARGUMENT) for what is no endpoint.
    TopSampler(std::vector<std::string> brokers, const std::optional<PeerKeys>& keys,
               std::chrono::milliseconds timeout);

    /// Begins a sample. None must be under way.
    void ask();
    [[nodiscard]] bool is_asking() const { return asked_.has_value(); }
    /// Ends a sample, once it was answered or failed; nothing before. Never waits.
    std::optional<Result<Snapshot>> answer();
    /// A whole sample, from the first broker that gives one; else the last one's error.
    Result<Snapshot> sample();
    /// The broker that is asked, or is to be asked next.
    [[nodiscard]] const std::string& endpoint() const { return brokers_[at_].endpoint; }

    /// Ends with CANCELLED what is under way, and all that is asked later. From any thread.
    void close();

private:
    struct Broker {
        std::string endpoint;
        std::unique_ptr<Client> client;
    };
    struct Asked {
        RawFuture services;
        RawFuture workers;
        RawFuture stats;
    };

    Result<Snapshot> finish();

    std::vector<Broker> brokers_;
    std::size_t at_ = 0;
    std::optional<Asked> asked_;
};

}  // namespace rpcbroker
