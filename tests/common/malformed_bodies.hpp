// The table of malformed bodies, tests/support/malformed_bodies.json: also what the integration tests send to a broker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rpcbroker::test {

struct MalformedBody {
    std::string name;
    std::string body;
    bool only_an_option = false;         ///< well-formed, but for an option of the wrong type
    std::string says;                    ///< how the text of the problem begins
    std::optional<std::uint32_t> msgid;  ///< the one that the answer goes to, where it can be read
    std::size_t before = 0;              ///< well-formed messages that stand before the malformed one
};

/// Read afresh at each call. Throws when the file is not there or not as it should be.
std::vector<MalformedBody> malformed_bodies();

}  // namespace rpcbroker::test
