// What is made of the figures: the table, JSON, CSV, and the progress line.
#include <catch2/catch.hpp>

#include "client/rpc_bench_format.hpp"
#include "client/rpc_bench_progress.hpp"
#include "client/rpc_bench_report.hpp"

using namespace rpcbroker;
using namespace rpcbroker::bench;
using namespace std::chrono_literals;

namespace {

const TimePoint begin{1h};

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// Ten calls of 100 us, one that failed; ten seconds.
RoundResult measured_round() {
    RoundResult result;
    result.round = plan({}).front();
    result.interval = {begin, begin + 10s};
    result.tallies.resize(1);
    for (int i = 0; i < 10; ++i)
        result.tallies[0].ended(result.interval, begin + 1s, begin + 1s + 100us, 14, RawReply{"\x03", {}});
    result.tallies[0].ended(result.interval, begin + 1s, begin + 2s, 14, Error{Code::aborted, "no\x1b[2J"});
    result.usage = {{"rpc-broker", 7, {110us, 220us, 1 << 20}}, {"rpc-bench", 8, {11us, 0us, 2 << 20}}};
    return result;
}

Report report_of(std::vector<RoundResult> rounds) {
    return {.brokers = {"tcp://h:1"}, .self = true, .warm_up = 1s, .rounds = std::move(rounds)};
}

}  // namespace

TEST_CASE("the rate is that of calls that ended well in the measured time") {
    const auto result = measured_round();
    CHECK(result.measured() == 10s);
    CHECK(result.per_second(result.all().in_time()) == 1.0);
    CHECK(result.microseconds_a_call(22us) == 2.0);
}

TEST_CASE("where calls are counted, it was measured until the last one ended") {
    auto result = measured_round();
    result.interval.end = TimePoint::max();
    CHECK(result.measured() == 2s);
}

TEST_CASE("interrupted, it was measured until then") {
    auto result = measured_round();
    result.stopped = begin + 4s;
    CHECK(result.measured() == 4s);
    result.stopped = begin + 11s;
    CHECK(result.measured() == 10s);
    result.stopped = begin - 1s;
    CHECK(result.measured() == 0s);
    CHECK(result.per_second(5) == 0);
    result.interval.end = TimePoint::max();
    result.stopped = begin + 5s;
    CHECK(result.measured() == 5s);
}

TEST_CASE("the failure that counts is the one that most calls ended with") {
    auto one = measured_round();
    auto two = measured_round();
    CHECK(report_of({one, two}).main_failure() == Code::aborted);
    for (int i = 0; i < 3; ++i) two.tallies[0].ended(two.interval, begin, begin, 0, Error{Code::unavailable, "gone"});
    CHECK(report_of({one, two}).main_failure() == Code::unavailable);
    CHECK_FALSE(report_of({}).main_failure());
}

TEST_CASE("the table for people") {
    const auto text = to_text(report_of({measured_round()}));
    CHECK(contains(text, "broker: tcp://h:1\n"));
    CHECK(contains(text, "latency: 1 client, 1 in flight; 10.0 s\n"));
    CHECK(contains(text, "failed: 1 with ABORTED (the first: no\\x1b[2J)"));
    CHECK(contains(text, "CPU a call: 31.0 us: rpc-broker 10.0 user + 20.0 system; rpc-bench 1.00 user + 0 system"));
    CHECK(contains(text, "peak memory: 3.00 MiB: rpc-broker 1.00; rpc-bench 2.00"));
    CHECK(contains(text, "ROUND    CALLS  CALLS/S"));
    CHECK(contains(text, "latency     11        1"));
    CHECK(contains(text, "100us"));
}

TEST_CASE("where nothing ended well there is no latency") {
    auto result = measured_round();
    result.tallies[0] = {};
    const auto report = report_of({result});
    CHECK(contains(to_text(report), "-"));
    CHECK_FALSE(contains(to_text(report), "CPU"));
    CHECK(contains(to_json(report), R"("latency_us":null,"errors":{})"));
    CHECK(contains(to_json(report), R"("cpu_us_per_call":null)"));
    CHECK(contains(to_csv(report), ",,,,,,,,,,3145728\n"));
}

TEST_CASE("what could not be sent and what was interrupted is said") {
    auto result = measured_round();
    result.round.rate = 5000;
    result.round.max_in_flight = 20;
    result.stopped = begin + 5s;
    result.tallies[0].not_sent(result.interval, begin);
    result.tallies[0].interrupted();
    const auto text = to_text(report_of({result}));
    CHECK(contains(text, "1 client, 5,000 calls/s wanted, at most 20 in flight; 5.00 s, interrupted"));
    CHECK(contains(text, "not sent: 1 call, as 20 were in flight"));
    CHECK(contains(text, "interrupted: 1 call under way"));
}

