// What a call brought back, as it came.
#pragma once

#include <string>

namespace rpcbroker {

struct RawReply {
    std::string result;  ///< one MessagePack value; empty for a one-way call, which has none
    std::string timing;  ///< the map {"worker", "queued_us", "worker_us"} as MessagePack; empty when not asked for
};

}  // namespace rpcbroker
