// The lines of rpc-top.
#include <catch2/catch.hpp>

#include "client/printable.hpp"
#include "client/top_render.hpp"
#include "top_samples.hpp"

using namespace rpcbroker;
using namespace std::chrono_literals;

namespace {

TopStatus busy() { return {"tcp://h:1", busy_snapshot(), later_snapshot(), {}}; }

std::vector<std::string> texts_of(const std::vector<Line>& lines) {
    std::vector<std::string> texts;
    for (const auto& line : lines) texts.push_back(text_of(line));
    return texts;
}

TopState showing(View view) {
    TopState state{1s};
    state.show(view);
    return state;
}

std::vector<std::string> screen(const TopStatus& status, const TopState& state, std::size_t width = 80,
                                std::size_t height = 12) {
    return texts_of(render_screen(status, state, width, height).lines);
}

Style style_of(const Line& line, std::string_view text) {
    for (const auto& part : line)
        if (part.text.find(text) != std::string::npos) return part.style;
    FAIL("no " << text << " in " << text_of(line));
    return Style::plain;
}

/// A method with this name and last error.
Table method_table(const std::string& name, const std::string& error) {
    Row row(columns_of(View::methods).size());
    row[0] = name;
    row[column_named(View::methods, "last_error").value()] = error;
    return {View::methods, {row}};
}

}  // namespace

TEST_CASE("rates have three digits at most") {
    CHECK(format_rate(0) == "0");
    CHECK(format_rate(0.001) == "<0.01");
    CHECK(format_rate(0.25) == "0.25");
    CHECK(format_rate(1) == "1");
    CHECK(format_rate(1.05) == "1.05");
    CHECK(format_rate(9.996) == "10.0");
    CHECK(format_rate(12.34) == "12.3");
    CHECK(format_rate(99.96) == "100");
    CHECK(format_rate(999.6) == "1.00k");
    CHECK(format_rate(12345) == "12.3k");
    CHECK(format_rate(45.6e6) == "45.6M");
    CHECK(format_rate(1e30) == "99999T");
}

TEST_CASE("counts are exact while they are short") {
    CHECK(format_count(0) == "0");
    CHECK(format_count(99999) == "99999");
    CHECK(format_count(123456) == "123k");
    CHECK(format_count(1234567) == "1.23M");
}

