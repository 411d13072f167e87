#include "broker/load_buckets.hpp"

#include <catch2/catch.hpp>

#include <array>

namespace rpcbroker::broker {
namespace {

TEST_CASE("load buckets: the least loaded node is found at every load") {
    LoadBuckets buckets;
    CHECK(buckets.least() == nullptr);
    LoadNode busy;
    LoadNode idle;
    buckets.place(busy, LoadBuckets::buckets - 1);
    for (std::uint32_t load = 0; load < LoadBuckets::buckets - 1; ++load) {
        buckets.place(idle, load);
        REQUIRE(buckets.least() == &idle);
    }
    buckets.remove(idle);
    CHECK(buckets.least() == &busy);
    buckets.remove(busy);
    CHECK(buckets.least() == nullptr);
}

TEST_CASE("load buckets: equal nodes come in turn") {
    LoadBuckets buckets;
    std::array<LoadNode, 3> nodes;
    for (auto& node : nodes) buckets.place(node, 7);
    for (int i = 0; i < 9; ++i) {
        LoadNode* least = buckets.least();
        REQUIRE(least == &nodes[static_cast<std::size_t>(i % 3)]);
        buckets.place(*least, 7);
    }
}

TEST_CASE("load buckets: loads beyond the last bucket are taken as equal") {
    LoadBuckets buckets;
    LoadNode first;
    LoadNode second;
    buckets.place(first, 1'000'000);
    buckets.place(second, LoadBuckets::buckets);
    CHECK(buckets.least() == &first);
    buckets.remove(first);
    CHECK(buckets.least() == &second);
}

TEST_CASE("load buckets: a node in the middle can go, and going twice does no harm") {
    LoadBuckets buckets;
    std::array<LoadNode, 3> nodes;
    for (auto& node : nodes) buckets.place(node, 0);
    buckets.remove(nodes[1]);
    buckets.remove(nodes[1]);
    CHECK_FALSE(nodes[1].linked);
    buckets.remove(nodes[0]);
    CHECK(buckets.least() == &nodes[2]);
}

}  // namespace
}  // namespace rpcbroker::broker
