#include "gateway/http/routes.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include <rpcbroker/pack.hpp>

#include "client/json_msgpack.hpp"
#include "gateway/arguments.hpp"
#include "gateway/dashboard/dashboard.hpp"
#include "gateway/http/call_options.hpp"
#include "gateway/http/reply.hpp"
#include "gateway/http/stream_reply.hpp"
#include "gateway/json_rpc.hpp"
#include "gateway/metrics.hpp"
#include "gateway/openapi.hpp"

namespace rpcbroker::http {

namespace {

constexpr std::string_view call_path = "/call/";
constexpr std::array<std::string_view, 5> read_paths{"/services", "/openapi.json", "/metrics", "/healthz", "/readyz"};
constexpr std::string_view no_params = "\x90";

/// The parameters of a call: an array as it is, a map by the method's names.
Result<std::string> parameters(const std::string& packed, const MethodInfo& method) {
    if (Unpacker{packed}.peek() == Kind::map) return named_parameters(packed, method);
    return packed;
}

Response result(const RawReply& reply) { return {.body = msgpack_to_json(reply.result) + "\n"}; }

/// The answers of a batch, which come in any order and go together.
struct Answers {
    std::vector<std::string> texts;
    std::size_t missing = 0;
    bool is_array = false;
    Routes::Respond respond;
    std::size_t& held;  ///< of all batches of the connection

