// What one run is like: drawn from its seed, so that runs differ in all that they can differ in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include <rpcbroker/broker_options.hpp>

#include "common/time.hpp"
#include "tests/simulation/random.hpp"

namespace rpcbroker::simulation {

enum class Fault : std::uint8_t {
    kill_client,
    kill_worker,
    kill_broker,
    stop_worker,   ///< it leaves first
    drain_worker,  ///< as an operator asks for it
    stop_broker,   ///< it drains first
    pause_client,  ///< a process does not run for a while
    pause_worker,
    pause_broker,
    cut_one_way,  ///< nothing arrives for a while, in one direction
    cut_both_ways,
    break_connection,  ///< what is under way is lost
    slow_network,
    count
};

/// Of a run. Chances are in a thousand.
struct Settings {
    BrokerLimits limits;
    unsigned brokers = 1;
    unsigned clients = 1;
    unsigned workers = 1;
    unsigned lying_clients = 0;
    unsigned lying_workers = 0;

    Duration delay{};         ///< of each body
    Duration jitter{};        ///< at most so much more
    Duration sleepy{};        ///< a process that is woken runs so much later, at most
    std::size_t pipe = 1000;  ///< bodies that a connection holds in one direction
    int bodies_a_turn = 64;

    Duration call_every{};  ///< each client, on average
    unsigned burst = 0;     ///< chance that a client makes a dozen calls at once
    Duration disturbed_for{};
    Duration fault_every{};
    std::array<unsigned, static_cast<std::size_t>(Fault::count)> fault_weights{};

    // Calls.
    unsigned idempotent = 300;
    unsigned retried = 200;
    unsigned one_way = 50;
    unsigned streams = 200;
    unsigned keyed = 100;
    unsigned pinned = 50;
    unsigned cancelled = 100;
    unsigned round_timeouts = 300;  ///< the same few milliseconds for many
    // Handlers.
    unsigned slow = 100;
    unsigned stuck = 30;     ///< until cancelled
    unsigned stubborn = 30;  ///< long, whatever is asked of it
    unsigned stuck_for_good = 0;
    unsigned handler_errors = 50;
    // Keys.
    bool keys = false;               ///< brokers ask for them
    unsigned few_rights = 300;       ///< chance that a client may call the service A only
    Duration key_taken_out_every{};  ///< on average; 0: never
};

Settings draw_settings(Random& random);
/// A line that says what matters of it.
std::string describe(const Settings& settings);

}  // namespace rpcbroker::simulation
