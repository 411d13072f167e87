// A service that is asked for more than it can do goes on doing what it can, and tells the others at once. Its rate is known
// after a second; what is counted comes after that.
#include <catch2/catch.hpp>

#include "tests/broker/shop.hpp"

namespace rpcbroker::test {
namespace {

/// Four threads at 40 ms a call: 100 calls a second.
constexpr std::size_t peak = 100;

/// Nearly all that is refused is refused at once, and nearly nothing that was started comes too late.
void check_honest(const Tally& tally) {
    CHECK(tally.put_off <= tally.sent / 20);
    CHECK(tally.expired <= tally.sent / 20);
    CHECK(tally.in_vain <= tally.sent / 100);
    CHECK(tally.others == 0);
}

TEST_CASE("overload: at three times what a service can do, it does all that it can, and refuses the rest at once") {
    Shop shop;
    shop.opens("w", {.threads = 4, .spare = GENERATE(0U, 1U, 4U)});
    shop.offers("c", {.per_second = 3 * peak});
    shop.runs(2s);
    shop.begin();
    shop.runs(10s);
    const auto tally = shop.tally();
    CHECK(tally.good >= 10 * peak * 98 / 100);
    CHECK(tally.put_off == 0);
    CHECK(tally.expired == 0);
    CHECK(tally.others == 0);
    CHECK(tally.most_queued <= peak);  // no more than can be done in the second that callers wait
}

TEST_CASE("overload: a service that is just busy refuses nobody") {
    Shop shop;
    shop.opens("w", {.threads = 4, .spare = 1});
    shop.offers("c", {.per_second = 0.9 * peak});
    shop.runs(10s);
    CHECK(shop.tally().refused == 0);
    CHECK(shop.tally().put_off == 0);
    CHECK(shop.tally().expired == 0);
}

TEST_CASE("overload: clients share what a service can do, and one that asks for less than its share gets all") {
    Shop shop;
    shop.opens("w", {.threads = 4, .spare = 1});
    shop.offers("greedy", {.per_second = 200});
    shop.offers("second", {.per_second = 80});
    shop.offers("modest", {.per_second = 20});
    shop.runs(2s);
    shop.begin();
    shop.runs(10s);
    CHECK(shop.tally().good >= 10 * peak * 98 / 100);
    check_honest(shop.tally());
    const auto modest = shop.tally("modest");
    CHECK(modest.refused + modest.put_off + modest.expired == 0);
    CHECK(shop.tally("greedy").good >= 350);
    CHECK(shop.tally("second").good >= 350);
}

TEST_CASE(
    "overload: when half of the workers go, the others still do all that they can, and so they do together again") {
    Shop shop;
    for (int i = 0; i < 4; ++i) shop.opens("w", {.threads = 2, .spare = 1});
    shop.offers("c", {.per_second = 6 * peak});
    shop.runs(3s);
    shop.closes();
    shop.closes();
    shop.begin();
    shop.runs(2s);
    CHECK(shop.tally().good >= 2 * peak * 98 / 100);
    CHECK(shop.tally().in_vain == 0);
    for (int i = 0; i < 2; ++i) shop.opens("w", {.threads = 2, .spare = 1});
    shop.begin();
    shop.runs(2s);
    CHECK(shop.tally().good >= 4 * peak * 95 / 100);
    CHECK(shop.tally().in_vain == 0);
}

TEST_CASE("overload: of a burst that meets an idle service, what can be done in time is done, and no more is tried") {
    Shop shop;
    shop.opens("w", {.threads = 4, .spare = 1});
    shop.offers_at_once("c", 1000, {});
    shop.runs(3s);
    const auto tally = shop.tally();
    CHECK(tally.good >= peak * 95 / 100);
    CHECK(tally.put_off >= 850);  // no rate was known when they came
    CHECK(tally.in_vain <= 4);
    CHECK(tally.good + tally.put_off + tally.expired == 1000);
}

TEST_CASE("overload: short and long deadlines side by side each get their share") {
    Shop shop;
    shop.opens("w", {.threads = 4, .spare = 1});
    shop.offers("short", {.per_second = peak, .timeout = 200});
    shop.offers("middle", {.per_second = peak, .timeout = 1000});
    shop.offers("long", {.per_second = peak, .timeout = 5000});
    shop.runs(6s);
    shop.begin();
    shop.runs(10s);
    CHECK(shop.tally().good >= 10 * peak * 98 / 100);
    check_honest(shop.tally());
    for (const auto* client : {"short", "middle", "long"}) CHECK(shop.tally(client).good >= 300);
}

TEST_CASE("overload: quick and slow methods of one service") {
    Shop shop;
    shop.opens("w", {.threads = 4, .spare = 1, .takes = {{"quick", 2ms}, {"slow", 200ms}}});
    shop.offers("quick", {.per_second = 300, .timeout = 300, .method = "quick"});
    shop.offers("slow", {.per_second = 30, .timeout = 500, .method = "slow"});
    shop.runs(2s);
    shop.begin();
    shop.runs(10s);
    check_honest(shop.tally());
    CHECK(shop.tally("slow").good >= 190);   // all that four threads do in turn with
    CHECK(shop.tally("quick").good >= 190);  // as many quick ones
}

TEST_CASE("overload: clients that come again as often as they are told to are served no worse") {
    Shop shop;
    shop.opens("w", {.threads = 4, .spare = 1});
    shop.offers("c", {.per_second = 2 * peak, .comes_again = true});
    shop.runs(2s);
    shop.begin();
    shop.runs(5s);
    CHECK(shop.tally().sent >= 15 * peak);
    CHECK(shop.tally().good >= 5 * peak * 98 / 100);
    check_honest(shop.tally());
}

}  // namespace
}  // namespace rpcbroker::test
