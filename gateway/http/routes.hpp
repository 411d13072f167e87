// What can be asked for over HTTP.
//
//     POST /rpc                  JSON-RPC 2.0
//     POST /call/Service.Method  parameters as a JSON array or object; the result as JSON
//                                of one that streams, as server-sent events or a line of JSON an item
//     GET /services              what can be called
//     GET /openapi.json          the same for the tools that read OpenAPI
//     GET /metrics               for Prometheus
//     GET /, /debug/rpc          a page that shows the broker, and what it asks for (dashboard/)
//     GET /healthz, /readyz      whether the gateway lives; whether a broker answers it
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "gateway/figures.hpp"
#include "gateway/http/message.hpp"
#include "gateway/http/pieces.hpp"
#include "gateway/lane.hpp"
#include "gateway/method_filter.hpp"

namespace rpcbroker::http {

struct RouteSettings {
    std::string default_service{};  ///< of JSON-RPC methods without a dot
    std::size_t most_in_batch = 1000;
    bool dashboard = true;
    bool wants_token = false;  ///< as far as it is to be told
};

/// What one connection asks for. Its end cancels what is under way. Not thread-safe; all that is referred to outlives it.
class Routes {
public:
    using Respond = std::function<void(Response)>;

    Routes(Calls& calls, Catalog& catalog, const MethodFilter& filter, const RouteSettings& settings,
           const Figures& figures)
        : filter_(filter), settings_(settings), figures_(figures), lane_(calls, catalog) {}

    /// `respond` is called once, perhaps from within; or the response goes out by `pieces`.
    void handle(const Request& request, const Respond& respond, const std::shared_ptr<Pieces>& pieces);
    /// Bytes of the answers of batches that are not whole.
    [[nodiscard]] std::size_t held() const noexcept { return held_; }

private:
    void call(const Request& request, const Respond& respond, const std::shared_ptr<Pieces>& pieces);
    void call_at(std::string_view broker, const std::string& method, const std::string& params,
                 const CallOptions& options, const Respond& respond);
    void json_rpc(const Request& request, const Respond& respond);
    bool show_dashboard(const Request& request, const Respond& respond);
    void services(const Respond& respond);
    void openapi(const Respond& respond);
    void readiness(const Respond& respond);
    void metrics(const Respond& respond);

    const MethodFilter& filter_;
    const RouteSettings& settings_;
    const Figures& figures_;
    std::size_t held_ = 0;
    Lane lane_;
};

}  // namespace rpcbroker::http
