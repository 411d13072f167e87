// HTTP requests and responses, as plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rpcbroker::http {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Request {
    std::string method;
    std::string path;   ///< decoded, without the query
    std::string query;  ///< as it came, without "?"
    Fields fields;
    std::string body;
    bool keep_alive = true;
    bool chunks = true;  ///< takes a body in chunks: HTTP/1.1

    /// The value of the first field of that name, whatever its case; empty where there is none.
    [[nodiscard]] std::string_view field(std::string_view name) const noexcept;
    /// The decoded value of a name in the query; empty where there is none.
    [[nodiscard]] std::string parameter(std::string_view name) const;
};

struct Response {
    unsigned status = 200;
    std::string type = "application/json";
    std::string body{};
    Fields fields{};
};

/// "%41+b" is "A b" in a query, "A+b" in a path. What is malformed stays as it is.
std::string decoded(std::string_view text, bool is_query);

/// Whether two texts are the same but for the case of ASCII letters.
bool same_name(std::string_view a, std::string_view b) noexcept;

}  // namespace rpcbroker::http
