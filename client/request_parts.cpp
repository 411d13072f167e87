#include "client/request_parts.hpp"

#include <rpcbroker/pack.hpp>

#include "common/message.hpp"

namespace rpcbroker {

namespace {

/// In the options, where the time always stands first: after the map's head, its name and 0xce.
constexpr std::size_t timeout_at = 10;

bool has_only_timeout(const CallOptions& options) noexcept {
    return !options.idempotent && !options.key && options.worker.empty() && options.meta.empty() &&
           options.trace.empty() && !options.timing;
}

std::string packed_meta(const std::map<std::string, std::string>& meta) {
    std::string packed;
    if (meta.empty()) return packed;
    Packer packer{packed};
    packer.map(meta.size());
    for (const auto& [name, value] : meta) packer.string(name).string(value);
    return packed;
}

}  // namespace

bool RequestParts::set_method(std::string_view method, bool one_way) {
    const bool same = method_at_ != 0 && one_way == one_way_ && method == std::string_view{head_}.substr(method_at_);
    if (same) return true;
    if (!is_method_name(method)) return false;
    head_.clear();
    one_way_ = one_way;
    // There always is a map of options, which holds the time at least.
    Packer packer{head_};
    if (one_way)
        packer.array(4).unsigned_integer(static_cast<unsigned>(MessageType::notification));
    else
        packer.array(5).unsigned_integer(static_cast<unsigned>(MessageType::request)).fixed_u32(0);
    packer.string(method);
    method_at_ = head_.size() - method.size();
    return true;
}

void RequestParts::set_options(const CallOptions& options, std::optional<std::uint32_t> stream,
                               std::uint32_t timeout_ms) {
    const bool only_timeout = !stream && has_only_timeout(options);
    if (only_timeout && only_timeout_) return overwrite_u32(options_.data() + timeout_at, timeout_ms);
    only_timeout_ = only_timeout;
    const std::string meta = packed_meta(options.meta);
    RequestOptions written;
    written.timeout_ms = timeout_ms;
    written.idempotent = options.idempotent;
    written.trace = options.trace;
    written.meta = meta;
    if (options.key) written.key = *options.key;
    written.worker = options.worker;
    written.timing = options.timing && !one_way_;
    if (!one_way_) written.stream = stream;
    options_.clear();
    append_options(options_, written);
}

void RequestParts::append_to(std::string& out, std::uint32_t msgid) const {
    const std::size_t at = out.size();
    out.append(head_).append(params_).append(options_);
    if (!one_way_) overwrite_u32(out.data() + at + usual_msgid_at, msgid);
}

}  // namespace rpcbroker
