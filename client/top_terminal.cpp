#include "client/top_terminal.hpp"

#include <langinfo.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <clocale>
#include <cstdlib>
#include <cwchar>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#define NCURSES_NOMACROS
#include <ncurses.h>

namespace rpcbroker {

namespace {

constexpr short error_pair = 1;
constexpr short warning_pair = 2;

using Kind = TopKey::Kind;
constexpr std::array<std::pair<wint_t, Kind>, 10> special_keys{{{KEY_ENTER, Kind::enter},
                                                                {KEY_BACKSPACE, Kind::backspace},
                                                                {KEY_BTAB, Kind::back_tab},
                                                                {KEY_UP, Kind::up},
                                                                {KEY_DOWN, Kind::down},
                                                                {KEY_PPAGE, Kind::page_up},
                                                                {KEY_NPAGE, Kind::page_down},
                                                                {KEY_HOME, Kind::home},
                                                                {KEY_END, Kind::end},
                                                                {KEY_DC, Kind::backspace}}};
constexpr std::array<std::pair<wint_t, Kind>, 6> control_keys{{{L'\n', Kind::enter},
                                                               {L'\r', Kind::enter},
                                                               {L'\t', Kind::tab},
                                                               {L'\b', Kind::backspace},
                                                               {0x7f, Kind::backspace},
                                                               {0x1b, Kind::escape}}};

/// ncurses measures and writes by the locale. Where that knows no UTF-8, the terminal most likely does; where there is no
/// such locale either, other characters than ASCII look odd.
void use_utf8() {
    const char* const locale = std::setlocale(LC_CTYPE, "");
    const bool knows_utf8 = locale != nullptr && std::string_view{nl_langinfo(CODESET)} == "UTF-8";
    if (!knows_utf8) static_cast<void>(std::setlocale(LC_CTYPE, "C.UTF-8"));
}

bool use_colours() {
    if (std::getenv("NO_COLOR") != nullptr || !has_colors()) return false;
    start_color();
    use_default_colors();
    init_pair(error_pair, COLOR_RED, -1);
    init_pair(warning_pair, COLOR_YELLOW, -1);
    return true;
}

attr_t attributes_of(Style style, bool colours) {
    switch (style) {
    case Style::plain: break;
    case Style::bold: return A_BOLD;
    case Style::dim: return A_DIM;
    case Style::title: return A_REVERSE;
    case Style::sorted_title: return A_REVERSE | A_BOLD | A_UNDERLINE;
    case Style::warning: return colours ? static_cast<attr_t>(COLOR_PAIR(warning_pair)) : A_BOLD;
    case Style::error: return colours ? static_cast<attr_t>(COLOR_PAIR(error_pair)) : A_BOLD;
    }
    return A_NORMAL;
}

template <class Keys>
std::optional<Kind> kind_of(const Keys& keys, wint_t code) {
    const auto* const found = std::ranges::find(keys, code, &Keys::value_type::first);
    return found == keys.end() ? std::nullopt : std::optional{found->second};
}

std::string in_utf8(wint_t character) {
    std::array<char, MB_LEN_MAX> bytes{};
    std::mbstate_t state{};
    const auto size = std::wcrtomb(bytes.data(), static_cast<wchar_t>(character), &state);
    return size == static_cast<std::size_t>(-1) ? std::string{} : std::string{bytes.data(), size};
}

/// Nothing for keys that mean nothing here.
std::optional<TopKey> key_of(int result, wint_t code) {
    if (result == KEY_CODE_YES) {
        const auto kind = kind_of(special_keys, code);
        return kind ? std::optional<TopKey>{{*kind, {}}} : std::nullopt;
    }
    if (const auto kind = kind_of(control_keys, code)) return TopKey{*kind, {}};
    auto text = in_utf8(code);
    if (text.empty() || code < 0x20) return std::nullopt;
    return TopKey{Kind::text, std::move(text)};
}

void prepare() {
    cbreak();
    noecho();
    nonl();
    curs_set(0);
    keypad(stdscr, true);
    nodelay(stdscr, true);
    set_escdelay(25);  // in milliseconds: Escape is a key here
}

}  // namespace

TopTerminal::TopTerminal() {
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        throw std::runtime_error{"standard input and output are no terminal, try --once"};
    use_utf8();
    screen_ = newterm(nullptr, stdout, stdin);
    if (screen_ == nullptr) throw std::runtime_error{"this terminal is not known ($TERM), try --once"};
    prepare();
    colours_ = use_colours();
}

TopTerminal::~TopTerminal() {
    endwin();
    delscreen(screen_);
}

std::size_t TopTerminal::width() const { return static_cast<std::size_t>(std::max(0, getmaxx(stdscr))); }
std::size_t TopTerminal::height() const { return static_cast<std::size_t>(std::max(0, getmaxy(stdscr))); }

void TopTerminal::draw(const std::vector<Line>& lines) {
    erase();
    for (std::size_t y = 0; y < lines.size(); ++y) {
        move(static_cast<int>(y), 0);
        for (const auto& part : lines[y]) {
            attrset(static_cast<int>(attributes_of(part.style, colours_)));
            addstr(part.text.c_str());
        }
    }
    refresh();
}

std::optional<TopKey> TopTerminal::read_key() {
    while (true) {
        wint_t code = 0;
        const int result = get_wch(&code);
        if (result == ERR) return std::nullopt;
        if (auto key = key_of(result, code)) return key;
    }
}

}  // namespace rpcbroker
