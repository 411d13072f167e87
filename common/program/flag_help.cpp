#include "common/program/flag_help.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

namespace rpcbroker {
namespace {

constexpr std::size_t help_column = 30;
constexpr std::size_t help_width = 100;

std::string wrapped(std::string_view text) {
    constexpr std::size_t room = help_width - help_column;
    std::string lines;
    while (text.size() > room) {
        auto end = text.rfind(' ', room);
        if (end == std::string_view::npos) end = text.find(' ');
        if (end == std::string_view::npos) break;
        lines.append(text.substr(0, end)).append("\n");
        text.remove_prefix(end + 1);
    }
    return lines.append(text);
}

}  // namespace

FlagHelp::FlagHelp() {
    column_width(help_column);
    label("OPTIONS", "FLAGS");
    label("Positionals", "Arguments");
}

std::string FlagHelp::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
    auto text = CLI::Formatter::make_help(app, std::move(name), mode);
    for (auto at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n", at)) text.erase(at, 1);
    return text;
}

std::string FlagHelp::make_option_opts(const CLI::Option* option) const {
    const auto value_name = option->get_type_name();
    const bool several = option->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
    return (value_name.empty() ? "" : " " + value_name) + (several ? " ..." : "");
}

std::string FlagHelp::make_option_desc(const CLI::Option* option) const {
    const auto preset = option->get_default_str();
    return wrapped(option->get_description() + (preset.empty() ? "" : " (default " + preset + ")"));
}

}  // namespace rpcbroker