TEST_CASE("JSON") {
    const auto json = to_json(report_of({measured_round()}));
    CHECK(json.starts_with(R"({"brokers":["tcp://h:1"],"self":true,"interrupted":false,"warm_up_ms":1000.0,"rounds":[)"
                           R"({"shape":"latency","label":"latency","clients":1,"connections":1,"window":1,"rate":null,)"
                           R"("max_in_flight":1,"measured_ms":10000.0,"calls":11,"ok":10,"failed":1,"not_sent":0,)"
                           R"("unfinished":0,"warm_up_calls":0,"calls_per_s":1.0,"sent_bytes_per_s":14.0,)"
                           R"("received_bytes_per_s":1.0,"latency_us":{"min":100.0,"mean":100.0,"p50":100.0,)"
                           R"("p90":100.0,"p99":100.0,"p999":100.0,"p9999":100.0,"max":100.0},)"
                           R"("errors":{"ABORTED":{"count":1,"first":"no\u001b[2J"}},"kinds":[{"label":)"));
    CHECK(json.ends_with(R"("processes":[{"name":"rpc-broker","pid":7,"user_us_per_call":10.0,)"
                         R"("system_us_per_call":20.0,"peak_memory_bytes":1048576},{"name":"rpc-bench","pid":8,)"
                         R"("user_us_per_call":1.0,"system_us_per_call":0.0,"peak_memory_bytes":2097152}],)"
                         R"("cpu_us_per_call":31.0,"peak_memory_bytes":3145728}]})"
                         "\n"));
}

TEST_CASE("CSV has a line for the round, and one for each of several kinds") {
    auto result = measured_round();
    CHECK(to_csv(report_of({result})) ==
          "shape,round,kind,clients,connections,window,rate,measured_s,calls,ok,failed,not_sent,calls_per_s,"
          "sent_bytes_per_s,received_bytes_per_s,min_us,mean_us,p50_us,p90_us,p99_us,p999_us,p9999_us,max_us,"
          "cpu_us_per_call,peak_memory_bytes\n"
          "latency,\"latency\",\"\",1,1,1,,10.000,11,10,1,0,1.000,14.000,1.000,100.000,100.000,100.000,100.000,"
          "100.000,100.000,100.000,100.000,31.000,3145728\n");
    result.round.kinds.push_back({.label = "the \"other\", this"});
    result.tallies.resize(2);
    const auto csv = to_csv(report_of({result}));
    CHECK(std::ranges::count(csv, '\n') == 4);
    CHECK(contains(csv, "\nlatency,\"latency\",\"the \"\"other\"\", this\",1,1,1,,10.000,0,0,0,0,0.000,"));
    CHECK(csv.ends_with(",,\n"));
}

TEST_CASE("figures for people") {
    CHECK(three_digits(0) == "0");
    CHECK(three_digits(0.01234) == "0.0123");
    CHECK(three_digits(1.234) == "1.23");
    CHECK(three_digits(99.96) == "100.0");
    CHECK(three_digits(12345.6) == "12346");
    CHECK(format_count(0) == "0");
    CHECK(format_count(999) == "999");
    CHECK(format_count(1'000) == "1,000");
    CHECK(format_count(1'234'567) == "1,234,567");
    CHECK(format_latency(900) == "900ns");
    CHECK(format_latency(81'300) == "81.3us");
    CHECK(format_latency(1'250'000) == "1.25ms");
    CHECK(format_latency(2e9) == "2.00s");
}

TEST_CASE("the progress line has the rate since the last look, and fits") {
    const auto round = plan({}).front();
    ProgressLine line;
    CHECK(line.show({round, 1s, 11s, 1000, 0, true}, 100) ==
          "latency  [#-------------------]  1 of 11 s  1,000 calls/s  warming up");
    CHECK(line.show({round, 3s, 11s, 5000, 2, false}, 100) ==
          "latency  [#####---------------]  3 of 11 s  2,000 calls/s  2 failed");
    CHECK(line.show({round, 4s, 0s, 5000, 0, false}, 100) == "latency  4 s, 5,000 calls  0 calls/s");
    CHECK(line.show({round, 5s, 11s, 5000, 2, false}, 10).starts_with("latency  "));
}
