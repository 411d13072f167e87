#include "tests/common/malformed_bodies.hpp"

#include <fstream>

#include <nlohmann/json.hpp>

#include "tests/support/hex.hpp"

namespace rpcbroker::test {
namespace {

MalformedBody read_entry(const nlohmann::json& entry) {
    MalformedBody malformed;
    malformed.name = entry.at("name");
    malformed.body = from_hex(entry.at("body").get<std::string>());
    malformed.only_an_option = entry.at("expect") == "bad_option";
    malformed.says = entry.at("says");
    if (entry.contains("msgid")) malformed.msgid = entry.at("msgid").get<std::uint32_t>();
    malformed.before = entry.value("before", std::size_t{0});
    return malformed;
}

}  // namespace

std::vector<MalformedBody> malformed_bodies() {
    std::ifstream file(RPCBROKER_MALFORMED_BODIES);
    std::vector<MalformedBody> table;
    for (const auto& entry : nlohmann::json::parse(file)) table.push_back(read_entry(entry));
    return table;
}

}  // namespace rpcbroker::test
