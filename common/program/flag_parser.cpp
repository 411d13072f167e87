#include "common/program/flag_parser.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "common/program/config_file.hpp"
#include "common/program/flag_help.hpp"
#include "common/program/similar.hpp"

namespace rpcbroker {
namespace {

constexpr auto about_sources =
    "Every flag has an environment variable (--log-level: RPC_LOG_LEVEL; several values parted by commas)\n"
    "and a name in the file of --config (log-level = \"info\"). Flag beats environment beats file.";

// "RPC_SERVICE_GRACE" of "--service-grace".
std::string variable_of(const std::string& flag) {
    std::string variable = "RPC_" + flag.substr(2);
    for (char& c : variable) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return variable;
}

// Null also where it is empty, which counts as missing.
const char* environment(const std::string& variable) {
    const char* const value = variable.empty() ? nullptr : std::getenv(variable.c_str());
    return value == nullptr || *value == '\0' ? nullptr : value;
}

std::vector<std::string> parted_by_commas(const std::string& text) {
    std::vector<std::string> parts;
    std::istringstream stream{text};
    for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
    return parts;
}

bool takes_several(const CLI::Option& option) {
    return option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
}

bool is_switch(const CLI::Option& option) { return option.get_items_expected_max() == 0; }

// A dash and a digit is a negative number, a lone dash is standard input: both are arguments.
bool is_flag(const std::string& text) { return text.size() > 1 && text[0] == '-' && (text[1] < '0' || text[1] > '9'); }

std::string examples_section(const std::string& examples) {
    std::string section = examples.empty() ? "" : "\n\nExamples:";
    std::istringstream lines{examples};
    for (std::string line; std::getline(lines, line);) section.append(line.empty() ? "\n" : "\n  ").append(line);
    return section;
}

// " (did you mean --frontend?)", or nothing. `skip` is what stands before the names where they are shown without it.
std::string hint(const CLI::App& app, const std::string& name, std::size_t skip,
                 const std::function<bool(const CLI::Option*)>& eligible) {
    std::vector<std::string> names;
    for (const auto* option : app.get_options(eligible)) names.push_back(option->get_name());
    const auto meant = most_similar(name, names);
    return meant ? " (did you mean " + meant->substr(skip) + "?)" : "";
}

// The file, without what the environment overrides: CLI11 reads the file first, and lets what is read first stand.
class FlagsFile : public ConfigFile {
public:
    explicit FlagsFile(const CLI::App& app) : app_(app) {}

    std::vector<CLI::ConfigItem> from_config(std::istream& input) const override try {
        auto found = ConfigFile::from_config(input);
        for (const auto& item : found) check(item);
        std::erase_if(found, [&](const CLI::ConfigItem& item) {
            return environment(app_.get_option("--" + item.name)->get_envname()) != nullptr;
        });
        return found;
    } catch (const CLI::ConfigError& error) {
        throw CLI::ConfigError{app_.get_config_ptr()->results().back() + ": " + error.what()};
    }

private:
    void check(const CLI::ConfigItem& item) const {
        const auto* const option = app_.get_option_no_throw("--" + item.name);
        if (option == nullptr || !option->get_configurable()) {
            const auto configurable = [](const CLI::Option* other) { return other->get_configurable(); };
            throw CLI::ConfigError{item.name + ": no such name" + hint(app_, "--" + item.name, 2, configurable) +
                                   "; the names are those of " + app_.get_name() + " --help"};
        }
        if (item.inputs.empty()) throw CLI::ConfigError{item.name + ": the list is empty"};
        if (item.inputs.size() > 1 && !takes_several(*option))
            throw CLI::ConfigError{item.name + ": takes one value; a text with spaces or commas stands in quotes"};
    }

