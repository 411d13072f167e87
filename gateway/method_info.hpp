// What a method was registered with, as far as the gateway needs it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rpcbroker/error.hpp>

#include "gateway/gob/shape.hpp"

namespace rpcbroker {

struct MethodInfo {
    std::optional<Error> missing{};     ///< what the broker said instead, where it said anything
    bool known = false;                 ///< nothing else means anything where it is not
    std::vector<std::string> params{};  ///< their names; "" for one that has none
    gob::Shape result{};
    bool stream = false;
    bool idempotent = false;
};
using MethodInfoPtr = std::shared_ptr<const MethodInfo>;

/// One parameter as it was registered: "text: str", or a type alone.
struct Parameter {
    std::string name{};  ///< "" for one that has none
    std::string type{};
};
Parameter read_parameter(std::string_view text);

/// `packed` is what rpc.describe answered with. What is missing or of another type is not known.
MethodInfo read_method_info(std::string_view packed);

}  // namespace rpcbroker
