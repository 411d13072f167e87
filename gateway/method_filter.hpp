// Which methods the gateway lets through.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <rpcbroker/result.hpp>

namespace rpcbroker {

/// Patterns as in "EchoUtil.*": each * stands for any text. None: everything but the broker's own service `rpc`, which must
/// be named.
class MethodFilter {
public:
    MethodFilter() = default;
    explicit MethodFilter(std::vector<std::string> allowed) : allowed_(std::move(allowed)) {}

    /// The error: PERMISSION_DENIED, or INVALID_ARGUMENT for what is no method.
    [[nodiscard]] Result<void> check(std::string_view method) const;

private:
    std::vector<std::string> allowed_;
};

/// Whether `text` is what `pattern` says. Takes time in proportion to both lengths multiplied, at most.
bool matches(std::string_view pattern, std::string_view text) noexcept;

}  // namespace rpcbroker
