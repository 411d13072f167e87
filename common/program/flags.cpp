#include "common/program/flags.hpp"

#include <algorithm>
#include <charconv>
#include <iostream>
#include <system_error>

#include "common/program/flag_parser.hpp"
#include "common/program/log.hpp"
#include "common/units.hpp"

namespace rpcbroker {
namespace {

constexpr int usage_status = 2;
// So that a duration can be added to any time of any clock without overflow.
constexpr std::chrono::hours longest_duration{24 * 365 * 100};

using Problem = std::optional<std::string>;

std::string one_line(std::string_view text) {
    std::string line;
    for (const char c : text) {
        if (c == '\n')
            line.append("\\n");
        else
            line.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c);
    }
    return line;
}

Problem take_switch(bool& variable, const std::string& value) {
    const bool on = value == "true" || value == "1" || value == "yes" || value == "on";
    const bool off = value == "false" || value == "0" || value == "no" || value == "off";
    if (!on && !off) return "\"" + value + "\" is neither true nor false";
    variable = on;
    return std::nullopt;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text.append(i + 1 == words.size() ? " or " : ", ");
        text.append(words[i]);
    }
    return text;
}

}  // namespace

Flags::Flags(std::string program, std::string description, std::string examples)
    : parser_(new FlagParser{program, description, examples}), errors_(&std::cerr) {}

Flags::~Flags() = default;

Flags& Flags::group(std::string heading) {
    parser_->group(std::move(heading));
    return *this;
}

Flags& Flags::add_switch(const std::string& name, bool& variable, const std::string& help) {
    parser_->add(Flag{
        .name = name,
        .help = help,
        .take = [&variable](const std::string& value) { return take_switch(variable, value); },
    });
    return *this;
}

Flags& Flags::add_value(const std::string& name, const std::string& value_name, const std::string& shown_default,
                        Take take, const std::string& help, bool several) {
    parser_->add(Flag{
        .name = name,
        .value_name = value_name,
        .shown_default = shown_default,
        .help = help,
        .several = several,
        .take = std::move(take),
    });
    return *this;
}

Flags& Flags::add_text(const std::string& name, std::string& variable, const std::string& value_name,
                       const std::string& help) {
    const auto take = [&variable](const std::string& value) -> Problem {
        variable = value;
        return std::nullopt;
    };
    return add_value(name, value_name, variable, take, help);
}

Flags& Flags::add_texts(const std::string& name, std::vector<std::string>& variable, const std::string& value_name,
                        const std::string& help) {
    const auto take = [&variable](const std::string& value) -> Problem {
        variable.push_back(value);
        return std::nullopt;
    };
    parser_->add(Flag{
        .name = name,
        .value_name = value_name,
        .shown_default = joined(variable),
        .help = help,
        .several = true,
        .begin = [&variable] { variable.clear(); },
        .take = take,
    });
    return *this;
}

Flags& Flags::add_choice(const std::string& name, std::string& variable, const std::vector<std::string>& choices,
                         const std::string& help) {
    const auto take = [&variable, choices](const std::string& value) -> Problem {
        if (std::ranges::find(choices, value) == choices.end())
            return "\"" + value + "\" is none of " + joined(choices);
        variable = value;
        return std::nullopt;
    };
    return add_value(name, "WORD", variable, take, help + ": " + joined(choices));
}

Flags& Flags::add_whole(const std::string& name, std::int64_t preset, const std::string& help, std::int64_t least,
                        std::int64_t most, Whole take) {
    const auto take_text = [least, most, take = std::move(take)](const std::string& text) -> Problem {
        std::int64_t value = 0;
        const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (failed != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
            return "\"" + text + "\" is no whole number from " + std::to_string(least) + " to " + std::to_string(most);
        }
        take(value);
        return std::nullopt;
    };
    return add_value(name, "N", std::to_string(preset), take_text, help);
}

Flags& Flags::add_micro(const std::string& name, std::chrono::microseconds preset, const std::string& help,
                        Micro take) {
    const auto take_text = [take = std::move(take)](const std::string& text) -> Problem {
        const auto value = parse_duration(text);
        if (!value) return value.error().message();
        if (*value > longest_duration) return "\"" + text + "\" is longer than a hundred years";
        if (take(*value)) return std::nullopt;
        return "\"" + text + "\" is finer than this is counted in; write it as in 250ms or 5s";
    };
    return add_value(name, "DURATION", format_duration(preset), take_text, help);
}

Flags& Flags::add_size(const std::string& name, std::uint64_t& variable, const std::string& help) {
    const auto take = [&variable](const std::string& text) -> Problem {
        const auto value = parse_size(text);
        if (!value) return value.error().message();
        variable = *value;
        return std::nullopt;
    };
    return add_value(name, "SIZE", format_size(variable), take, help);
}

Flags& Flags::add_endpoints(const std::string& name, std::vector<Endpoint>& variable, Endpoint::Use use,
                            std::string_view preset, const std::string& help) {
    const auto take = [&variable, use](const std::string& text) -> Problem {
        auto endpoint = Endpoint::parse(text, use);
        if (!endpoint) return endpoint.error().message();
        variable.push_back(std::move(*endpoint));
        return std::nullopt;
    };
    parser_->add(Flag{
        .name = name,
        .value_name = "ENDPOINT",
        .shown_default = std::string{preset},
        .help = help,
        .several = true,
        .begin = [&variable] { variable.clear(); },
        .take = take,
    });
    variable.assign(1, Endpoint::parse(preset, use).value());
    return *this;
}

void Flags::add_general(std::string& level, std::string& format) {
    group("General");
    parser_->add_general();
    add_choice("--log-level", level, {"trace", "debug", "info", "warn", "error", "off"}, "what to log at least");
    add_choice("--log-format", format, {"text", "json"}, "of the log, which goes to standard error");
}

Flags& Flags::add_argument(const std::string& name, std::string& variable, const std::string& help, bool required) {
    parser_->add(Argument{name, help, required, &variable, nullptr});
    return *this;
}

Flags& Flags::add_arguments(const std::string& name, std::vector<std::string>& variable, const std::string& help) {
    parser_->add(Argument{name, help, false, nullptr, &variable});
    return *this;
}

std::optional<int> Flags::parse(int argc, const char* const* argv) {
    return parse(std::vector<std::string>(argv + std::min(argc, 1), argv + argc), std::cout, std::cerr);
}

std::optional<int> Flags::parse(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    errors_ = &err;
    std::string level = "info";
    std::string format = "text";
    add_general(level, format);
    try {
        parser_->parse(arguments);
    } catch (const CLI::CallForHelp&) {
        return out << parser_->help(), 0;
    } catch (const CLI::CallForVersion& version) {
        return out << version.what() << '\n', 0;
    } catch (const CLI::ParseError& problem) {
        return refuse(problem.what());
    }
    log::configure(*log::level_named(level), format == "json" ? log::Format::json : log::Format::text);
    return std::nullopt;
}

bool Flags::given(std::string_view name) const { return parser_->given(name); }

int Flags::refuse(std::string_view problem) const {
    *errors_ << parser_->program() << ": " << one_line(problem) << std::endl;
    return usage_status;
}

}  // namespace rpcbroker
