// Flags, environment variables and a configuration file, the same way in every program.
//
//     Flags flags{"rpc-broker", "Passes calls on to workers.", "rpc-broker --frontend tcp://127.0.0.1:5555"};
//     flags.group("Time");
//     flags.add_duration("--heartbeat", options.heartbeat, "between two signs of life");
//     if (const auto status = flags.parse(argc, argv)) return *status;
//
// Every flag has an environment variable (--service-grace: RPC_SERVICE_GRACE; several values parted by commas) and a
// name in the file that --config names (service-grace = "1s"). Flag beats environment beats file beats what the
// variable held when it was added, which is what --help shows as the default. --help, --version, --config, --log-level
// and --log-format are there in every program. What is wrong with a value is one line on standard error that names
// where it came from and what would be right.
//
// The variables are written by parse() and must live until then. Set-up code: one thread, and names that are no flags
// or are added twice throw std::logic_error.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <rpcbroker/endpoint.hpp>

namespace rpcbroker {

class FlagParser;

class Flags {
public:
    /// Takes one value: what is wrong with it, or nothing when it was right.
    using Take = std::function<std::optional<std::string>(const std::string& value)>;

    /// `examples` are lines, shown at the end of --help.
    Flags(std::string program, std::string description, std::string examples);
    ~Flags();
    Flags(const Flags&) = delete;
    Flags& operator=(const Flags&) = delete;

    /// Flags added after this stand under `heading` in --help.
    Flags& group(std::string heading);

    /// Each `name` begins with "--"; `value_name` is what --help shows for the value ("FILE").
    Flags& add_switch(const std::string& name, bool& variable, const std::string& help);
    Flags& add_text(const std::string& name, std::string& variable, const std::string& value_name,
                    const std::string& help);
    /// May be given several times.
    Flags& add_texts(const std::string& name, std::vector<std::string>& variable, const std::string& value_name,
                     const std::string& help);
    Flags& add_choice(const std::string& name, std::string& variable, const std::vector<std::string>& choices,
                      const std::string& help);
    /// A whole number from `least` to `most`.
    template <std::integral T>
    Flags& add_number(const std::string& name, T& variable, const std::string& help, std::type_identity_t<T> least = 0,
                      std::type_identity_t<T> most = std::numeric_limits<T>::max());
    /// Written 250ms, 5s, 2m. Finer than the variable's unit is an error.
    template <class Rep, class Period>
    Flags& add_duration(const std::string& name, std::chrono::duration<Rep, Period>& variable, const std::string& help);
    /// Written 64KiB, 16MiB. In bytes.
    Flags& add_size(const std::string& name, std::uint64_t& variable, const std::string& help);
    /// May be given several times. `preset` is used where none is given.
    Flags& add_endpoints(const std::string& name, std::vector<Endpoint>& variable, Endpoint::Use use,
                         std::string_view preset, const std::string& help);
    /// Any other kind of value. `shown_default` may be empty. With `several`, `take` is called once for each value.
    Flags& add_value(const std::string& name, const std::string& value_name, const std::string& shown_default,
                     Take take, const std::string& help, bool several = false);

    /// What stands on the command line without a flag, in the order of adding. `name` is for --help and messages.
    Flags& add_argument(const std::string& name, std::string& variable, const std::string& help, bool required = true);
    /// All that are left.
    Flags& add_arguments(const std::string& name, std::vector<std::string>& variable, const std::string& help);

    /// Reads everything, writes the variables and sets up the log. The exit status if the program is to end now: 0
    /// after --help or --version (on standard output), 2 after a mistake (on standard error). Once per object.
    std::optional<int> parse(int argc, const char* const* argv);
    /// The same, with the arguments after the program's name, and the streams given.
    std::optional<int> parse(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

    /// Whether the flag was given anywhere: command line, environment or file. After parse().
    [[nodiscard]] bool given(std::string_view name) const;
    /// For mistakes that only the program can see ("--key needs --authorized"): prints the line and returns 2.
    int refuse(std::string_view problem) const;

private:
    void add_general(std::string& level, std::string& format);
    using Whole = std::function<void(std::int64_t)>;
    using Micro = std::function<bool(std::chrono::microseconds)>;
    Flags& add_whole(const std::string& name, std::int64_t preset, const std::string& help, std::int64_t least,
                     std::int64_t most, Whole take);
    /// `take` returns false for what is too fine for it.
    Flags& add_micro(const std::string& name, std::chrono::microseconds preset, const std::string& help, Micro take);

    std::unique_ptr<FlagParser> parser_;
    std::ostream* errors_;
};

template <std::integral T>
Flags& Flags::add_number(const std::string& name, T& variable, const std::string& help, std::type_identity_t<T> least,
                         std::type_identity_t<T> most) {
    const auto limit = std::numeric_limits<std::int64_t>::max();
    const auto clamp = [](T value) {
        return std::cmp_greater(value, limit) ? limit : static_cast<std::int64_t>(value);
    };
    return add_whole(name, clamp(variable), help, clamp(least), clamp(most),
                     [&variable](std::int64_t value) { variable = static_cast<T>(value); });
}

template <class Rep, class Period>
Flags& Flags::add_duration(const std::string& name, std::chrono::duration<Rep, Period>& variable,
                           const std::string& help) {
    static_assert(sizeof(Rep) >= sizeof(std::int64_t));
    const auto preset = std::chrono::duration_cast<std::chrono::microseconds>(variable);
    return add_micro(name, preset, help, [&variable](std::chrono::microseconds value) {
        variable = std::chrono::duration_cast<std::chrono::duration<Rep, Period>>(value);
        return variable == value;
    });
}

}  // namespace rpcbroker
