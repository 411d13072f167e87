#include "gateway/dashboard/dashboard.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/json_msgpack.hpp"
#include "gateway/dashboard/files.hpp"
#include "gateway/error_json.hpp"
#include "gateway/http/reply.hpp"

namespace rpcbroker::dashboard {

namespace {

constexpr std::string_view folder = "/dashboard/";
constexpr std::string_view index_page = "index.html";
/// Nothing from elsewhere, no text that is run, no frame of another page.
constexpr const char* policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

constexpr std::array<std::string_view, 4> parts{"services", "stats", "workers", "calls"};

std::string_view file_name(std::string_view path) noexcept {
    if (path == "/" || path == "/debug/rpc") return index_page;
    return path.starts_with(folder) ? path.substr(folder.size()) : std::string_view();
}

const File* find(std::string_view path) noexcept {
    const auto name = file_name(path);
    const auto found = std::ranges::find(files(), name, &File::name);
    return found == files().end() ? nullptr : &*found;
}

std::string type_of(std::string_view name) {
    if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
    if (name.ends_with(".css")) return "text/css; charset=utf-8";
    return "text/html; charset=utf-8";
}

struct BrokerState {
    std::string endpoint;
    std::array<std::string, parts.size()> texts{};

    [[nodiscard]] std::string json() const {
        auto text = R"({"broker":)" + quoted_json(endpoint);
        for (std::size_t i = 0; i < parts.size(); ++i)
            text.append(",\"").append(parts[i]).append("\":").append(texts[i]);
        return text + "}";
    }
};

struct State {
    std::vector<BrokerState> brokers;
    std::size_t missing = 0;
    bool may_drain = false;
    std::function<void(http::Response)> respond;

    void put(std::size_t broker, std::size_t part, std::string text) {
        brokers[broker].texts[part] = std::move(text);
        if (--missing == 0) finish();
    }
    void finish() {
        std::string body = R"({"brokers":[)";
        for (const auto& broker : brokers) body.append(&broker == brokers.data() ? "" : ",").append(broker.json());
        body.append(may_drain ? R"(],"may_drain":true})" : R"(],"may_drain":false})").append("\n");
        respond({.body = std::move(body), .fields = {{"Cache-Control", "no-store"}}});
    }
};

}  // namespace

std::optional<http::Response> file(std::string_view path) {
    const File* const found = find(path);
    if (!found) return std::nullopt;
    return http::Response{.type = type_of(found->name),
                          .body = std::string{found->bytes},
                          .fields = {{"Content-Security-Policy", policy},
                                     {"X-Content-Type-Options", "nosniff"},
                                     {"Referrer-Policy", "no-referrer"},
                                     {"Cache-Control", "no-cache"}}};
}

bool is_file(std::string_view path) noexcept { return find(path) != nullptr; }

void tell_state(Lane& lane, bool may_drain, const std::function<void(http::Response)>& respond) {
    auto state = std::make_shared<State>();
    state->may_drain = may_drain;
    state->respond = respond;
    for (const auto& endpoint : lane.brokers()) state->brokers.push_back({endpoint});
    state->missing = state->brokers.size() * parts.size();
    for (std::size_t broker = 0; broker < state->brokers.size(); ++broker) {
        for (std::size_t part = 0; part < parts.size(); ++part) {
            lane.ask_at(broker, "rpc." + std::string{parts[part]}, [=](const Result<RawReply>& reply) {
                state->put(broker, part, reply ? msgpack_to_json(reply->result) : http::failure(reply.error()).body);
            });
        }
    }
}

}  // namespace rpcbroker::dashboard
