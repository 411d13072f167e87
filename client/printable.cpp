#include "client/printable.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <rpcbroker/pack.hpp>

namespace rpcbroker {

namespace {

using Range = std::pair<std::uint32_t, std::uint32_t>;

// Unicode's combining marks and format characters, as far as they are met in names.
constexpr std::array<Range, 7> without_width{{{0x0300, 0x036f},
                                              {0x0483, 0x0489},
                                              {0x0591, 0x05bd},
                                              {0x064b, 0x065f},
                                              {0x200b, 0x200d},
                                              {0x20d0, 0x20ff},
                                              {0xfe00, 0xfe0f}}};
// Those that turn the direction of writing, and so can make a text look like another one.
constexpr std::array<Range, 4> turning{{{0x061c, 0x061c}, {0x200e, 0x200f}, {0x202a, 0x202e}, {0x2066, 0x2069}}};
// East Asian wide and fullwidth characters, and pictures.
constexpr std::array<Range, 9> of_two_cells{{{0x1100, 0x115f},
                                             {0x2e80, 0x303e},
                                             {0x3041, 0xa4cf},
                                             {0xac00, 0xd7a3},
                                             {0xf900, 0xfaff},
                                             {0xfe30, 0xfe6f},
                                             {0xff00, 0xff60},
                                             {0x1f300, 0x1f9ff},
                                             {0x20000, 0x3fffd}}};

bool is_in(const auto& ranges, std::uint32_t point) {
    return std::ranges::any_of(ranges,
                               [=](const Range& range) { return range.first <= point && point <= range.second; });
}

std::size_t length_of_character(std::string_view text) {
    std::size_t length = 1;
    while (length < text.size() && length < 4 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) ++length;
    return length;
}

/// Of one character in UTF-8.
std::uint32_t code_point(std::string_view character) {
    const auto first = static_cast<unsigned char>(character[0]);
    if (character.size() == 1) return first;
    std::uint32_t point = first & (0x7fU >> character.size());
    for (const char byte : character.substr(1)) point = point << 6 | (static_cast<unsigned char>(byte) & 0x3fU);
    return point;
}

std::size_t cells_of_character(std::string_view character) {
    const auto point = code_point(character);
    if (is_in(without_width, point)) return 0;
    return is_in(of_two_cells, point) ? 2 : 1;
}

void append_escaped(std::string& out, unsigned char byte) {
    static constexpr std::string_view hex = "0123456789abcdef";
    ((out += "\\x") += hex[byte >> 4]) += hex[byte & 15];
}

/// Control characters of C0 and C1, DEL, and Unicode's of direction.
bool is_control(std::string_view character) {
    const auto point = code_point(character);
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || is_in(turning, point);
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        auto character = text.substr(0, length_of_character(text));
        if (!is_utf8(character)) character = text.substr(0, 1);
        if (character == "\n")
            out += "\\n";
        else if (is_utf8(character) && !is_control(character))
            out += character;
        else
            for (const char byte : character) append_escaped(out, static_cast<unsigned char>(byte));
        text.remove_prefix(character.size());
    }
    return out;
}

std::size_t cells_of(std::string_view text) {
    std::size_t cells = 0;
    while (!text.empty()) {
        const auto character = text.substr(0, length_of_character(text));
        cells += cells_of_character(character);
        text.remove_prefix(character.size());
    }
    return cells;
}

std::string cut_to(std::string_view text, std::size_t width) {
    if (cells_of(text) <= width) return std::string{text};
    if (width == 0) return {};
    std::size_t end = 0;
    for (std::size_t cells = 0; end < text.size();) {
        const auto character = text.substr(end, length_of_character(text.substr(end)));
        cells += cells_of_character(character);
        if (cells > width - 1) break;
        end += character.size();
    }
    return std::string{text.substr(0, end)} + "…";
}

}  // namespace rpcbroker
