#pragma once

#include <cstdint>

namespace rpcbroker {

/// Whether keys are why a peer was not let in. Nobody says so to who is kept out, or only in part.
enum class KeyTrouble : std::uint8_t {
    none,
    likely,  ///< a peer with another key than the right one sees it like this; so it does when the other side ends meanwhile
    certain,  ///< one side goes by keys and the other does not, or it was said
};

}  // namespace rpcbroker
