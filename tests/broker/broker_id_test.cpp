#include "broker/broker_id.hpp"

#include <set>

#include <catch2/catch.hpp>

namespace rpcbroker::broker::test {
namespace {

TEST_CASE("a broker's id is sixteen hexadecimal digits that are no number") {
    for (const std::uint64_t bits : {std::uint64_t{0}, std::uint64_t{9}, std::uint64_t{0x1e898}, ~std::uint64_t{0}}) {
        const auto id = broker_id(bits);
        CAPTURE(id);
        CHECK(id.size() == 16);
        CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
        CHECK((id.front() >= 'a' && id.front() <= 'f'));
    }
}

TEST_CASE("other bits make another id") {
    std::set<std::string> ids;
    for (std::uint64_t bits = 0; bits < 10'000; ++bits) ids.insert(broker_id(bits * 0x9e3779b97f4a7c15U));
    CHECK(ids.size() == 10'000);
}

}  // namespace
}  // namespace rpcbroker::broker::test
