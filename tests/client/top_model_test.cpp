// Two snapshots made into tables.
#include <catch2/catch.hpp>

#include "client/top_model.hpp"
#include "top_samples.hpp"

using namespace rpcbroker;
using namespace std::chrono_literals;

namespace {

constexpr Cell unknown{};

Cell count(std::uint64_t number) { return number; }

/// The cell of the row that `name` names.
Cell at(const Table& table, const std::string& name, std::string_view key) {
    const auto column = column_named(table.view, key).value();
    for (const auto& row : table.rows)
        if (row[0] == Cell{name}) return row[column];
    FAIL("no row " << name);
    return {};
}

std::vector<std::string> names_of(const Table& table) {
    std::vector<std::string> names;
    for (const auto& row : table.rows) names.push_back(std::get<std::string>(row[0]));
    return names;
}

Table table_of(View view) {
    const auto before = busy_snapshot();
    return make_table(view, &before, later_snapshot());
}

}  // namespace

TEST_CASE("views and columns have names") {
    CHECK(view_named("workers") == View::workers);
    CHECK_FALSE(view_named("wurst"));
    CHECK(name_of(View::clients) == "clients");
    CHECK(column_named(View::methods, "method") == 0U);
    CHECK_FALSE(column_named(View::workers, "method"));
}

TEST_CASE("every view has a cell for every column") {
    for (const auto view : {View::services, View::methods, View::workers, View::clients}) {
        const auto table = table_of(view);
        CHECK_FALSE(table.rows.empty());
        for (const auto& row : table.rows) CHECK(row.size() == columns_of(view).size());
    }
}

TEST_CASE("a method's rates are over the time between two snapshots") {
    const auto table = table_of(View::methods);
    CHECK(at(table, "Echo.Count", "calls_per_s") == Cell{100.0});
    CHECK(at(table, "Echo.Count", "errors_per_s") == Cell{2.0});
    CHECK(at(table, "Echo.Count", "items_per_s") == Cell{5.0});
    CHECK(at(table, "Echo.Fail", "calls_per_s") == Cell{0.0});
    CHECK(at(table, "Echo.Count", "calls") == count(300));
    CHECK(at(table, "Echo.Count", "p99_us") == count(1500));
    CHECK(at(table, "Echo.Count", "last_error") == Cell{"INTERNAL: bad"});
    CHECK(at(table, "Echo.Count", "last_error_age_ms") == count(4000));
    CHECK(at(table, "Disk.Read", "items_per_s") == Cell{0.0});
    CHECK(at(table, "Disk.Read", "p50_us") == unknown);
    CHECK(at(table, "Disk.Read", "last_error") == unknown);
}

TEST_CASE("time is the broker's where it tells, else the reader's") {
    auto before = busy_snapshot();
    auto now = later_snapshot();
    now.taken += 8s;
    CHECK(totals_of(&before, now).calls_per_s == 100.0);
    before.uptime_ms.reset();
    CHECK(totals_of(&before, now).calls_per_s == 20.0);
}

TEST_CASE("a service sums its methods up") {
    const auto table = table_of(View::services);
    CHECK(at(table, "Echo", "calls_per_s") == Cell{100.0});
    CHECK(at(table, "Echo", "errors_per_s") == Cell{2.0});
    CHECK(at(table, "Echo", "worst_p99_us") == count(1500));
    CHECK(at(table, "Echo", "calls") == count(310));
    CHECK(at(table, "Echo", "errors") == count(19));
    CHECK(at(table, "Echo", "last_error") == Cell{"ABORTED: as told"});
    CHECK(at(table, "Disk", "queued") == count(7));
    CHECK(at(table, "Disk", "worst_p99_us") == unknown);
}

TEST_CASE("a service without methods has its own figures") {
    const auto snapshot = read_json(R"([{"name": "S", "workers": 1}])", "[]", "{}").value();
    const auto table = make_table(View::services, nullptr, snapshot);
    CHECK(at(table, "S", "workers") == count(1));
    CHECK(at(table, "S", "calls") == unknown);
}

