// docs/GATEWAY.md shows the table as it is.
#include "gateway/error_table.hpp"

#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

namespace rpcbroker {
namespace {

TEST_CASE("the table of errors in the documentation is the one that is used") {
    std::ifstream file{DOCS "/GATEWAY.md"};
    std::stringstream text;
    text << file.rdbuf();
    for (std::size_t i = 0; i < error_table.size(); ++i) {
        const auto& row = error_table[i];
        CHECK(static_cast<std::size_t>(row.code) == i);
        const auto line = "| `" + std::string{name_of(row.code)} + "` | " + std::to_string(row.http_status) + " | " +
                          std::to_string(row.json_rpc) + " |";
        INFO(line);
        CHECK(text.str().find(line) != std::string::npos);
    }
}

}  // namespace
}  // namespace rpcbroker
