#include "client/top_model.hpp"

#include <algorithm>
#include <utility>

namespace rpcbroker {

namespace {

constexpr std::array service_columns{
    Column{"service", "SERVICE", Unit::text, 16, 0},
    Column{"workers", "WORKERS", Unit::count, 7, 6},
    Column{"calls_per_s", "CALLS/S", Unit::per_second, 7, 1},
    Column{"errors_per_s", "ERR/S", Unit::per_second, 6, 2, Alarm::error},
    Column{"worst_p99_us", "MAX P99", Unit::microseconds, 7, 5},
    Column{"queued", "QUEUED", Unit::count, 6, 3, Alarm::warning},
    Column{"in_flight", "IN FLIGHT", Unit::count, 9, 4},
    Column{"errors", "ERRORS", Unit::count, 6, 8, Alarm::error},
    Column{"calls", "CALLS", Unit::count, 6, 9},
    Column{"last_error", "LAST ERROR", Unit::text, 16, 7},
    Column{"last_error_age_ms", "AGO", Unit::milliseconds, 6, 10},
};
constexpr std::array method_columns{
    Column{"method", "METHOD", Unit::text, 20, 0},
    Column{"calls_per_s", "CALLS/S", Unit::per_second, 7, 1},
    Column{"errors_per_s", "ERR/S", Unit::per_second, 6, 2, Alarm::error},
    Column{"p50_us", "P50", Unit::microseconds, 6, 5},
    Column{"p99_us", "P99", Unit::microseconds, 6, 6},
    Column{"queued", "QUEUED", Unit::count, 6, 3, Alarm::warning},
    Column{"in_flight", "IN FLIGHT", Unit::count, 9, 4},
    Column{"errors", "ERRORS", Unit::count, 6, 8, Alarm::error},
    Column{"calls", "CALLS", Unit::count, 6, 9},
    Column{"items_per_s", "ITEMS/S", Unit::per_second, 7, 11},
    Column{"last_error", "LAST ERROR", Unit::text, 16, 7},
    Column{"last_error_age_ms", "AGO", Unit::milliseconds, 6, 10},
};
constexpr std::array worker_columns{
    Column{"name", "NAME", Unit::text, 12, 0},
    Column{"id", "ID", Unit::text, 6, 1},
    Column{"calls_per_s", "CALLS/S", Unit::per_second, 7, 2},
    Column{"errors_per_s", "ERR/S", Unit::per_second, 6, 3, Alarm::error},
    Column{"in_flight", "IN FLIGHT", Unit::count, 9, 4},
    Column{"capacity", "CAPACITY", Unit::count, 8, 5},
    Column{"abandoned", "STUCK", Unit::count, 5, 6, Alarm::warning},
    Column{"oldest_us", "OLDEST", Unit::microseconds, 6, 9},
    Column{"errors", "ERRORS", Unit::count, 6, 10, Alarm::error},
    Column{"completed", "DONE", Unit::count, 6, 11},
    Column{"uptime_ms", "UPTIME", Unit::milliseconds, 6, 8},
    Column{"state", "STATE", Unit::text, 8, 7},
    Column{"address", "ADDRESS", Unit::text, 15, 12},
    Column{"services", "SERVICES", Unit::text, 12, 13},
};
constexpr std::array client_columns{
    Column{"name", "NAME", Unit::text, 12, 0},
    Column{"id", "ID", Unit::text, 16, 1},
    Column{"calls_per_s", "CALLS/S", Unit::per_second, 7, 2},
    Column{"errors_per_s", "ERR/S", Unit::per_second, 6, 3, Alarm::error},
    Column{"in_flight", "IN FLIGHT", Unit::count, 9, 4},
    Column{"errors", "ERRORS", Unit::count, 6, 5, Alarm::error},
    Column{"calls", "CALLS", Unit::count, 6, 6},
};

using Rate = std::optional<double>;

bool has_fallen(Figure before, Figure now) { return before && now && *now < *before; }

/// The same broker, and it has run all the time.
bool is_later(const Snapshot& before, const Snapshot& now) {
    return before.broker_id == now.broker_id && !has_fallen(before.uptime_ms, now.uptime_ms) &&
           !has_fallen(before.accepted, now.accepted) && now.taken > before.taken;
}

/// The pair that rates are taken from.
class Period {
public:
    Period(const Snapshot* before, const Snapshot& now)
        : before_(before != nullptr && is_later(*before, now) ? before : nullptr), now_(now) {}