TEST_CASE("workers and clients are found again by their ids") {
    const auto workers = table_of(View::workers);
    CHECK(at(workers, "w1", "calls_per_s") == Cell{50.0});
    CHECK(at(workers, "w1", "state") == Cell{"draining"});
    CHECK(at(workers, "w1", "abandoned") == count(1));
    CHECK(at(workers, "w1", "oldest_us") == count(95'000'000));
    CHECK(at(workers, "w1", "services") == Cell{"Echo, Disk"});
    const auto clients = table_of(View::clients);
    CHECK(at(clients, "shop", "calls_per_s") == Cell{25.0});
    CHECK(clients.rows[1][0] == unknown);
}

TEST_CASE("there are no rates without a snapshot before") {
    const auto table = make_table(View::methods, nullptr, busy_snapshot());
    CHECK(at(table, "Echo.Count", "calls_per_s") == unknown);
    CHECK(at(table, "Echo.Count", "calls") == count(100));
}

TEST_CASE("there are no rates over a restart of the broker, or another broker") {
    const auto before = busy_snapshot();
    auto now = later_snapshot();
    const auto rates = [&] {
        const auto methods = make_table(View::methods, &before, now);
        const auto totals = totals_of(&before, now);
        return at(methods, "Echo.Count", "calls_per_s") != unknown || totals.calls_per_s || totals.errors_per_s;
    };
    CHECK(rates());
    SECTION("another id") { now.broker_id = "b"; }
    SECTION("a shorter uptime") { now.uptime_ms = 9000; }
    SECTION("counters fell") { now.accepted = 900; }
    SECTION("no time went by") { now.taken = before.taken; }
    CHECK_FALSE(rates());
}

TEST_CASE("a single counter that fell has no rate") {
    const auto before = busy_snapshot();
    auto now = later_snapshot();
    now.methods.at("Echo.Fail").calls = 0;
    now.methods.erase("Disk.Read");
    now.methods["New.One"].calls = 1;
    const auto table = make_table(View::methods, &before, now);
    CHECK(at(table, "Echo.Fail", "calls_per_s") == unknown);
    CHECK(at(table, "New.One", "calls_per_s") == unknown);
    CHECK(at(table, "Echo.Count", "calls_per_s") == Cell{100.0});
}

TEST_CASE("the totals of a broker") {
    const auto before = busy_snapshot();
    const auto totals = totals_of(&before, later_snapshot());
    CHECK(totals.calls_per_s == 100.0);
    CHECK(totals.errors_per_s == 3.0);  // 4 failed and 2 refused in 2 s
    CHECK(totals.queued == 7U);
    CHECK(totals.in_flight == 3U);
    CHECK(totals.workers == 1U);
    CHECK(totals.clients == 2U);
    CHECK_FALSE(totals_of(nullptr, before).calls_per_s);
}

TEST_CASE("names are sorted from a to z, numbers from the largest, the unknown last") {
    auto table = table_of(View::methods);
    CHECK(names_of(table) == std::vector<std::string>{"Disk.Read", "Echo.Count", "Echo.Fail"});
    sort_by(table, column_named(View::methods, "calls").value(), false);
    CHECK(names_of(table) == std::vector<std::string>{"Echo.Count", "Disk.Read", "Echo.Fail"});
    sort_by(table, column_named(View::methods, "calls").value(), true);
    CHECK(names_of(table) == std::vector<std::string>{"Echo.Fail", "Disk.Read", "Echo.Count"});
    sort_by(table, column_named(View::methods, "last_error_age_ms").value(), false);
    CHECK(names_of(table) == std::vector<std::string>{"Echo.Count", "Echo.Fail", "Disk.Read"});
    sort_by(table, column_named(View::methods, "last_error_age_ms").value(), true);
    CHECK(names_of(table) == std::vector<std::string>{"Echo.Fail", "Echo.Count", "Disk.Read"});
    sort_by(table, 0, true);
    CHECK(names_of(table) == std::vector<std::string>{"Echo.Fail", "Echo.Count", "Disk.Read"});
}

TEST_CASE("a filter looks at every text of a row, whatever the case") {
    auto table = table_of(View::methods);
    SECTION("the name") {
        keep_matching(table, "eCHO.c");
        CHECK(names_of(table) == std::vector<std::string>{"Echo.Count"});
    }
    SECTION("the last error") {
        keep_matching(table, "aborted");
        CHECK(names_of(table) == std::vector<std::string>{"Echo.Fail"});
    }
    SECTION("nothing") {
        keep_matching(table, "nowhere");
        CHECK(table.rows.empty());
    }
}
