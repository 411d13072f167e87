#include "gateway/go_json_session.hpp"

#include <utility>

#include <rpcbroker/pack.hpp>

#include "client/json_msgpack.hpp"
#include "gateway/arguments.hpp"
#include "gateway/go_errors.hpp"

namespace rpcbroker {

namespace {

struct Request {
    std::string method;
    std::string argument;
    std::string id = "null";  ///< as JSON
};

/// Go's one argument is the only one of "params"; without any it is nil.
std::optional<std::string> read_argument(Unpacker& in) {
    if (in.take_nil()) return std::string{"\xc0"};
    const auto size = in.take_array();
    if (!size || *size > 1) return std::nullopt;
    if (*size == 0) return std::string{"\xc0"};
    const auto value = in.take_value();
    return value ? std::optional<std::string>{*value} : std::nullopt;
}

std::optional<Request> read_request(std::string_view json) {
    const auto packed = json_to_msgpack(json);
    if (!packed) return std::nullopt;
    Unpacker in{*packed};
    Request request{.method = {}, .argument = "\xc0"};
    const auto size = in.take_map();
    for (std::uint32_t i = 0; i < size.value_or(0); ++i) {
        const auto name = in.take_string();
        const auto value = in.take_value();
        if (!name || !value) return std::nullopt;
        Unpacker inner{*value};
        if (name == "method") request.method = inner.take_string().value_or("");
        if (name == "id") request.id = msgpack_to_json(*value);
        if (name != "params") continue;
        auto argument = read_argument(inner);
        if (!argument) return std::nullopt;
        request.argument = std::move(*argument);
    }
    return request;
}

std::string quoted(std::string_view text) {
    std::string packed;
    Packer{packed}.string(text);
    return msgpack_to_json(packed);
}

}  // namespace

GoJsonSession::GoJsonSession(Link& link, Calls& calls, Catalog& catalog, const MethodFilter& filter,
                             MessageLimits limits)
    : link_(link), filter_(filter), limits_(limits), lane_(calls, catalog) {}

void GoJsonSession::receive(std::string_view bytes) {
    if (over_) return;
    unread_ += bytes;
    std::size_t taken = 0;
    while (!over_) {
        const auto is = framer_.look(std::string_view{unread_}.substr(taken));
        if (framer_.size() > limits_.body || is == JsonFramer::Is::malformed) return give_up();
        if (is == JsonFramer::Is::cut_off) break;
        take_object(std::string_view{unread_}.substr(taken, framer_.size()));
        taken += framer_.size();
    }
    unread_.erase(0, taken);
}

void GoJsonSession::take_object(std::string_view json) {
    auto request = read_request(json);
    if (!request) return give_up();
    if (const auto allowed = filter_.check(request->method); !allowed)
        return fail(request->id, go_error(allowed.error(), request->method));
    lane_.call(
        request->method, CallOptions{},
        [argument = std::move(request->argument)](const MethodInfo& info) { return spread_argument(argument, info); },
        [this, id = request->id, method = request->method](const MethodInfo&, const Result<RawReply>& reply) {
            if (reply)
                answer(id, reply->result);
            else
                fail(id, go_error(reply.error(), method));
        });
}

void GoJsonSession::answer(const std::string& id, std::string_view result) {
    link_.send("{\"id\":" + id + ",\"result\":" + msgpack_to_json(result) + ",\"error\":null}\n");
}

void GoJsonSession::fail(const std::string& id, std::string_view text) {
    link_.send("{\"id\":" + id + ",\"result\":null,\"error\":" + quoted(text.empty() ? "unknown error" : text) + "}\n");
}

void GoJsonSession::give_up() {
    over_ = true;
    unread_ = {};
    framer_ = {};
    link_.finish();
}

}  // namespace rpcbroker
