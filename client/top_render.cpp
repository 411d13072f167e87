#include "client/top_render.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "client/printable.hpp"

namespace rpcbroker {

namespace {

constexpr std::string_view gap = "  ";
constexpr std::string_view unknown = "-";

Style style_of(Alarm alarm) {
    switch (alarm) {
    case Alarm::warning: return Style::warning;
    case Alarm::error: return Style::error;
    case Alarm::none: break;
    }
    return Style::plain;
}

bool is_zero(const Cell& cell) {
    return cell == Cell{std::uint64_t{0}} || cell == Cell{0.0} || std::holds_alternative<std::monostate>(cell);
}

std::string format_number(std::uint64_t number, Unit unit) {
    if (unit == Unit::microseconds) return format_latency(number);
    if (unit == Unit::milliseconds) return format_age(number);
    return format_count(number);
}

std::string format_cell(const Cell& cell, Unit unit) {
    if (const auto* text = std::get_if<std::string>(&cell)) return printable(*text);
    if (const auto* rate = std::get_if<double>(&cell)) return format_rate(*rate);
    if (const auto* number = std::get_if<std::uint64_t>(&cell)) return format_number(*number, unit);
    return std::string{unknown};
}

/// The columns that are shown, with the cells' texts and the width of each.
struct Layout {
    std::vector<std::size_t> columns;
    std::vector<std::size_t> widths;  ///< for each of all columns
};

using Texts = std::vector<std::vector<std::string>>;

Texts format_all(const Table& table) {
    const auto columns = columns_of(table.view);
    Texts texts;
    for (const auto& row : table.rows) {
        auto& line = texts.emplace_back();
        for (std::size_t i = 0; i < columns.size(); ++i) line.push_back(format_cell(row[i], columns[i].unit));
    }
    return texts;
}

std::size_t widest(const Texts& texts, std::size_t column, const Column& about) {
    auto width = std::max(about.width, about.title.size());
    for (const auto& line : texts) width = std::max(width, cells_of(line[column]));
    return width;
}

/// Those that fit with their widths, by their rank, in the order of the screen. The first is always there.
std::vector<std::size_t> columns_that_fit(std::span<const Column> columns, const std::vector<std::size_t>& widths,
                                          std::size_t room) {
    std::vector<std::size_t> by_rank(columns.size());
    std::iota(by_rank.begin(), by_rank.end(), std::size_t{0});
    std::ranges::sort(by_rank, {}, [&](std::size_t i) { return columns[i].rank; });
    std::vector<std::size_t> chosen;
    std::size_t used = 0;
    for (const auto i : by_rank) {
        const auto more = chosen.empty() ? widths[i] : gap.size() + widths[i];
        if (!chosen.empty() && used + more > room) continue;
        chosen.push_back(i);
        used += more;
    }
    std::ranges::sort(chosen);
    return chosen;
}

/// Texts get what is left, one after the other, up to what they need.
void widen_texts(Layout& layout, const Texts& texts, std::span<const Column> columns, std::size_t width) {
    std::size_t used = gap.size() * (layout.columns.size() - 1);
    for (const auto i : layout.columns) used += layout.widths[i];
    for (const auto i : layout.columns) {
        if (columns[i].unit != Unit::text || used >= width) continue;
        const auto more = std::min(width - used, widest(texts, i, columns[i]) - layout.widths[i]);
        layout.widths[i] += more;
        used += more;
    }
}

Layout lay_out_in_full(const Texts& texts, std::span<const Column> columns) {
    Layout layout;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        layout.columns.push_back(i);
        layout.widths.push_back(widest(texts, i, columns[i]));
    }
    return layout;
}

Layout lay_out(const Texts& texts, std::span<const Column> columns, std::size_t width) {
    Layout layout;
    for (const auto& column : columns) layout.widths.push_back(column.width);
    // Names go before further columns, as long as they leave room for the first of those.
    layout.widths[0] = std::min(widest(texts, 0, columns[0]), std::max(columns[0].width, width / 3));
    layout.columns = columns_that_fit(columns, layout.widths, width);
    widen_texts(layout, texts, columns, width);
    return layout;
}

/// Numbers stand at the right of their column.
std::string padded(std::string_view text, Unit unit, std::size_t width) {
    auto fitting = cut_to(text, width);
    const std::string padding(width - cells_of(fitting), ' ');
    return unit == Unit::text ? fitting + padding : padding + fitting;
}

Line render_titles(const Layout& layout, std::span<const Column> columns, std::optional<std::size_t> sorted_column,
                   std::optional<std::size_t> width) {
    Line line;
    std::size_t used = 0;
    for (const auto i : layout.columns) {
        if (!line.empty()) line.push_back({std::string{gap}, Style::title});
        line.push_back({padded(columns[i].title, columns[i].unit, layout.widths[i]),
                        i == sorted_column ? Style::sorted_title : Style::title});
        used += layout.widths[i] + gap.size();
    }
    used -= gap.size();
    if (width && used < *width) line.push_back({std::string(*width - used, ' '), Style::title});
    return line;
}

Line render_row(const Row& row, const std::vector<std::string>& texts, const Layout& layout,
                std::span<const Column> columns) {
    Line line;
    for (const auto i : layout.columns) {
        if (!line.empty()) line.push_back({std::string{gap}});
        const auto style = is_zero(row[i]) ? Style::plain : style_of(columns[i].alarm);
        line.push_back({padded(texts[i], columns[i].unit, layout.widths[i]), style});
    }
    return line;
}

/// With three digits: 1.23, 12.3, 123.
std::string three_digits(double value) {
    const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    const double scale = std::pow(10, decimals);
    const auto rounded = static_cast<std::uint64_t>(std::llround(value * scale));
    auto text = std::to_string(rounded / static_cast<std::uint64_t>(scale));
    if (decimals == 0) return text;
    auto fraction = std::to_string(rounded % static_cast<std::uint64_t>(scale));
    fraction.insert(0, static_cast<std::size_t>(decimals) - fraction.size(), '0');
    return text + "." + fraction;
}

std::string with_suffix(double value) {
    static constexpr std::array<std::string_view, 5> suffixes{"", "k", "M", "G", "T"};
    std::size_t i = 0;
    for (; value >= 999.5 && i + 1 < suffixes.size(); ++i) value /= 1000;
    return three_digits(std::min(value, 99999.0)) + std::string{suffixes[i]};
}

std::string two_units(std::uint64_t large, const char* large_name, std::uint64_t small, const char* small_name) {
    return std::to_string(large) + large_name + std::to_string(small) + small_name;
}

Part counted(Figure number, const std::string& thing, Alarm alarm = Alarm::none) {
    const auto style = number.value_or(0) == 0 ? Style::plain : style_of(alarm);
    return {(number ? format_count(*number) : std::string{unknown}) + " " + thing, style};
}

Part rate_of(std::optional<double> rate, const std::string& thing, Alarm alarm = Alarm::none) {
    const auto style = rate.value_or(0) == 0 ? Style::plain : style_of(alarm);
    return {(rate ? format_rate(*rate) : std::string{unknown}) + " " + thing, style};
}

std::size_t cells_of(const Line& line) {
    std::size_t cells = 0;
    for (const auto& part : line) cells += rpcbroker::cells_of(part.text);
    return cells;
}

/// Cut where the screen ends.
Line fitted(const Line& line, std::size_t width) {
    Line out;
    for (const auto& part : line) {
        out.push_back({cut_to(part.text, width), part.style});
        width -= rpcbroker::cells_of(out.back().text);
    }
    return out;
}

/// `right` at the end of the line, where there is room.
Line with_right(Line line, const std::string& right, Style style, std::size_t width) {
    const auto used = cells_of(line) + rpcbroker::cells_of(right);
    if (used + 2 > width) return fitted(line, width);
    line.push_back({std::string(width - used, ' ')});
    line.push_back({right, style});
    return line;
}

std::string pace(const TopState& state) {
    const auto ms = state.interval().count();
    if (state.is_paused()) return "paused";
    return "every " + (ms % 1000 == 0 ? std::to_string(ms / 1000) + "s" : std::to_string(ms) + "ms");
}

Line render_views(const TopState& state, std::size_t width) {
    Line line;
    for (std::size_t i = 0; i < view_names.size(); ++i) {
        const bool shown = i == static_cast<std::size_t>(state.view());
        line.push_back({std::to_string(i + 1) + " " + std::string{view_names[i]}, shown ? Style::bold : Style::dim});
        line.push_back({"   "});
    }
    if (!state.filter().empty() && !state.is_editing())
        line.push_back({"filter: " + printable(state.filter()), Style::bold});
    const auto& column = columns_of(state.view())[state.sort_column()];
    return with_right(line, "by " + std::string{column.key} + (state.reversed() ? ", reversed" : ""), Style::dim,
                      width);
}

Line render_keys(const TopState& state) {
    if (state.is_editing())
        return {{"filter: " + printable(state.filter()), Style::bold},
                {"_   ", Style::bold},
                {"Enter keeps it, Esc drops it", Style::dim}};
    return {{"1-4 Tab view   s S sort   r reverse   / filter   p pause   + - interval   q quit", Style::dim}};
}

/// What a table without rows means.
std::string nothing_there(const TopStatus& status, const TopState& state) {
    if (!status.now) return "";
    if (!state.filter().empty()) return "nothing matches the filter";
    if (state.view() == View::clients && status.now->clients.value_or(0) > 0)
        return "this broker does not tell its clients apart";
    return "no " + std::string{name_of(state.view())};
}

constexpr std::size_t lines_around_rows = 5;

}  // namespace

