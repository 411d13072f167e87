// The lines of rpc-top: text and its style, for a terminal of any size or none. Pure functions.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/top_model.hpp"
#include "client/top_state.hpp"

namespace rpcbroker {

enum class Style : std::uint8_t { plain, bold, dim, title, sorted_title, warning, error };

struct Part {
    std::string text;
    Style style = Style::plain;
};
using Line = std::vector<Part>;

/// Without its styles, and without spaces at its end.
std::string text_of(const Line& line);

/// At most six cells: "0", "0.25", "12.3", "1.23k", "45.6M".
std::string format_rate(double per_second);
/// "99999", "123k", "1.23M".
std::string format_count(std::uint64_t count);
/// "850us", "12.3ms", "1.23s", "20m".
std::string format_latency(std::uint64_t microseconds);
/// "45s", "5m12s", "2h13m", "3d4h".
std::string format_age(std::uint64_t milliseconds);

/// The titles, and a line for each row. Columns that do not fit into `width` cells are left out, by their rank, and
/// texts are cut; without a width everything is shown in full.
std::vector<Line> render_table(const Table& table, std::optional<std::size_t> sorted_column,
                               std::optional<std::size_t> width);

/// What the lines above the table tell.
struct TopStatus {
    std::string endpoint;
    std::optional<Snapshot> before{};
    std::optional<Snapshot> now{};  ///< nothing until the broker has answered
    std::string trouble{};          ///< why there is no answer just now; empty: there is
};

/// Two lines, as wide as they are: whom it asked, and what all comes to.
Line render_broker(const TopStatus& status);
Line render_totals(const TopStatus& status);

/// How many rows of a table fit on a screen of `height` lines.
std::size_t page_of(std::size_t height);

struct Screen {
    std::vector<Line> lines;
    std::size_t rows = 0;  ///< of the table, those included that are not on the screen
};

/// `height` lines, none wider than `width`.
Screen render_screen(const TopStatus& status, const TopState& state, std::size_t width, std::size_t height);

}  // namespace rpcbroker
