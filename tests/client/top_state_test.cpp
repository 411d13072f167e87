// The keys of rpc-top.
#include <catch2/catch.hpp>

#include "client/top_state.hpp"
#include "top_samples.hpp"

using namespace rpcbroker;
using namespace std::chrono_literals;

namespace {

using Kind = TopKey::Kind;

struct Typed {
    TopState state{1s};

    void type(std::string_view keys) {
        for (const char key : keys) state.on_key({Kind::text, std::string{key}}, 100, 10);
    }
    void press(Kind kind) { state.on_key({kind, {}}, 100, 10); }
    [[nodiscard]] std::string_view sorted_by() const { return columns_of(state.view())[state.sort_column()].key; }
    [[nodiscard]] std::size_t first() const { return state.first_row(100, 10); }
};

}  // namespace

TEST_CASE("figures and Tab switch the view") {
    Typed top;
    CHECK(top.state.view() == View::services);
    top.type("3");
    CHECK(top.state.view() == View::workers);
    top.press(Kind::tab);
    CHECK(top.state.view() == View::clients);
    top.press(Kind::tab);
    CHECK(top.state.view() == View::services);
    top.press(Kind::back_tab);
    CHECK(top.state.view() == View::clients);
}

TEST_CASE("every view keeps its own order") {
    Typed top;
    CHECK(top.sorted_by() == "calls_per_s");
    top.type("s");
    CHECK(top.sorted_by() == "errors_per_s");
    top.type("r");
    CHECK(top.state.reversed());
    top.type("2");
    CHECK(top.sorted_by() == "calls_per_s");
    CHECK_FALSE(top.state.reversed());
    top.type("SS");
    CHECK(top.sorted_by() == "last_error_age_ms");
    top.type("s");
    CHECK(top.sorted_by() == "method");
    top.type("1");
    CHECK(top.state.reversed());
}

TEST_CASE("a filter is typed, and kept or dropped") {
    Typed top;
    top.type("/qp\u00fc");
    CHECK(top.state.is_editing());
    CHECK(top.state.filter() == "qp\u00fc");
    CHECK_FALSE(top.state.is_quitting());
    top.press(Kind::backspace);
    CHECK(top.state.filter() == "qp");
    top.press(Kind::enter);
    CHECK_FALSE(top.state.is_editing());
    CHECK(top.state.filter() == "qp");
    top.press(Kind::escape);
    CHECK(top.state.filter().empty());
    top.type("/x");
    top.press(Kind::escape);
    CHECK_FALSE(top.state.is_editing());
    CHECK(top.state.filter().empty());
    top.type("/");
    top.press(Kind::backspace);
    CHECK(top.state.filter().empty());
}

TEST_CASE("the interval goes up and down in steps") {
    Typed top;
    top.type("+");
    CHECK(top.state.interval() == 2s);
    top.type("+++++++++");
    CHECK(top.state.interval() == 60s);
    top.type("-----------");
    CHECK(top.state.interval() == 100ms);
    TopState odd{1500ms};
    odd.on_key({Kind::text, "-"}, 0, 0);
    CHECK(odd.interval() == 1s);
}

TEST_CASE("p pauses and q quits, and other keys do nothing") {
    Typed top;
    top.type("p");
    CHECK(top.state.is_paused());
    top.type("pz");
    top.state.on_key({Kind::text, "\u00fc"}, 100, 10);
    top.press(Kind::enter);
    top.press(Kind::backspace);
    CHECK_FALSE(top.state.is_paused());
    CHECK_FALSE(top.state.is_quitting());
    top.type("q");
    CHECK(top.state.is_quitting());
}

TEST_CASE("rows are scrolled, and no further than there are") {
    Typed top;
    top.press(Kind::up);
    CHECK(top.first() == 0);
    top.press(Kind::down);
    top.press(Kind::page_down);
    CHECK(top.first() == 11);
    top.press(Kind::page_up);
    CHECK(top.first() == 1);
    top.press(Kind::end);
    CHECK(top.first() == 90);
    top.press(Kind::up);
    CHECK(top.first() == 89);
    CHECK(top.state.first_row(50, 10) == 40);
    CHECK(top.state.first_row(5, 10) == 0);
    top.press(Kind::home);
    CHECK(top.first() == 0);
}

TEST_CASE("a table is filtered and sorted as the keys say") {
    TopState state{1s};
    state.show(View::methods);
    state.sort_by(column_named(View::methods, "calls").value(), false);
    state.filter_by("echo");
    const auto table = state.arrange(make_table(View::methods, nullptr, busy_snapshot()));
    REQUIRE(table.rows.size() == 2);
    CHECK(table.rows[0][0] == Cell{"Echo.Count"});
}
