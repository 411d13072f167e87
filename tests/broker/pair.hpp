// A broker with one worker, registered, and one client.
#pragma once

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {

struct Pair : BrokerBench {
    explicit Pair(const Offer& offer = {.capacity = 10})
        : worker(BrokerBench::worker("w")), client(BrokerBench::client("c")) {
        worker.registers(offer);
    }
    BenchWorker& worker;
    BenchClient& client;
};

}  // namespace rpcbroker::test
