#include "common/program/config_file.hpp"

#include <algorithm>
#include <cstddef>
#include <istream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

namespace rpcbroker {
namespace {

constexpr char no_comments = '\0';
constexpr std::string_view spaces = " \t\r";

bool is_space(char c) { return spaces.find(c) != std::string_view::npos; }

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

std::string_view trimmed(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(spaces), text.size()));
    return text.substr(0, text.find_last_not_of(spaces) + 1);
}

// Writes a file the way CLI11 reads it right: one "name = value" a line, lists too, without comments.
class Simplifier {
public:
    explicit Simplifier(std::istream& input) : input_(input) {}

    std::string run() {
        for (char c = 0; input_.get(c);) take(c);
        if (quote_ != no_quote) fail("the quote at the end of a text is missing");
        if (in_list_) fail("the ] at the end of a list is missing");
        end_line();
        return std::move(simplified_);
    }

private:
    static constexpr char no_quote = '\0';

    [[noreturn]] void fail(const std::string& problem) const {
        throw CLI::ConfigError{"line " + std::to_string(number_) + ": " + problem};
    }

    void take(char c) {
        if (quote_ != no_quote)
            take_in_text(c);
        else if (c == '#')
            skip_comment();
        else if (c == '\n')
            take_newline();
        else
            take_outside_text(c);
    }

    void take_in_text(char c) {
        if (c == '\\') fail("backslashes are not known here");
        if (c == '\n') fail("the quote at the end of a text is missing");
        if (c >= '\0' && c < ' ' && c != '\t') fail("a control character in a text");
        if (c == quote_) quote_ = no_quote;
        line_.push_back(c);
    }

    void skip_comment() {
        while (input_.peek() != '\n' && input_.peek() != std::istream::traits_type::eof()) input_.ignore();
    }

    void take_newline() {
        if (in_list_)
            line_.push_back(' ');
        else
            end_line();
        ++number_;
    }

    void take_outside_text(char c) {
        if (list_ended_ && !is_space(c)) fail("the line goes on after the ] of a list");
        if (c == '"' || c == '\'') quote_ = c;
        if (c == '[') begin_list();
        if (in_list_ && (c == ',' || c == ']')) line_.resize(line_.find_last_not_of(spaces) + 1);
        line_.push_back(c);
        if (c == ']') list_ended_ = in_list_, in_list_ = false;
    }

    void begin_list() {
        const auto before = trimmed(line_);
        if (before.empty()) fail("tables are not known here; write name = value, names as the flags have them");
        if (in_list_) fail("a list cannot hold lists");
        in_list_ = before.ends_with('=');
    }

    void end_line() {
        list_ended_ = false;
        const auto line = trimmed(line_);
        if (!line.empty()) add(line);
        line_.clear();
    }

    void add(std::string_view line) {
        const auto equals = std::min(line.find('='), line.size());
        const auto name = trimmed(line.substr(0, equals));
        const bool has_value = equals + 1 < line.size();
        if (name.empty() || !has_value || !std::ranges::all_of(name, is_name_character))
            fail("expected name = value, names as the flags have them");
        if (!names_.emplace(name).second) fail(std::string{name} + " stands there twice");
        simplified_.append(line).append("\n");
    }

    std::istream& input_;
    std::string simplified_;
    std::string line_;  // a list goes on in the same one
    std::size_t number_ = 1;
    char quote_ = no_quote;
    bool in_list_ = false;
    bool list_ended_ = false;  // on this line
    std::set<std::string, std::less<>> names_;
};

}  // namespace

ConfigFile::ConfigFile() { comment(no_comments); }

std::vector<CLI::ConfigItem> ConfigFile::from_config(std::istream& input) const {
    std::istringstream simplified{Simplifier{input}.run()};
    return CLI::ConfigTOML::from_config(simplified);
}

}  // namespace rpcbroker
