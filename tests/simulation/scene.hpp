// What all processes of a run share.
#pragma once

#include "tests/simulation/event_queue.hpp"
#include "tests/simulation/history.hpp"
#include "tests/simulation/keyring.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/settings.hpp"
#include "tests/simulation/trace.hpp"

namespace rpcbroker::simulation {

struct Scene {
    Random random;
    Settings settings;
    EventQueue& events;
    Trace& trace;
    Network network;
    History history;
    Keyring keys;
};

}  // namespace rpcbroker::simulation
