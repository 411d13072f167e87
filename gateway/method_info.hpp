// What a method was registered with, as far as the gateway needs it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/gob/shape.hpp"

namespace rpcbroker {

struct MethodInfo {
    bool known = false;                 ///< nothing else means anything where it is not
    std::vector<std::string> params{};  ///< their names; "" for one that has none
    gob::Shape result{};
    bool stream = false;
    bool idempotent = false;
};
using MethodInfoPtr = std::shared_ptr<const MethodInfo>;

/// `packed` is what rpc.describe answered with. What is missing or of another type is not known.
MethodInfo read_method_info(std::string_view packed);

}  // namespace rpcbroker