std::string text_of(const Line& line) {
    std::string text;
    for (const auto& part : line) text += part.text;
    return text.erase(text.find_last_not_of(' ') + 1);
}

std::string format_rate(double per_second) {
    if (per_second > 0 && per_second < 0.005) return "<0.01";
    if (per_second == std::floor(per_second) && per_second < 1000)
        return format_count(static_cast<std::uint64_t>(per_second));
    return with_suffix(per_second);
}

std::string format_count(std::uint64_t count) {
    return count < 100'000 ? std::to_string(count) : with_suffix(static_cast<double>(count));
}

std::string format_latency(std::uint64_t microseconds) {
    const auto value = static_cast<double>(microseconds);
    if (value < 999.5) return std::to_string(microseconds) + "us";
    if (value < 999.5e3) return three_digits(value / 1e3) + "ms";
    if (value < 999.5e6) return three_digits(value / 1e6) + "s";
    return format_count(microseconds / 60'000'000) + "m";
}

std::string format_age(std::uint64_t milliseconds) {
    const auto seconds = milliseconds / 1000;
    if (seconds < 60) return std::to_string(seconds) + "s";
    if (seconds < 3600) return two_units(seconds / 60, "m", seconds % 60, "s");
    if (seconds < 86400) return two_units(seconds / 3600, "h", seconds / 60 % 60, "m");
    if (seconds < 86400 * 100) return two_units(seconds / 86400, "d", seconds / 3600 % 24, "h");
    return format_count(seconds / 86400) + "d";
}