TEST_CASE("times have the unit that fits") {
    CHECK(format_latency(0) == "0us");
    CHECK(format_latency(999) == "999us");
    CHECK(format_latency(1000) == "1.00ms");
    CHECK(format_latency(12345) == "12.3ms");
    CHECK(format_latency(999'499) == "999ms");
    CHECK(format_latency(1'234'567) == "1.23s");
    CHECK(format_latency(1'200'000'000) == "20m");
    CHECK(format_age(45'999) == "45s");
    CHECK(format_age(312'000) == "5m12s");
    CHECK(format_age(7'980'000) == "2h13m");
    CHECK(format_age(3 * 86'400'000 + 4 * 3'600'000) == "3d4h");
    CHECK(format_age(std::uint64_t{200} * 86'400'000) == "200d");
}

TEST_CASE("the screen of methods at 80 cells") {
    CHECK(screen(busy(), showing(View::methods)) ==
          std::vector<std::string>{
              "tcp://h:1   broker a   version 1.2   up 12s                             every 1s",
              "100 calls/s   3 errors/s   7 queued   3 in flight   1 workers   2 clients",
              "1 services   2 methods   3 workers   4 clients                    by calls_per_s",
              "METHOD                CALLS/S   ERR/S     P50     P99  QUEUED  IN FLIGHT  ERRORS",
              "Echo.Count                100       2    80us  1.50ms       0          2       9",
              "Disk.Read                   0       0       -       -       0          0       0",
              "Echo.Fail                   0       0       -       -       0          0      10",
              "",
              "",
              "",
              "",
              "1-4 Tab view   s S sort   r reverse   / filter   p pause   + - interval   q quit",
          });
}

TEST_CASE("a wider screen has more columns") {
    const auto lines = screen(busy(), showing(View::methods), 130);
    CHECK(lines[3].find("LAST ERROR") != std::string::npos);
    CHECK(lines[4].find("INTERNAL: bad") != std::string::npos);
    CHECK(lines[3].find("ITEMS/S") != std::string::npos);
    CHECK(screen(busy(), showing(View::workers), 140)[4].find("10.0.0.1:4000") != std::string::npos);
}

TEST_CASE("a worker with stuck handlers is seen on a screen of 80 columns, as a warning") {
    const auto rows = render_screen(busy(), showing(View::workers), 80, 24).lines;
    CHECK(text_of(rows[3]).find("STUCK") != std::string::npos);
    CHECK(std::ranges::any_of(rows[4], [](const auto& part) { return part.style == Style::warning; }));
}

TEST_CASE("no line is wider than the screen, and none too many") {
    for (const auto view : {View::services, View::methods, View::workers, View::clients})
        for (std::size_t width = 0; width < 140; ++width)
            for (const std::size_t height : {0U, 1U, 3U, 5U, 6U, 24U}) {
                const auto lines = render_screen(busy(), showing(view), width, height).lines;
                CHECK(lines.size() == height);
                for (const auto& line : lines) {
                    std::size_t cells = 0;
                    for (const auto& part : line) cells += cells_of(part.text);
                    CHECK(cells <= width);
                }
            }
}

TEST_CASE("only errors, and calls that wait, have a colour") {
    const auto lines = render_screen(busy(), showing(View::services), 80, 12).lines;
    CHECK(style_of(lines[1], "3 errors/s") == Style::error);
    CHECK(style_of(lines[1], "7 queued") == Style::warning);
    CHECK(style_of(lines[1], "calls/s") == Style::plain);
    CHECK(style_of(lines[3], "CALLS/S") == Style::sorted_title);
    CHECK(style_of(lines[3], "QUEUED") == Style::title);
    CHECK(style_of(lines[4], "Echo") == Style::plain);
    CHECK(style_of(lines[4], "   2") == Style::error);
    CHECK(style_of(lines[5], "   7") == Style::warning);
}

TEST_CASE("strangers' names are escaped and cut by cells") {
    const auto table = method_table("\x1b[2J\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e", "a\nb");
    const auto lines = render_table(table, 0, 60);
    CHECK(text_of(lines[1]).starts_with("\\x1b[2J"));
    CHECK(cells_of(text_of(lines[1])) <= 60);
    CHECK(text_of(render_table(table, 0, std::nullopt)[1]).find("a\\nb") != std::string::npos);
}

TEST_CASE("texts take what room is left, and no more than they need") {
    const auto table = method_table(std::string(30, 'm'), std::string(500, 'e'));
    const auto lines = render_table(table, 0, 130);
    CHECK(text_of(lines[1]).starts_with(std::string(30, 'm') + "  "));
    CHECK(text_of(lines[1]).find("e…") != std::string::npos);
    const auto in_full = render_table(table, std::nullopt, std::nullopt);
    CHECK(text_of(in_full[1]).find(std::string(500, 'e')) != std::string::npos);
    CHECK(text_of(in_full[0]).find("AGO") != std::string::npos);
}

TEST_CASE("what is not known yet, or not answered, is said") {
    const auto asking = screen({"tcp://h:1", {}, {}, {}}, showing(View::services));
    CHECK(asking[0] == "tcp://h:1                                                               every 1s");
    CHECK(asking[1] == "asking ...");
    CHECK(asking[4].empty());
    auto silent = busy();
    silent.trouble = "no answer: UNAVAILABLE: nobody there";
    const auto lines = render_screen(silent, showing(View::services), 80, 12).lines;
    CHECK(text_of(lines[1]) == silent.trouble);
    CHECK(style_of(lines[1], "no answer") == Style::error);
    CHECK(text_of(lines[4]).starts_with("Echo"));
}

TEST_CASE("an older broker's figures are dashes") {
    const auto lines = screen({"tcp://h:1", {}, snapshot_of("{}"), {}}, showing(View::services));
    CHECK(lines[0].starts_with("tcp://h:1     "));
    CHECK(lines[1] == "- calls/s   - errors/s   - queued   - in flight   0 workers   - clients");
}

TEST_CASE("an empty table says why") {
    const TopStatus nobody{"tcp://h:1", {}, snapshot_of("{}"), {}};
    CHECK(screen(nobody, showing(View::workers))[4] == "no workers");
    CHECK(screen({"tcp://h:1", {}, snapshot_of(R"({"clients": 3})"), {}}, showing(View::clients))[4] ==
          "this broker does not tell its clients apart");
    auto filtered = showing(View::methods);
    filtered.filter_by("nowhere");
    CHECK(screen(busy(), filtered)[4] == "nothing matches the filter");
}

TEST_CASE("the filter, the order and the pace are shown") {
    auto state = showing(View::methods);
    state.on_key({TopKey::Kind::text, "/"}, 0, 0);
    state.on_key({TopKey::Kind::text, "e"}, 0, 0);
    CHECK(screen(busy(), state).back() == "filter: e_   Enter keeps it, Esc drops it");
    state.on_key({TopKey::Kind::enter, {}}, 0, 0);
    for (const auto* key : {"r", "-"}) state.on_key({TopKey::Kind::text, key}, 0, 0);
    const auto lines = screen(busy(), state, 100);
    CHECK(lines[2].starts_with("1 services   2 methods   3 workers   4 clients   filter: e     "));
    CHECK(lines[2].ends_with("   by calls_per_s, reversed"));
    CHECK(lines[0].ends_with("every 500ms"));
    state.on_key({TopKey::Kind::text, "p"}, 0, 0);
    CHECK(screen(busy(), state)[0].ends_with("paused"));
}

TEST_CASE("rows that do not fit are scrolled to") {
    auto state = showing(View::methods);
    CHECK(page_of(6) == 1);
    CHECK(page_of(3) == 0);
    state.on_key({TopKey::Kind::end, {}}, 3, 1);
    CHECK(screen(busy(), state, 80, 6)[4].starts_with("Echo.Fail"));
}
