// What rpc-top shows: two snapshots of a broker made into tables with rates. Pure functions, no terminal.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/top_snapshot.hpp"

namespace rpcbroker {

enum class View : std::uint8_t { services, methods, workers, clients };
inline constexpr std::array<std::string_view, 4> view_names{"services", "methods", "workers", "clients"};

inline std::string_view name_of(View view) { return view_names[static_cast<std::size_t>(view)]; }
std::optional<View> view_named(std::string_view name);

enum class Unit : std::uint8_t { text, count, per_second, microseconds, milliseconds };
/// What a number other than 0 in a column means.
enum class Alarm : std::uint8_t { none, warning, error };

struct Column {
    std::string_view key;    ///< for --sort and in JSON
    std::string_view title;  ///< on the screen
    Unit unit;
    std::size_t width;  ///< in cells; of a text: the least
    int rank;           ///< where there is no room for all, the highest go
    Alarm alarm = Alarm::none;
};

/// In the order of the screen. The first names the row.
std::span<const Column> columns_of(View view);
/// Its place among them.
std::optional<std::size_t> column_named(View view, std::string_view key);

/// Nothing, where it is not known; a text as it came off the wire; a count or a time; a rate.
using Cell = std::variant<std::monostate, std::string, std::uint64_t, double>;
using Row = std::vector<Cell>;

struct Table {
    View view = View::services;
    std::vector<Row> rows;  ///< a cell for each of columns_of(view)
};

/// Rates are over the time from `before` to `now`; unknown without `before`, or where the broker is another one since
/// or has been restarted. Rows are in the order of their first column.
Table make_table(View view, const Snapshot* before, const Snapshot& now);

/// Keeps rows that have `text` in one of their texts, whatever the case of its ASCII letters.
void keep_matching(Table& table, std::string_view text);

/// Names from a to z, numbers from the largest, unless `reversed`; what is not known comes last. Stable.
void sort_by(Table& table, std::size_t column, bool reversed);

struct Totals {
    std::optional<double> calls_per_s;   ///< accepted
    std::optional<double> errors_per_s;  ///< ended with an error, or refused
    Figure queued;
    Figure in_flight;
    Figure workers;
    Figure clients;
};
Totals totals_of(const Snapshot* before, const Snapshot& now);

}  // namespace rpcbroker
