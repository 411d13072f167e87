#include <catch2/catch.hpp>

#include "client/rpc_bench_tally.hpp"

using namespace rpcbroker;
using namespace rpcbroker::bench;
using namespace std::chrono_literals;

namespace {

const TimePoint begin{1h};
const Interval interval{begin, begin + 10s};
const RawReply reply{.result = "12345", .timing = {}};
constexpr std::size_t sent = 7;

}  // namespace

TEST_CASE("a call takes from when it was due to its end") {
    Tally tally;
    tally.ended(interval, begin + 1s, begin + 1s + 200ns, sent, reply);
    tally.ended(interval, begin + 1s, begin + 3s, sent, reply);
    CHECK(tally.latency().count() == 2);
    CHECK(tally.latency().min() == 200);
    CHECK(tally.latency().max() == 2'000'000'000);
    CHECK(tally.last_end() == begin + 3s);
}

TEST_CASE("a call of the warm-up that ends in the interval counts for the rate alone") {
    Tally tally;
    tally.ended(interval, begin - 1ms, begin - 1ns, sent, reply);
    CHECK(tally.in_time() == 0);
    tally.ended(interval, begin - 1ms, begin + 1ms, sent, reply);
    CHECK(tally.in_time() == 1);
    CHECK(tally.sent_bytes() == 7);
    CHECK(tally.received_bytes() == 5);
    CHECK(tally.warm_up() == 2);
    CHECK(tally.latency().count() == 0);
}

TEST_CASE("a call that ends after the interval counts for the latencies alone: the slow ones are not left out") {
    Tally tally;
    tally.ended(interval, begin + 9s, begin + 15s, sent, reply);
    CHECK(tally.in_time() == 0);
    CHECK(tally.received_bytes() == 0);
    CHECK(tally.latency().max() == 6'000'000'000);
}

TEST_CASE("failures are counted by code, with the first message, and have no latency") {
    Tally tally;
    tally.ended(interval, begin, begin + 1s, sent, Error{Code::unavailable, "one"});
    tally.ended(interval, begin, begin + 1s, sent, Error{Code::unavailable, "two"});
    tally.ended(interval, begin, begin + 1s, sent, Error{Code::aborted, "three"});
    tally.ended(interval, begin - 1s, begin + 1s, sent, Error{Code::aborted, "of the warm-up"});
    CHECK(tally.failed() == 3);
    CHECK(tally.failures().at(Code::unavailable).count == 2);
    CHECK(tally.failures().at(Code::unavailable).first == "one");
    CHECK(tally.failures().at(Code::aborted).first == "three");
    CHECK(tally.warm_up() == 1);
    CHECK(tally.in_time() == 0);
    CHECK(tally.latency().count() == 0);
}

TEST_CASE("calls that could not be sent are counted, those of the warm-up not") {
    Tally tally;
    tally.not_sent(interval, begin - 1s);
    tally.not_sent(interval, begin + 1s);
    CHECK(tally.not_sent() == 1);
}

TEST_CASE("tallies add up") {
    Tally one;
    one.ended(interval, begin, begin + 1s, sent, reply);
    one.ended(interval, begin, begin + 1s, sent, Error{Code::aborted, "first"});
    one.ended(interval, begin - 1s, begin - 1ms, sent, reply);
    one.not_sent(interval, begin);
    Tally two;
    two.ended(interval, begin, begin + 2s, sent, reply);
    two.ended(interval, begin, begin + 2s, sent, Error{Code::aborted, "second"});
    two.ended(interval, begin, begin + 2s, sent, Error{Code::internal, "third"});
    two.interrupted();
    Tally all;
    all.add(one);
    all.add(two);
    CHECK(all.latency().count() == 2);
    CHECK(all.in_time() == 2);
    CHECK(all.sent_bytes() == 14);
    CHECK(all.received_bytes() == 10);
    CHECK(all.failures().at(Code::aborted).count == 2);
    CHECK(all.failures().at(Code::aborted).first == "first");
    CHECK(all.failures().at(Code::internal).first == "third");
    CHECK(all.warm_up() == 1);
    CHECK(all.not_sent() == 1);
    CHECK(all.unfinished() == 1);
    CHECK(all.last_end() == begin + 2s);
}
