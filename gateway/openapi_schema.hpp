// What a declared type looks like as JSON, as a schema of OpenAPI 3.0.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

namespace rpcbroker::openapi {

/// `sent`: by a client to the gateway; `received`: from it. They differ for bytes that are no text.
enum class Direction { sent, received };

/// A declared type as in gob::declared_shape. It never fails: what is not understood is {}, anything.
nlohmann::json schema_of(std::string_view type, Direction direction);

/// A list of just these, in this order, as far as OpenAPI 3.0 can say that.
nlohmann::json list_of(const nlohmann::json& schemas);

}  // namespace rpcbroker::openapi
