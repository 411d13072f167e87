// What a broker is told when it is made. The flags of rpc-broker are these, one for one (rpc-broker --help).
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <rpcbroker/authorized.hpp>
#include <rpcbroker/keys.hpp>

namespace rpcbroker {

/// What the state machine goes by. Sizes are bytes.
struct BrokerLimits {
    std::chrono::milliseconds heartbeat{500};           ///< the period told to peers; silent for three of them is lost
    std::chrono::milliseconds default_timeout{30'000};  ///< of a call that names none
    std::chrono::milliseconds max_timeout{24 * 3'600'000};
    std::chrono::milliseconds service_grace{1'000};  ///< how long a call waits for a service that nobody registered
    std::chrono::milliseconds restart_grace{5'000};  ///< how long calls wait for a service whose last worker went
    std::chrono::milliseconds slow_call{0};  ///< a call that takes longer is told of (Broker::on_event); 0: none
    std::size_t max_message = std::size_t{64} << 20;
    std::size_t max_queued = 100'000;                     ///< waiting calls, a service
    std::size_t max_queued_bytes = std::size_t{1} << 30;  ///< of waiting calls, in all
    std::size_t max_unsent_bytes = std::size_t{256}
                                   << 20;    ///< kept for a peer that does not read; beyond it, it is cut
    std::size_t max_client_calls = 100'000;  ///< not ended, a connection
    std::size_t max_client_bytes = std::size_t{256} << 20;  ///< of the requests of those calls
    std::size_t max_services = 10'000;                      ///< names remembered, with and without workers
    std::size_t max_methods = 100'000;
};

/// Connections, which strangers can make, too. An address is an IPv4 address, an IPv6 network (/64), or all that come over ipc.
struct BrokerConnections {
    /// Of clients and workers; lower where the process may not have 100 descriptors more. Either leaves the other an eighth.
    std::size_t max = 16'384;
    std::size_t max_per_address = 0;      ///< 0: half of `max`
    std::size_t max_accept_rate = 1'000;  ///< a second and address; five seconds' worth may come at once. 0: no limit
};

/// With keys, nobody comes in who has none, and everybody may do what the line of their key allows; not for inproc.
struct BrokerKeys {
    KeyPair own;                            ///< see read_secret_key
    std::vector<AuthorizedKey> authorized;  ///< see parse_authorized
};

struct BrokerOptions {
    /// At least one each; see Endpoint for what can be bound.
    std::vector<std::string> frontends{"tcp://127.0.0.1:5555"};
    std::vector<std::string> backends{"tcp://127.0.0.1:5556"};
    BrokerLimits limits{};
    BrokerConnections connections{};
    std::chrono::milliseconds drain_timeout{10'000};  ///< how long calls in flight may take after stop()
    bool insecure = false;                            ///< binds what strangers can reach, although nothing checks keys
    std::optional<BrokerKeys> keys{};
};

}  // namespace rpcbroker
