// How often this program took memory from the heap: its operator new counts.
#pragma once

#include <cstdint>

namespace rpcbroker::bench {

/// By all threads, since the program began.
[[nodiscard]] std::uint64_t allocations() noexcept;

}  // namespace rpcbroker::bench
