// The request that is being made, in the parts that it consists of: they come together only where it is to stand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <rpcbroker/client_options.hpp>

namespace rpcbroker {

/// Mostly a client calls what it called before, with the same options: then only the time that is left is written anew.
/// Not thread-safe.
class RequestParts {
public:
    /// False, and nothing is set, when no method has such a name. A one-way call's request is a notification.
    bool set_method(std::string_view method, bool one_way);
    /// `params` is needed for as long as this request is.
    void set_params(std::string_view params) noexcept { params_ = params; }
    void set_options(const CallOptions& options, std::optional<std::uint32_t> stream, std::uint32_t timeout_ms);

    [[nodiscard]] std::size_t size() const noexcept { return head_.size() + params_.size() + options_.size(); }
    /// Once all three are set. A notification is written without the msgid.
    void append_to(std::string& out, std::uint32_t msgid) const;

private:
    std::string head_;           ///< up to the method, which it ends with
    std::size_t method_at_ = 0;  ///< 0: there is no head
    std::string_view params_;
    std::string options_;
    bool one_way_ = false;
    bool only_timeout_ = false;  ///< in the options that are written
};

}  // namespace rpcbroker
