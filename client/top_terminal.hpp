// The terminal that rpc-top draws on, by ncurses.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "client/top_render.hpp"
#include "client/top_state.hpp"

struct screen;  // ncurses' own

namespace rpcbroker {

/// Takes standard input and output over while it lives, and leaves the terminal as it was. One in a process, after
/// StopSignal: ncurses leaves signals alone that somebody handles. For one thread.
class TopTerminal {
public:
    /// Throws std::runtime_error where there is no terminal, or one that is not known ($TERM).
    TopTerminal();
    ~TopTerminal();
    TopTerminal(const TopTerminal&) = delete;
    TopTerminal& operator=(const TopTerminal&) = delete;

    [[nodiscard]] std::size_t width() const;
    [[nodiscard]] std::size_t height() const;
    void draw(const std::vector<Line>& lines);
    /// A key that was pressed; nothing where there is none. Never waits.
    std::optional<TopKey> read_key();

private:
    screen* screen_;
    bool colours_ = false;
};

}  // namespace rpcbroker
