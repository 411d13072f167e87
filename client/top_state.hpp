// What rpc-top shows of all there is, and how the keys change that. No terminal.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "client/top_model.hpp"

namespace rpcbroker {

struct TopKey {
    enum class Kind : std::uint8_t {
        text,
        enter,
        escape,
        backspace,
        tab,
        back_tab,
        up,
        down,
        page_up,
        page_down,
        home,
        end
    };

    Kind kind = Kind::text;
    std::string text{};  ///< one character in UTF-8
};

/// The shortest that may be asked for: every sample costs the broker a little.
inline constexpr std::chrono::milliseconds shortest_interval{100};

/// Not thread-safe.
class TopState {
public:
    explicit TopState(std::chrono::milliseconds interval) : interval_(interval) {}

    /// `rows` is how many there are, `page` how many fit on the screen, for keys that turn pages.
    void on_key(const TopKey& key, std::size_t rows, std::size_t page);

    void show(View view) { view_ = view; }
    void sort_by(std::size_t column, bool reversed) { sort() = {column, reversed}; }
    void filter_by(std::string text) { filter_ = std::move(text); }

    [[nodiscard]] View view() const { return view_; }
    [[nodiscard]] std::size_t sort_column() const { return sorts_[static_cast<std::size_t>(view_)].column; }
    [[nodiscard]] bool reversed() const { return sorts_[static_cast<std::size_t>(view_)].reversed; }
    [[nodiscard]] const std::string& filter() const { return filter_; }
    /// Whether keys go into the filter.
    [[nodiscard]] bool is_editing() const { return editing_; }
    [[nodiscard]] bool is_paused() const { return paused_; }
    [[nodiscard]] bool is_quitting() const { return quitting_; }
    [[nodiscard]] std::chrono::milliseconds interval() const { return interval_; }
    /// The first row on the screen, so that no more than needed stays empty below: of `rows`, `page` fit.
    [[nodiscard]] std::size_t first_row(std::size_t rows, std::size_t page) const;

    /// The table as it is to be shown: filtered and sorted.
    [[nodiscard]] Table arrange(Table table) const;

private:
    struct Sort {
        std::size_t column = 0;
        bool reversed = false;
    };

    Sort& sort() { return sorts_[static_cast<std::size_t>(view_)]; }
    void on_edit_key(const TopKey& key);
    void on_move_key(TopKey::Kind kind, std::size_t page);
    void on_command(char command);
    void turn_view(std::size_t by);
    void turn_sort_column(bool forward);
    void scroll(std::ptrdiff_t by);

    View view_ = View::services;
    std::array<Sort, view_names.size()> sorts_{default_sort(View::services), default_sort(View::methods),
                                               default_sort(View::workers), default_sort(View::clients)};
    std::string filter_;
    bool editing_ = false;
    bool paused_ = false;
    bool quitting_ = false;
    std::chrono::milliseconds interval_;
    std::size_t first_row_ = 0;

    static Sort default_sort(View view);
};

}  // namespace rpcbroker
