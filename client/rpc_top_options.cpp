#include "client/rpc_top_options.hpp"

#include <optional>

#include <rpcbroker/endpoint.hpp>

#include "client/printable.hpp"
#include "common/program/flags.hpp"
#include "common/program/key_flags.hpp"
#include "common/units.hpp"

namespace rpcbroker {

namespace {

constexpr const char* description = "Shows what a broker is doing: services, methods, workers and clients, live.";

constexpr const char* examples = R"(rpc-top                                        the services, every second
rpc-top --view methods --sort p99_us           the slowest methods first
rpc-top --broker tcp://10.0.0.7:5555           another broker
rpc-top --once                                 two samples, a second apart, and a table; no terminal needed
rpc-top --once --json --interval 5s            for scripts: one document with every view

Keys: 1-4 or Tab the view, s and S the sort column, r its direction, / filters (Esc drops it), p pauses,
+ and - the interval, arrows and Page Up/Down move, q quits.

Rates are over the last interval. P50 and P99 are of the latest calls; MAX P99 is that of a service's slowest method.
"-" is what the broker does not tell, or a rate across its restart. Errors and calls that wait stand out in colour,
unless NO_COLOR is set.

Columns for --sort, by view:
)";

struct CommandLine {
    KeyFlags keys{"--key-file"};
    std::vector<Endpoint> brokers;
    std::chrono::milliseconds interval{std::chrono::seconds{1}};
    std::string view{name_of(View::services)};
    std::string sort;
    std::string filter;
    bool reverse = false;
    RpcTopOptions options;
};

std::string keys_of(View view) {
    std::string keys;
    for (const auto& column : columns_of(view)) keys += (keys.empty() ? "" : ", ") + std::string{column.key};
    return keys;
}

std::string columns_help() {
    std::string text;
    for (const auto view : {View::services, View::methods, View::workers, View::clients})
        text += "  " + std::string{name_of(view)} + ": " + keys_of(view) + "\n";
    return text;
}

void add_flags(Flags& flags, CommandLine& line) {
    flags.group("Where");
    flags.add_endpoints("--broker", line.brokers, Endpoint::Use::connect, default_frontend,
                        "the broker's frontend; of several, one that answers");
    line.keys.add(flags);
    flags.add_duration("--timeout", line.options.timeout, "for the broker to answer");
    flags.group("What is shown");
    flags.add_choice("--view", line.view, {view_names.begin(), view_names.end()}, "what to show first");
    flags.add_text("--sort", line.sort, "COLUMN", "the column to sort by (default calls_per_s)");
    flags.add_switch("--reverse", line.reverse, "the other way round");
    flags.add_text("--filter", line.filter, "TEXT", "only rows that have TEXT in a name or another text");
    flags.add_duration("--interval", line.interval, "between two samples");
    flags.group("For scripts");
    flags.add_switch("--once", line.options.once, "take two samples, print a table, and end");
    flags.add_switch("--json", line.options.json, "with --once: one line of JSON with every view");
}

std::optional<std::string> problem_with(const CommandLine& line, View view) {
    if (line.options.json && !line.options.once) return "--json needs --once";
    if (line.interval < shortest_interval)
        return "--interval: at least " + format_duration(shortest_interval) + " are wanted";
    if (!line.sort.empty() && !column_named(view, line.sort))
        return "--sort: \"" + printable(line.sort) + "\" is no column of " + line.view + ", which has " + keys_of(view);
    return std::nullopt;
}

}  // namespace

std::variant<RpcTopOptions, int> parse_rpc_top(int argc, const char* const* argv) {
    CommandLine line;
    Flags flags{"rpc-top", description, examples + columns_help()};
    add_flags(flags, line);
    if (const auto status = flags.parse(argc, argv)) return *status;
    if (const auto problem = line.keys.read(flags, line.options.keys)) return flags.refuse(*problem);
    const auto view = view_named(line.view).value();
    if (const auto problem = problem_with(line, view)) return flags.refuse(*problem);
    auto options = std::move(line.options);
    for (const auto& endpoint : line.brokers) options.brokers.push_back(endpoint.text());
    options.state = TopState{line.interval};
    options.state.show(view);
    const auto column = column_named(view, line.sort).value_or(options.state.sort_column());
    options.state.sort_by(column, line.reverse);
    options.state.filter_by(line.filter);
    return options;
}

}  // namespace rpcbroker