    void put(std::size_t at, std::string text) {
        held += text.size();
        texts[at] = std::move(text);
        if (--missing == 0) finish();
    }
    void finish() {
        std::string body;
        for (const auto& text : texts) {
            held -= text.size();
            if (text.empty()) continue;
            body += (body.empty() ? "" : ",") + text;
        }
        if (body.empty()) return respond({.status = 204, .type = {}});
        respond({.body = (is_array ? "[" + body + "]" : body) + "\n"});
    }
};

}  // namespace

void Routes::handle(const Request& request, const Respond& respond, const std::shared_ptr<Pieces>& pieces) {
    if (settings_.dashboard && show_dashboard(request, respond)) return;
    const bool is_call = request.path.starts_with(call_path);
    const bool posts = is_call || request.path == "/rpc";
    const bool gets = std::ranges::find(read_paths, request.path) != read_paths.end();
    if (!posts && !gets)
        return respond(
            failure(404, Code::not_found,
                    "there is /rpc, /call/Service.Method, /services, /openapi.json, /metrics, /healthz, /readyz"));
    if (posts != (request.method == "POST") || (gets && request.method != "GET" && request.method != "HEAD")) {
        auto response = failure(405, Code::invalid_argument, posts ? "POST is wanted" : "GET is wanted");
        response.fields.emplace_back("Allow", posts ? "POST" : "GET, HEAD");
        return respond(std::move(response));
    }
    if (is_call) return call(request, respond, pieces);
    if (posts) return json_rpc(request, respond);
    if (request.path == "/services") return services(respond);
    if (request.path == "/openapi.json") return openapi(respond);
    if (request.path == "/metrics") return metrics(respond);
    if (request.path == "/readyz") return readiness(respond);
    respond({.type = "text/plain", .body = "ok\n"});
}

/// A method that streams does so though nobody said in which form: in lines.
void Routes::call(const Request& request, const Respond& respond, const std::shared_ptr<Pieces>& pieces) {
    const auto method = request.path.substr(call_path.size());
    auto options = read_call_options(request);
    if (!options) return respond(failure(options.error()));
    if (const auto allowed = filter_.check(method); !allowed) return respond(failure(allowed.error()));
    auto params = request.body.empty() ? std::string{no_params} : json_to_msgpack(request.body);
    const auto kind = Unpacker{params.value_or("")}.peek();
    if (!params || (kind != Kind::array && kind != Kind::map))
        return respond(failure(400, Code::invalid_argument, "the body is no JSON array or object"));
    if (const auto broker = request.parameter("broker"); !broker.empty())
        return call_at(broker, method, *params, *options, respond);
    const auto form = wanted_form(request);
    const auto stream = std::make_shared<StreamReply>(form.value_or(StreamForm::lines), pieces, respond);
    lane_.call(
        method, std::move(*options),
        [packed = std::move(*params)](const MethodInfo& info) { return parameters(packed, info); },
        [respond, stream, form](const MethodInfo& info, const Result<RawReply>& reply) {
            if (form || info.stream) return stream->end(reply);
            respond(reply ? result(*reply) : failure(reply.error()));
        },
        {[stream](std::string_view item) { return stream->item(item); }, form.has_value()});
}

/// Of the broker's own methods: of all others each broker is as good as another.
void Routes::call_at(std::string_view broker, const std::string& method, const std::string& params,
                     const CallOptions& options, const Respond& respond) {
    const auto brokers = lane_.brokers();
    const auto found = std::ranges::find(brokers, broker);
    if (!method.starts_with("rpc.") || found == brokers.end())
        return respond(failure(400, Code::invalid_argument,
                               "broker: for the broker's own methods, rpc.*, one that the gateway was started with"));
    if (Unpacker{params}.peek() != Kind::array)
        return respond(failure(400, Code::invalid_argument, "the broker's own methods take a JSON array"));
    const auto at = static_cast<std::size_t>(found - brokers.begin());
    lane_.call_at(at, method, params, options, [respond](const Result<RawReply>& reply) {
        respond(reply ? result(*reply) : failure(reply.error()));
    });
}

void Routes::json_rpc(const Request& request, const Respond& respond) {
    const auto options = read_call_options(request);
    if (!options) return respond(failure(options.error()));
    auto batch = json_rpc::read(request.body, settings_.most_in_batch);
    const auto size = batch.requests.size();
    auto answers =
        std::make_shared<Answers>(Answers{std::vector<std::string>(size), size + 1, batch.is_array, respond, held_});
    for (std::size_t i = 0; i < size; ++i) {
        auto& each = batch.requests[i];
        if (each.problem) {
            answers->put(i, json_rpc::failure(each));
            continue;
        }
        auto method = each.method.find('.') == std::string::npos && !settings_.default_service.empty()
                          ? settings_.default_service + "." + each.method
                          : each.method;
        // A notification outlives this.
        auto prepare = [&filter = filter_, method,
                        params = std::move(each.params)](const MethodInfo& info) -> Result<std::string> {
            if (const auto allowed = filter.check(method); !allowed) return allowed.error();
            return parameters(params, info);
        };
        if (!each.id) {
            lane_.notify(method, *options, std::move(prepare));
            answers->put(i, {});
            continue;
        }
        lane_.call(std::move(method), *options, std::move(prepare),
                   [answers, i, id = *each.id](const MethodInfo&, const Result<RawReply>& reply) {
                       answers->put(i,
                                    reply ? json_rpc::result(id, reply->result) : json_rpc::failure(id, reply.error()));
                   });
    }
    if (--answers->missing == 0) answers->finish();
}

/// Whether it was asked for.
bool Routes::show_dashboard(const Request& request, const Respond& respond) {
    auto file = dashboard::file(request.path);
    const bool asks_state = request.path == dashboard::state_path;
    if (!file && !asks_state) return false;
    if (request.method != "GET" && request.method != "HEAD") {
        auto response = failure(405, Code::invalid_argument, "GET is wanted");
        response.fields.emplace_back("Allow", "GET, HEAD");
        respond(std::move(response));
    } else if (file) {
        respond(std::move(*file));
    } else {
        dashboard::tell_state(lane_, filter_.check("rpc.drain").has_value(), respond);
    }
    return true;
}

void Routes::services(const Respond& respond) {
    lane_.ask("rpc.services",
              [respond](const Result<RawReply>& reply) { respond(reply ? result(*reply) : failure(reply.error())); });
}

void Routes::openapi(const Respond& respond) {
    lane_.ask("rpc.services", [this, respond](const Result<RawReply>& reply) {
        if (!reply) return respond(failure(reply.error()));
        auto document = openapi::document(reply->result, filter_, settings_.wants_token);
        respond(document ? Response{.body = std::move(*document)} : failure(document.error()));
    });
}

void Routes::readiness(const Respond& respond) {
    lane_.ask("rpc.ping", [respond](const Result<RawReply>& reply) {
        respond(reply ? Response{.type = "text/plain", .body = "ready\n"}
                      : failure(503, Code::unavailable, "no broker answers: " + reply.error().message()));
    });
}

/// What does not answer is left out.
void Routes::metrics(const Respond& respond) {
    const auto endpoints = lane_.brokers();
    const auto brokers = std::make_shared<std::vector<BrokerFigures>>(endpoints.size());
    const auto missing = std::make_shared<std::size_t>(3 * endpoints.size());
    const auto ask = [&](std::size_t at, std::string_view method, std::optional<std::string>& into) {
        lane_.ask_at(at, method, [this, brokers, at, missing, respond, &into](const Result<RawReply>& reply) {
            if (reply) into = reply->result;
            if (reply || reply.error().by() == By::broker) (*brokers)[at].up = true;
            if (--*missing > 0) return;
            respond({.type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_text(*brokers, figures_)});
        });
    };
    for (std::size_t at = 0; at < endpoints.size(); ++at) {
        auto& broker = (*brokers)[at];
        broker.endpoint = endpoints[at];
        ask(at, "rpc.stats", broker.stats);
        ask(at, "rpc.workers", broker.workers);
        ask(at, "rpc.services", broker.services);
    }
}

}  // namespace rpcbroker::http
