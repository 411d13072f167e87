#include "client/top_state.hpp"

#include <algorithm>
#include <utility>

namespace rpcbroker {

namespace {

using namespace std::chrono_literals;

constexpr std::array<std::chrono::milliseconds, 8> intervals{100ms, 250ms, 500ms, 1s, 2s, 5s, 10s, 60s};

std::chrono::milliseconds longer(std::chrono::milliseconds interval) {
    const auto* const next = std::ranges::upper_bound(intervals, interval);
    return next == intervals.end() ? interval : *next;
}

std::chrono::milliseconds shorter(std::chrono::milliseconds interval) {
    const auto* const next = std::ranges::lower_bound(intervals, interval);
    return next == intervals.begin() ? interval : *(next - 1);
}

void remove_last_character(std::string& text) {
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.pop_back();
    if (!text.empty()) text.pop_back();
}

}  // namespace

TopState::Sort TopState::default_sort(View view) { return {column_named(view, "calls_per_s").value_or(0), false}; }

void TopState::on_key(const TopKey& key, std::size_t rows, std::size_t page) {
    if (editing_) return on_edit_key(key);
    switch (key.kind) {
    case TopKey::Kind::text: on_command(key.text.size() == 1 ? key.text[0] : '\0'); break;
    case TopKey::Kind::tab: turn_view(1); break;
    case TopKey::Kind::back_tab: turn_view(view_names.size() - 1); break;
    case TopKey::Kind::escape: filter_.clear(); break;
    default: on_move_key(key.kind, page); break;
    }
    first_row_ = first_row(rows, page);
}

void TopState::on_edit_key(const TopKey& key) {
    if (key.kind == TopKey::Kind::text) filter_ += key.text;
    if (key.kind == TopKey::Kind::backspace) remove_last_character(filter_);
    if (key.kind == TopKey::Kind::escape) filter_.clear();
    if (key.kind == TopKey::Kind::escape || key.kind == TopKey::Kind::enter) editing_ = false;
    first_row_ = 0;
}

void TopState::on_move_key(TopKey::Kind kind, std::size_t page) {
    const auto rows = static_cast<std::ptrdiff_t>(page);
    if (kind == TopKey::Kind::up) scroll(-1);
    if (kind == TopKey::Kind::down) scroll(1);
    if (kind == TopKey::Kind::page_up) scroll(-rows);
    if (kind == TopKey::Kind::page_down) scroll(rows);
    if (kind == TopKey::Kind::home) first_row_ = 0;
    if (kind == TopKey::Kind::end) first_row_ = PTRDIFF_MAX;
}

void TopState::on_command(char command) {
    if (command >= '1' && command <= '4') {
        view_ = static_cast<View>(command - '1');
        first_row_ = 0;
    }
    switch (command) {
    case 's': return turn_sort_column(true);
    case 'S': return turn_sort_column(false);
    case 'r': sort().reversed = !sort().reversed; return;
    case '/': editing_ = true; return;
    case 'p': paused_ = !paused_; return;
    case '+': interval_ = longer(interval_); return;
    case '-': interval_ = shorter(interval_); return;
    case 'q': quitting_ = true; return;
    default: return;
    }
}

void TopState::turn_view(std::size_t by) {
    view_ = static_cast<View>((static_cast<std::size_t>(view_) + by) % view_names.size());
    first_row_ = 0;
}

void TopState::turn_sort_column(bool forward) {
    const auto count = columns_of(view_).size();
    sort() = {(sort().column + (forward ? 1 : count - 1)) % count, false};
}

void TopState::scroll(std::ptrdiff_t by) {
    first_row_ = static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(first_row_) + by));
}

std::size_t TopState::first_row(std::size_t rows, std::size_t page) const {
    return std::min(first_row_, rows - std::min(rows, page));
}

Table TopState::arrange(Table table) const {
    if (!filter_.empty()) keep_matching(table, filter_);
    rpcbroker::sort_by(table, sort_column(), reversed());
    return table;
}

}  // namespace rpcbroker
