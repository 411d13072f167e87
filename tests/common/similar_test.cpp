#include "common/program/similar.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace rpcbroker;

TEST_CASE("the name that was meant is the most similar one") {
    const std::vector<std::string> names = {"--backend", "--frontend", "--front", "--f"};
    CHECK(most_similar("--frontent", names) == "--frontend");
    CHECK(most_similar("--fronten", names) == "--frontend");
    CHECK(most_similar("--font", names) == "--front");
    CHECK(most_similar("--front", names) == "--front");
}

TEST_CASE("what is more than two letters away is not meant") {
    const std::vector<std::string> names = {"--backend", ""};
    CHECK(most_similar("--back", names) == std::nullopt);
    CHECK(most_similar("--frontend", names) == std::nullopt);
    CHECK(most_similar("ab", names) == "");
    CHECK(most_similar("--backend", {}) == std::nullopt);
}