    const CLI::App& app_;
};

}  // namespace

FlagParser::FlagParser(const std::string& program, const std::string& description, const std::string& examples)
    : app_(description + "\n", program) {
    app_.set_help_flag();  // add_general() has its own
    app_.formatter(std::make_shared<FlagHelp>());
    app_.footer(about_sources + examples_section(examples));
    app_.allow_extras();
    app_.allow_config_extras(CLI::config_extras_mode::error);
    app_.config_formatter(std::make_shared<FlagsFile>(app_));
}

void FlagParser::add(Flag flag) try {
    if (!flag.name.starts_with("--")) throw std::logic_error{flag.name + " is no flag"};
    const auto take_all = [this, flag](const CLI::results_t& values) {
        take(flag, values);
        return true;
    };
    auto* const option = app_.add_option(flag.name, CLI::callback_t{take_all}, flag.help);
    option->group(group_)->type_name(flag.value_name)->default_str(flag.shown_default);
    option->envname(variable_of(flag.name))->expected(flag.value_name.empty() ? 0 : 1)->allow_extra_args(false);
    option->multi_option_policy(flag.several ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::TakeLast);
} catch (const CLI::ConstructionError& error) {
    throw std::logic_error{error.what()};
}

void FlagParser::add(Argument argument) { arguments_.push_back(std::move(argument)); }

void FlagParser::add_general() {
    auto* const config = app_.set_config("--config", "", "a TOML file with the same names as the flags");
    config->type_name("FILE")->group(group_)->take_last();
    config->check([this](const std::string& path) { return check_file(path); });
    // Not by envname(), as CLI11 reads the environment after the file.
    if (const char* const path = environment(variable_of("--config"))) config->add_result(path);

    // As soon as they are met, whatever else is wrong.
    const auto show_help = [] { throw CLI::CallForHelp{}; };
    app_.add_flag_callback("-h,--help", show_help, "this text")->configurable(false)->group(group_)->trigger_on_parse();
    app_.set_version_flag("--version", program() + " " + RPCBROKER_VERSION, "the version")
        ->group(group_)
        ->trigger_on_parse();
}

void FlagParser::parse(const std::vector<std::string>& arguments) {
    auto reversed = prepared(arguments);
    std::ranges::reverse(reversed);
    app_.parse(std::move(reversed));
    hand_out(arguments_left());
}

std::string FlagParser::help() {
    // Only for show: CLI11 would take "[1,2]" apart if it handed out what stands without a flag.
    for (const auto& argument : arguments_) {
        auto* const shown = app_.add_option(argument.name, CLI::callback_t{}, argument.help);
        shown->required(argument.required);
        if (argument.rest != nullptr) shown->expected(0, -1)->take_all();
    }
    return app_.help();
}

bool FlagParser::given(std::string_view name) const {
    const auto* const option = app_.get_option_no_throw(std::string{name});
    return option != nullptr && option->count() > 0;
}

// On the command line.
bool FlagParser::is_typed(const CLI::Option& option) const {
    return std::ranges::find(app_.parse_order(), &option) != app_.parse_order().end();
}

void FlagParser::take(const Flag& flag, const std::vector<std::string>& values) const {
    const auto& option = *app_.get_option(flag.name);
    const bool typed = is_typed(option);
    const bool from_environment = !typed && environment(option.get_envname()) != nullptr;
    auto source = flag.name;
    if (from_environment)
        source = option.get_envname();
    else if (!typed)
        source = app_.get_config_ptr()->results().back() + ": " + flag.name.substr(2);

    const bool parted = flag.several && from_environment;
    flag.begin();
    for (const auto& value : parted ? parted_by_commas(values.back()) : values) {
        if (const auto problem = flag.take(value)) throw CLI::ValidationError{source, *problem};
    }
}

// A file that cannot be read is an error of its own kind, as CLI11 would put its own words before another.
std::string FlagParser::check_file(const std::string& path) const {
    std::error_code ignored;
    int reason = 0;
    if (std::filesystem::is_directory(path, ignored))
        reason = EISDIR;
    else if (::access(path.c_str(), R_OK) != 0)
        reason = errno;
    if (reason == 0) return {};
    const auto source = is_typed(*app_.get_config_ptr()) ? "--config" : variable_of("--config");
    throw CLI::FileError{source + ": " + path + ": " + std::generic_category().message(reason)};
}

// CLI11 takes the next argument as the value of "--name=": an empty value is handed to it as an argument of its own.
std::vector<std::string> FlagParser::prepared(const std::vector<std::string>& arguments) const {
    std::vector<std::string> prepared;
    const CLI::Option* waiting = nullptr;  // for its value
    auto argument = arguments.begin();
    for (; argument != arguments.end() && (waiting != nullptr || *argument != "--"); ++argument) {
        const auto equals = argument->find('=');
        const auto name = argument->substr(0, equals);
        const auto* const option = waiting == nullptr && is_flag(name) ? app_.get_option_no_throw(name) : nullptr;
        const bool has_value = equals != std::string::npos;
        const bool has_empty_value = option != nullptr && has_value && equals + 1 == argument->size();
        if (has_empty_value && is_switch(*option)) throw CLI::ValidationError{name, "\"\" is neither true nor false"};
        prepared.push_back(has_empty_value ? name : *argument);
        if (has_empty_value) prepared.emplace_back();
        waiting = option != nullptr && !has_value && !is_switch(*option) ? option : nullptr;
    }
    if (waiting != nullptr) {
        const auto name = waiting->get_name();
        throw CLI::ValidationError{name, "needs a value, " + name + " " + waiting->get_type_name()};
    }
    prepared.insert(prepared.end(), argument, arguments.end());
    return prepared;
}

// What CLI11 took for no flag that it knows.
std::vector<std::string> FlagParser::arguments_left() const {
    auto left = app_.remaining();
    const auto end_of_flags = std::ranges::find(left, "--");
    const auto unknown = std::find_if(left.begin(), end_of_flags, is_flag);
    if (unknown != end_of_flags) {
        const auto name = unknown->substr(0, unknown->find('='));
        throw CLI::ValidationError{name, "no such flag" + hint(app_, name, 0, {}) + "; see " + program() + " --help"};
    }
    if (end_of_flags != left.end()) left.erase(end_of_flags);
    return left;
}

void FlagParser::hand_out(std::vector<std::string> values) const {
    const auto see_help = "; see " + program() + " --help";
    auto value = values.begin();
    for (const auto& argument : arguments_) {
        if (argument.required && value == values.end())
            throw CLI::ParseError{argument.name + " is missing" + see_help, CLI::ExitCodes::RequiredError};
        if (argument.rest != nullptr) {
            argument.rest->assign(value, values.end());
            value = values.end();
        } else if (value != values.end()) {
            *argument.one = *value++;
        }
    }
    if (value != values.end()) throw CLI::ValidationError{*value, "one argument too many" + see_help};
}

}  // namespace rpcbroker
