// "Did you mean …?"
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace rpcbroker {

/// The one of `names` that is most like `name`, at most two letters away; nothing where there is none.
std::optional<std::string> most_similar(std::string_view name, std::span<const std::string> names);

}  // namespace rpcbroker
