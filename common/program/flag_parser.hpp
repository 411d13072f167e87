// What Flags is made of: CLI11's App, with the environment, the file and the messages as PROGRAMS has them. Internal to
// flags.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/App.hpp>

namespace rpcbroker {

struct Flag {
    std::string name{};           ///< with its "--"
    std::string value_name{};     ///< empty for a switch
    std::string shown_default{};  ///< empty: none is shown
    std::string help{};
    bool several = false;
    std::function<void()> begin = [] {};  ///< called once before the values of a flag that was given
    std::function<std::optional<std::string>(const std::string&)> take{};
};

struct Argument {
    std::string name;
    std::string help;
    bool required = false;
    std::string* one = nullptr;
    std::vector<std::string>* rest = nullptr;  ///< where it takes all that are left; else null
};

class FlagParser {
public:
    FlagParser(const std::string& program, const std::string& description, const std::string& examples);
    FlagParser(const FlagParser&) = delete;
    FlagParser& operator=(const FlagParser&) = delete;

    [[nodiscard]] const std::string& program() const noexcept { return app_.get_name(); }
    void group(std::string heading) { group_ = std::move(heading); }
    /// Throws std::logic_error for a name that is no flag's, or is taken.
    void add(Flag flag);
    void add(Argument argument);
    /// --config, --help and --version.
    void add_general();

    /// Hands every value to its flag or argument. Throws CLI::ParseError: CallForHelp, CallForVersion with the text, or
    /// what is wrong.
    void parse(const std::vector<std::string>& arguments);
    [[nodiscard]] std::string help();
    [[nodiscard]] bool given(std::string_view name) const;

private:
    [[nodiscard]] bool is_typed(const CLI::Option& option) const;
    void take(const Flag& flag, const std::vector<std::string>& values) const;
    [[nodiscard]] std::string check_file(const std::string& path) const;
    [[nodiscard]] std::vector<std::string> prepared(const std::vector<std::string>& arguments) const;
    [[nodiscard]] std::vector<std::string> arguments_left() const;
    void hand_out(std::vector<std::string> values) const;

    CLI::App app_;
    std::string group_ = "Options";
    std::vector<Argument> arguments_;
};

}  // namespace rpcbroker
