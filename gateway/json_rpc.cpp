#include "gateway/json_rpc.hpp"

#include <rpcbroker/pack.hpp>

#include "client/json_msgpack.hpp"
#include "gateway/error_json.hpp"
#include "gateway/error_table.hpp"

namespace rpcbroker::json_rpc {

namespace {

Request problem(int code, std::optional<std::string> id = std::nullopt) {
    Request request;
    request.problem = code;
    request.id = std::move(id);
    return request;
}

bool take_id(Request& request, std::string_view value) {
    const auto kind = Unpacker{value}.peek();
    const bool may_be = kind == Kind::nil || kind == Kind::integer || kind == Kind::real || kind == Kind::string;
    if (may_be) request.id = msgpack_to_json(value);
    return may_be;
}

/// False where the member is not what it must be; members of other names are passed over.
bool take_member(Request& request, std::string_view name, std::string_view value, bool& is_version_2) {
    Unpacker in{value};
    if (name == "id") return take_id(request, value);
    if (name == "jsonrpc") return is_version_2 = in.take_string() == "2.0";
    if (name == "params") return request.params = value, in.peek() == Kind::array || in.peek() == Kind::map;
    if (name != "method") return true;
    const auto method = in.take_string();
    request.method = method.value_or("");
    return method.has_value();
}

Request read_one(std::string_view packed) {
    Unpacker in{packed};
    const auto size = in.take_map();
    Request request;
    bool is_version_2 = false;
    bool is_right = size.has_value();
    for (std::uint32_t i = 0; i < size.value_or(0); ++i) {
        const auto name = in.take_string();
        const auto value = in.take_value();
        is_right = name && value && take_member(request, *name, *value, is_version_2) && is_right;
    }
    if (is_right && is_version_2 && !request.method.empty()) return request;
    return problem(invalid_request, request.id);
}

}  // namespace

Batch read(std::string_view json, std::size_t most) {
    const auto packed = json_to_msgpack(json);
    if (!packed) return {{problem(parse_error)}};
    Unpacker in{*packed};
    const auto size = in.take_array();
    if (!size) return {{read_one(*packed)}};
    if (*size == 0 || *size > most) return {{problem(invalid_request)}};
    Batch batch{.requests = {}, .is_array = true};
    for (std::uint32_t i = 0; i < *size; ++i) batch.requests.push_back(read_one(in.take_value().value_or("")));
    return batch;
}

std::string result(const std::string& id, std::string_view packed) {
    return R"({"jsonrpc":"2.0","result":)" + msgpack_to_json(packed) + R"(,"id":)" + id + "}";
}

std::string failure(const std::string& id, const Error& error) {
    return R"({"jsonrpc":"2.0","error":{"code":)" + std::to_string(json_rpc_code(error)) + R"(,"message":)" +
           quoted_json(error.message().empty() ? name_of(error.code()) : error.message()) + R"(,"data":)" +
           error_json(error) + R"(},"id":)" + id + "}";
}

std::string failure(const Request& problem) {
    const auto code = problem.problem.value_or(invalid_request);
    return R"({"jsonrpc":"2.0","error":{"code":)" + std::to_string(code) + R"(,"message":)" +
           (code == parse_error ? R"("Parse error")" : R"("Invalid Request")") + R"(},"id":)" +
           problem.id.value_or("null") + "}";
}

}  // namespace rpcbroker::json_rpc
