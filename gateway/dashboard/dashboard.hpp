// The page that shows a broker in a browser: at / and, where Go's users look, at /debug/rpc.
//
// Its files hold no figures and are for everybody whom the guard lets in by Host and Origin; what they show they ask for at
// /dashboard/state, which wants the token as everything else does.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "gateway/http/message.hpp"
#include "gateway/lane.hpp"

namespace rpcbroker::dashboard {

inline constexpr std::string_view state_path = "/dashboard/state";

/// Nothing, if the page has no such file.
[[nodiscard]] std::optional<http::Response> file(std::string_view path);
[[nodiscard]] bool is_file(std::string_view path) noexcept;

/// {"brokers": [{"broker": its endpoint, "services": …, "stats": …, "workers": …, "calls": …}, …], "may_drain": …}, as each tells them; {"error": …} in the place of
/// what it does not tell. `respond` is called once. `may_drain`: whether rpc.drain may be called.
void tell_state(Lane& lane, bool may_drain, const std::function<void(http::Response)>& respond);

}  // namespace rpcbroker::dashboard