std::vector<Line> render_table(const Table& table, std::optional<std::size_t> sorted_column,
                               std::optional<std::size_t> width) {
    const auto columns = columns_of(table.view);
    const auto texts = format_all(table);
    const auto layout = width ? lay_out(texts, columns, *width) : lay_out_in_full(texts, columns);
    std::vector<Line> lines{render_titles(layout, columns, sorted_column, width)};
    for (std::size_t i = 0; i < table.rows.size(); ++i)
        lines.push_back(render_row(table.rows[i], texts[i], layout, columns));
    if (width)
        for (auto& line : lines) line = fitted(line, *width);
    return lines;
}

Line render_broker(const TopStatus& status) {
    Line line{{status.endpoint, Style::bold}};
    if (!status.now) return line;
    const auto& now = *status.now;
    if (!now.broker_id.empty()) line.push_back({"   broker " + printable(now.broker_id), Style::bold});
    if (!now.version.empty()) line.push_back({"   version " + printable(now.version), Style::bold});
    if (now.uptime_ms) line.push_back({"   up " + format_age(*now.uptime_ms), Style::bold});
    return line;
}

Line render_totals(const TopStatus& status) {
    if (!status.trouble.empty()) return {{status.trouble, Style::error}};
    if (!status.now) return {{"asking ..."}};
    const auto totals = totals_of(status.before ? &*status.before : nullptr, *status.now);
    Line line;
    for (auto& part : {rate_of(totals.calls_per_s, "calls/s"), rate_of(totals.errors_per_s, "errors/s", Alarm::error),
                       counted(totals.queued, "queued", Alarm::warning), counted(totals.in_flight, "in flight"),
                       counted(totals.workers, "workers"), counted(totals.clients, "clients")}) {
        if (!line.empty()) line.push_back({"   "});
        line.push_back(part);
    }
    return line;
}

std::size_t page_of(std::size_t height) { return height - std::min(height, lines_around_rows); }

Screen render_screen(const TopStatus& status, const TopState& state, std::size_t width, std::size_t height) {
    const auto before = status.before ? &*status.before : nullptr;
    const auto table =
        state.arrange(status.now ? make_table(state.view(), before, *status.now) : Table{state.view(), {}});
    const auto page = page_of(height);
    const auto rows = render_table(table, state.sort_column(), width);
    std::vector<Line> lines{with_right(render_broker(status), pace(state), Style::dim, width),
                            fitted(render_totals(status), width), render_views(state, width), rows[0]};
    const auto first = state.first_row(table.rows.size(), page);
    for (std::size_t i = first; i < std::min(first + page, table.rows.size()); ++i) lines.push_back(rows[1 + i]);
    if (table.rows.empty() && page > 0) lines.push_back(fitted({{nothing_there(status, state), Style::dim}}, width));
    lines.resize(std::max(lines.size(), height - std::min<std::size_t>(height, 1)));
    lines.push_back(fitted(render_keys(state), width));
    lines.resize(height);
    return {std::move(lines), table.rows.size()};
}

}  // namespace rpcbroker
