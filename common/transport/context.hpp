// The ZeroMQ context, behind a name of ours. One a process is enough; sockets of one context reach each other by inproc.
#pragma once

#include <memory>

namespace rpcbroker::transport {

/// Thread-safe. Copies share one context, which ends with the last socket and copy. Seeds libzmq's random routing ids
/// from the system's entropy (they would start at the same value in every process) and raises the limit of sockets.
class Context {
public:
    Context();

    struct State;
    [[nodiscard]] State& state() const noexcept { return *state_; }

private:
    std::shared_ptr<State> state_;
};

}  // namespace rpcbroker::transport
