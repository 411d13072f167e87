// Private to transport/: when everybody who had something to be read has had a turn.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rpcbroker::transport {

/// After so many messages each of `connections` that had one waiting has been read. libzmq reads those that have something in turn
/// (4.3.4: fq_t), and notices within a hundred messages that one has something again (config.hpp: inbound_poll_rate).
constexpr std::uint64_t turns_of(std::size_t connections) noexcept { return 2 * std::uint64_t{connections} + 200; }

}  // namespace rpcbroker::transport
