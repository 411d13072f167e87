// The document of rpc-top --once --json.
#include <catch2/catch.hpp>

#include "client/top_json.hpp"
#include "top_samples.hpp"

using namespace rpcbroker;
using namespace std::chrono_literals;

namespace {

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the document has the broker, the totals and every view") {
    const auto document = top_document({"tcp://h:1", busy_snapshot(), later_snapshot(), {}}, TopState{2s});
    CHECK(document.starts_with(R"({"endpoint":"tcp://h:1","broker":"a","version":"1.2","uptime_ms":12000,)"
                               R"("interval_ms":2000,"totals":{"calls_per_s":100.0,"errors_per_s":3.0,"queued":7,)"
                               R"("in_flight":3,"workers":1,"clients":2},"services":[{"service":"Echo")"));
    CHECK(contains(document, R"({"method":"Disk.Read","calls_per_s":0.0,"errors_per_s":0.0,"p50_us":null,)"));
    CHECK(contains(document, R"("workers":[{"name":"w1","id":"a-1")"));
    CHECK(contains(document, R"({"name":null,"id":"c2","calls_per_s":0.0,)"));
}

TEST_CASE("what is not known is null") {
    const auto document = top_document({"tcp://h:1", std::nullopt, snapshot_of("{}"), {}}, TopState{1s});
    CHECK(document == R"({"endpoint":"tcp://h:1","broker":null,"version":null,"uptime_ms":null,"interval_ms":1000,)"
                      R"("totals":{"calls_per_s":null,"errors_per_s":null,"queued":null,"in_flight":null,"workers":0,)"
                      R"("clients":null},"services":[],"methods":[],"workers":[],"clients":[]})");
}

TEST_CASE("the filter holds for every view, the order for the one that is shown") {
    TopState state{1s};
    state.show(View::methods);
    state.sort_by(column_named(View::methods, "errors").value(), false);
    state.filter_by("echo");
    const auto document = top_document({"tcp://h:1", busy_snapshot(), later_snapshot(), {}}, state);
    CHECK_FALSE(contains(document, R"("service":"Disk")"));
    CHECK(document.find("Echo.Fail") < document.find("Echo.Count"));
}