    /// Null where there are no rates.
    [[nodiscard]] const Snapshot* before() const { return before_; }
    [[nodiscard]] const Snapshot& now() const { return now_; }
    [[nodiscard]] Rate rate(Figure before, Figure now) const {
        if (before_ == nullptr || !before || !now || *now < *before) return std::nullopt;
        return static_cast<double>(*now - *before) / seconds();
    }
    /// Of one counter of one thing in a list.
    template <class T>
    [[nodiscard]] Rate rate(std::map<std::string, T> Snapshot::*list, const std::string& name, const T& now,
                            Figure T::*counter) const {
        if (before_ == nullptr) return std::nullopt;
        const auto found = (before_->*list).find(name);
        return found == (before_->*list).end() ? std::nullopt : rate(found->second.*counter, now.*counter);
    }

private:
    /// By the broker's clock where it tells: answers are on their way for a while, and wait to be read.
    [[nodiscard]] double seconds() const {
        if (before_->uptime_ms && now_.uptime_ms && *now_.uptime_ms > *before_->uptime_ms)
            return static_cast<double>(*now_.uptime_ms - *before_->uptime_ms) / 1000;
        return std::chrono::duration<double>{now_.taken - before_->taken}.count();
    }

    const Snapshot* before_;
    const Snapshot& now_;
};

/// The sum of what is known.
template <class T>
void add(std::optional<T>& sum, std::optional<T> more) {
    if (more) sum = sum.value_or(0) + *more;
}

template <class T>
Cell cell(std::optional<T> value) {
    return value ? Cell{*value} : Cell{};
}

Cell text_cell(std::string text) { return text.empty() ? Cell{} : Cell{std::move(text)}; }

void append_last_error(Row& row, const std::optional<LastError>& error) {
    row.push_back(error ? text_cell(error->code + ": " + error->message) : Cell{});
    row.push_back(error ? cell(error->age_ms) : Cell{});
}

/// What a service's methods come to.
struct Sum {
    Figure calls;
    Figure errors;
    Rate calls_per_s;
    Rate errors_per_s;
    Figure worst_p99_us;
    std::optional<LastError> last_error;
};

void add(Sum& sum, const Period& period, const std::string& name, const MethodFigures& method) {
    add(sum.calls, method.calls);
    add(sum.errors, method.errors);
    add(sum.calls_per_s, period.rate(&Snapshot::methods, name, method, &MethodFigures::calls));
    add(sum.errors_per_s, period.rate(&Snapshot::methods, name, method, &MethodFigures::errors));
    sum.worst_p99_us = std::max(sum.worst_p99_us, method.p99_us);
    const bool newer = method.last_error && (!sum.last_error || method.last_error->age_ms < sum.last_error->age_ms);
    if (newer) sum.last_error = method.last_error;
}

std::map<std::string, Sum, std::less<>> sums_by_service(const Period& period) {
    std::map<std::string, Sum, std::less<>> sums;
    for (const auto& [name, method] : period.now().methods) {
        const auto service = service_of(name);
        auto found = sums.find(service);
        if (found == sums.end()) found = sums.emplace(service, Sum{}).first;
        add(found->second, period, name, method);
    }
    return sums;
}

void add_services(std::vector<Row>& rows, const Period& period) {
    const auto sums = sums_by_service(period);
    for (const auto& service : period.now().services) {
        const auto found = sums.find(service.name);
        const auto sum = found == sums.end() ? Sum{} : found->second;
        Row row{service.name,           cell(service.workers), cell(sum.calls_per_s),   cell(sum.errors_per_s),
                cell(sum.worst_p99_us), cell(service.queued),  cell(service.in_flight), cell(sum.errors),
                cell(sum.calls)};
        append_last_error(row, sum.last_error);
        rows.push_back(std::move(row));
    }
}

void add_methods(std::vector<Row>& rows, const Period& period) {
    for (const auto& [name, method] : period.now().methods) {
        Row row{name,
                cell(period.rate(&Snapshot::methods, name, method, &MethodFigures::calls)),
                cell(period.rate(&Snapshot::methods, name, method, &MethodFigures::errors)),
                cell(method.p50_us),
                cell(method.p99_us),
                cell(method.queued),
                cell(method.in_flight),
                cell(method.errors),
                cell(method.calls),
                cell(period.rate(&Snapshot::methods, name, method, &MethodFigures::items))};
        append_last_error(row, method.last_error);
        rows.push_back(std::move(row));
    }
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

void add_workers(std::vector<Row>& rows, const Period& period) {
    for (const auto& [id, worker] : period.now().workers)
        rows.push_back(
            {text_cell(worker.name), id, cell(period.rate(&Snapshot::workers, id, worker, &WorkerFigures::completed)),
             cell(period.rate(&Snapshot::workers, id, worker, &WorkerFigures::errors)), cell(worker.in_flight),
             cell(worker.capacity), cell(worker.abandoned), cell(worker.oldest_us), cell(worker.errors),
             cell(worker.completed), cell(worker.uptime_ms), std::string{worker.draining ? "draining" : "serving"},
             text_cell(worker.address), text_cell(joined(worker.services))});
}

void add_clients(std::vector<Row>& rows, const Period& period) {
    for (const auto& [id, client] : period.now().client_list)
        rows.push_back({text_cell(client.name), id,
                        cell(period.rate(&Snapshot::client_list, id, client, &ClientFigures::calls)),
                        cell(period.rate(&Snapshot::client_list, id, client, &ClientFigures::errors)),
                        cell(client.in_flight), cell(client.errors), cell(client.calls)});
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool contains(std::string_view text, std::string_view part) {
    const auto same = [](char a, char b) { return lower(a) == lower(b); };
    return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

bool matches(const Row& row, std::string_view text) {
    return std::ranges::any_of(row, [&](const Cell& cell) {
        const auto* content = std::get_if<std::string>(&cell);
        return content != nullptr && contains(*content, text);
    });
}

/// Numbers from the largest, texts from a to z. Both cells are known.
bool comes_first(const Cell& a, const Cell& b) {
    if (std::holds_alternative<std::string>(a)) return a < b;
    return a > b;
}

bool is_known(const Cell& cell) { return !std::holds_alternative<std::monostate>(cell); }

}  // namespace

std::optional<View> view_named(std::string_view name) {
    const auto found = std::ranges::find(view_names, name);
    if (found == view_names.end()) return std::nullopt;
    return static_cast<View>(found - view_names.begin());
}

std::span<const Column> columns_of(View view) {
    switch (view) {
    case View::services: return service_columns;
    case View::methods: return method_columns;
    case View::workers: return worker_columns;
    case View::clients: break;
    }
    return client_columns;
}

std::optional<std::size_t> column_named(View view, std::string_view key) {
    const auto columns = columns_of(view);
    const auto found = std::ranges::find(columns, key, &Column::key);
    if (found == columns.end()) return std::nullopt;
    return static_cast<std::size_t>(found - columns.begin());
}

Table make_table(View view, const Snapshot* before, const Snapshot& now) {
    const Period period{before, now};
    Table table{.view = view, .rows = {}};
    switch (view) {
    case View::services: add_services(table.rows, period); break;
    case View::methods: add_methods(table.rows, period); break;
    case View::workers: add_workers(table.rows, period); break;
    case View::clients: add_clients(table.rows, period); break;
    }
    sort_by(table, 0, false);
    return table;
}

void keep_matching(Table& table, std::string_view text) {
    std::erase_if(table.rows, [&](const Row& row) { return !matches(row, text); });
}

void sort_by(Table& table, std::size_t column, bool reversed) {
    std::ranges::stable_sort(table.rows, [=](const Row& left, const Row& right) {
        const Cell& a = left[column];
        const Cell& b = right[column];
        if (!is_known(a) || !is_known(b)) return is_known(a) && !is_known(b);
        return reversed ? comes_first(b, a) : comes_first(a, b);
    });
}

Totals totals_of(const Snapshot* before, const Snapshot& now) {
    const Period period{before, now};
    Totals totals;
    totals.queued = now.queued;
    totals.in_flight = now.in_flight;
    totals.workers = now.workers.size();
    totals.clients = now.clients;
    if (period.before() == nullptr) return totals;
    totals.calls_per_s = period.rate(period.before()->accepted, now.accepted);
    totals.errors_per_s = period.rate(period.before()->refused, now.refused);
    for (const auto& [name, method] : now.methods)
        add(totals.errors_per_s, period.rate(&Snapshot::methods, name, method, &MethodFigures::errors));
    return totals;
}

}  // namespace rpcbroker
