// The ZeroMQ context, behind a name of ours. One a process is enough; sockets of one context reach each other by inproc.
#pragma once

#include <memory>
#include <utility>

namespace rpcbroker::transport {

/// Thread-safe. Copies share one context, which ends with the last socket and copy. Seeds libzmq's random routing ids
/// from the system's entropy (they would start at the same value in every process) and raises the limit of sockets.
class Context {
public:
    Context();
    /// The one that all in this process get who ask while it lives. Not to be used across fork().
    static Context shared();

    struct State;
    [[nodiscard]] State& state() const noexcept { return *state_; }

private:
    explicit Context(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

}  // namespace rpcbroker::transport
