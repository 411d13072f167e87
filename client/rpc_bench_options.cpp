#include "client/rpc_bench_options.hpp"

#include <charconv>
#include <iostream>
#include <optional>

#include <rpcbroker/endpoint.hpp>

#include "client/parameters.hpp"
#include "client/printable.hpp"
#include "common/message.hpp"
#include "common/program/flags.hpp"
#include "common/program/key_flags.hpp"
#include "common/units.hpp"

namespace rpcbroker::bench {

namespace {

constexpr const char* description = "Measures calls by a broker: their rate, and how long they take.";

constexpr const char* examples =
    R"(rpc-bench --self                                 a broker and a worker of its own, one call at a time
rpc-bench --self --shape all --duration 5s       every shape, one after the other
rpc-bench                                        the broker at hand, EchoUtil.CountString "this is test"
rpc-bench Shop.Price '"apple"' 3                 any method; arguments as those of rpc-call
rpc-bench --shape pipelined --window 100         a hundred calls in flight on one connection
rpc-bench --shape clients --clients 500          500 connections, each with one call at a time
rpc-bench --shape payload --size 1KiB --size 1MiB
rpc-bench --shape mixed --mix '9:Shop.Price:["apple", 3]' --mix '1:Shop.Report:[]'
rpc-bench --rate 5000 --clients 4                open loop: 5,000 calls a second, come what may
rpc-bench --format json >run.json                for scripts; csv: a line a round

Shapes, with what they do where flags say nothing else:
  latency     1 client, 1 call in flight
  pipelined   1 client, 1,000 calls in flight
  clients     50 clients, each with a connection and 1 call in flight
  payload     1 client, 1 call in flight; a round for each --size, a text of so many bytes to EchoUtil.Echo and back
  mixed       8 clients, 4 calls in flight each: 70 % small, 20 % of 1 KiB, 9 % of 16 KiB, 1 % of 256 KiB
  all         these, one after the other

Without --rate, the loop is closed: a client makes its next call when one has ended, so a broker that stands still is
asked less, and the calls that would have met it are missing. With --rate it is open: calls are sent when they are due,
and times are counted from when a call was due to be sent, not from when it was, so nothing is left out (coordinated
omission). Only what finds --max-in-flight calls under way is not sent; those calls are counted and shown.

Times are those of calls that were due after the warm-up and ended well, within 1/256. CALLS are all of them, also those
that failed; CALLS/S those that ended well while it was measured; MB/S their parameters and results. CPU a call is that
of all processes that are named. The first call of each method is made before the warm-up, to see whether it is there.

Exit status: that of rpc-call for the error that most calls ended with: 0 all well, 1 another error (also the handler's),
2 usage, 3 UNAVAILABLE (nobody answers there), 4 DEADLINE_EXCEEDED, 5 NOT_FOUND or UNIMPLEMENTED, 6 INVALID_ARGUMENT,
7 RESOURCE_EXHAUSTED, 8 UNAUTHENTICATED or PERMISSION_DENIED; 9 interrupted (Ctrl-C), with what was measured until then)";

constexpr std::uint64_t most_clients = 20'000;
constexpr std::uint64_t most_in_flight = 1'000'000;
constexpr std::uint64_t largest_payload = std::uint64_t{1} << 30;

/// The command line as it is, before it is checked as a whole. Numbers hold what --help shows.
struct CommandLine {
    std::vector<Endpoint> brokers;
    KeyFlags keys{"--key-file"};
    std::chrono::milliseconds timeout{std::chrono::seconds{10}};
    std::string method;
    std::vector<std::string> arguments;
    std::string json;
    std::string transport = "tcp";
    std::string format = "text";
    unsigned workers = 1;
    Load load;
    BenchOptions options;
};

using Problem = std::optional<std::string>;

Problem take_count(std::optional<std::uint64_t>& variable, const std::string& text, std::uint64_t most) {
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{} || end != text.data() + text.size() || number < 1 || number > most)
        return "\"" + text + "\" is no whole number from 1 to " + std::to_string(most);
    variable = number;
    return std::nullopt;
}

/// A number that the shape chooses where it is not given.
void add_count(Flags& flags, const std::string& name, std::optional<std::uint64_t>& variable, std::uint64_t most,
               const std::string& help) {
    flags.add_value(
        name, "N", "", [&variable, most](const std::string& text) { return take_count(variable, text, most); }, help);
}

Problem take_size(std::vector<std::uint64_t>& sizes, const std::string& text) {
    const auto size = parse_size(text);
    if (!size) return size.error().message();
    if (*size > largest_payload) return "\"" + text + "\" is more than " + format_size(largest_payload);
    sizes.push_back(*size);
    return std::nullopt;
}

/// WEIGHT:METHOD, or WEIGHT:METHOD:PARAMETERS. No method has a colon before its parameters.
Problem take_mix(std::vector<CallKind>& mix, const std::string& text) {
    const auto first = text.find(':');
    const auto second = first == std::string::npos ? first : text.find(':', first + 1);
    if (first == std::string::npos) return "is not of the form WEIGHT:METHOD:[PARAMETER, ...]";
    std::optional<std::uint64_t> weight;
    if (auto problem = take_count(weight, text.substr(0, first), most_in_flight)) return problem;
    CallKind kind{.method = text.substr(first + 1, second - first - 1), .weight = *weight};
    if (!is_method_name(kind.method)) return "\"" + printable(kind.method) + "\" is no method, try Service.Method";
    kind.label = kind.method;
    auto params = pack_json_parameters(second == std::string::npos ? "[]" : text.substr(second + 1), std::cin);
    if (!params) return params.error().message();
    kind.params = std::move(*params);
    mix.push_back(std::move(kind));
    return std::nullopt;
}

void add_where(Flags& flags, CommandLine& line) {
    flags.group("Where");
    flags.add_endpoints("--broker", line.brokers, Endpoint::Use::connect, default_frontend,
                        "the broker's frontend; of several, each connection uses all");
    line.keys.add(flags);
    flags.add_duration("--connect-timeout", line.options.run.connect_timeout, "for a broker to answer at all");
    flags.add_switch("--self", line.options.self, "start a broker and workers of the same build instead, and end them");
    flags.add_number("--workers", line.workers, "with --self: how many rpc-worker", 1, 1024);
    flags.add_value(
        "--worker-threads", "N", "",
        [&line](const std::string& text) {
            std::optional<std::uint64_t> number;
            auto problem = take_count(number, text, 1024);
            if (!problem) line.options.fleet.worker_threads = static_cast<unsigned>(*number);
            return problem;
        },
        "with --self: threads of each; rpc-worker's default if missing");
    flags.add_choice("--transport", line.transport, {"tcp", "ipc"}, "what connects the programs of --self");
}

void add_load(Flags& flags, CommandLine& line) {
    auto& load = line.load;
    flags.group("Load");
    flags.add_choice("--shape", load.shape, shape_names(), "what is done, see below");
    add_count(flags, "--clients", load.clients, most_clients, "callers, each with a thread or a window of its own");
    add_count(flags, "--connections", load.connections, most_clients, "that the clients share; one each if missing");
    add_count(flags, "--window", load.window, most_in_flight, "calls that each client keeps in flight");
    flags.add_value(
        "--size", "SIZE", "64B, 1KiB, 16KiB, 256KiB and 1MiB",
        [&load](const std::string& text) { return take_size(load.sizes, text); },
        "of the parameter of shape payload, a text", true);
    flags.add_value(
        "--mix", "WEIGHT:METHOD:ARRAY", "", [&load](const std::string& text) { return take_mix(load.mix, text); },
        "a call of shape mixed, its parameters a JSON array", true);
    add_count(flags, "--rate", load.rate, 10'000'000, "open loop: send so many calls a second, all clients together");
    flags.add_number("--max-in-flight", load.max_in_flight, "with --rate: calls of all clients under way at once", 1,
                     most_in_flight);
    flags.group("How long");
    flags.add_duration("--warm-up", load.warm_up, "before each round; not measured");
    flags.add_duration("--duration", load.duration, "of each round");
    add_count(flags, "--calls", load.calls, 1'000'000'000'000, "measure so many calls instead, in each round");
}

void add_call_and_output(Flags& flags, CommandLine& line) {
    flags.group("The call");
    flags.add_duration("--timeout", line.timeout, "of each call");
    flags.add_text("--json", line.json, "ARRAY", "all parameters at once, as one JSON array");
    flags.add_argument("METHOD", line.method, "what to call; EchoUtil.CountString \"this is test\" if missing", false);
    flags.add_arguments("ARG", line.arguments,
                        "JSON where it is valid JSON, else a string; @FILE is a file's content, - standard input");
    flags.group("Output");
    flags.add_choice("--format", line.format, {"text", "json", "csv"}, "of the report on standard output");
    flags.add_switch("--quiet", line.options.quiet, "no progress, which is shown where standard error is a terminal");
}

/// What does not go together, as one line.
Problem conflict(const Flags& flags, const CommandLine& line) {
    const auto& load = line.load;
    for (const auto* name : {"--workers", "--worker-threads", "--transport"})
        if (flags.given(name) && !line.options.self) return std::string{name} + " needs --self";
    if (load.rate && load.window) return "--window and --rate do not go together; --max-in-flight is for --rate";
    if (!load.rate && flags.given("--max-in-flight")) return "--max-in-flight needs --rate";
    if (load.calls && flags.given("--duration")) return "--calls and --duration: one of them at most";
    if (!load.calls && load.duration <= std::chrono::microseconds::zero()) return "--duration: more than 0s is wanted";
    if (flags.given("--size") && load.shape != "payload" && load.shape != "all") return "--size needs --shape payload";
    if (flags.given("--mix") && load.shape != "mixed" && load.shape != "all") return "--mix needs --shape mixed";
    if (!line.method.empty() && load.shape == "mixed") return "METHOD is not for --shape mixed; use --mix";
    if (!line.method.empty() && !is_method_name(line.method))
        return "METHOD: \"" + printable(line.method) + "\" is no method, try Service.Method";
    const bool has_parameters = flags.given("--json") || !line.arguments.empty();
    if (has_parameters && line.method.empty()) return "--json needs METHOD";
    if (has_parameters && load.shape == "payload")
        return "--shape payload makes the parameter itself: no ARG, no --json";
    if (flags.given("--json") && !line.arguments.empty()) return "--json gives all parameters: no ARG beside it";
    return std::nullopt;
}

BenchOptions finished(CommandLine line) {
    auto options = std::move(line.options);
    for (const auto& endpoint : line.brokers) options.run.brokers.push_back(endpoint.text());
    options.run.call.timeout = line.timeout;
    options.run.warm_up = line.load.warm_up;
    options.run.duration = line.load.duration;
    options.run.calls = line.load.calls;
    options.fleet.workers = line.workers;
    options.fleet.ipc = line.transport == "ipc";
    if (line.format == "json") options.format = Format::json;
    if (line.format == "csv") options.format = Format::csv;
    options.rounds = plan(line.load);
    return options;
}

}  // namespace

std::variant<BenchOptions, int> parse_rpc_bench(int argc, const char* const* argv) {
    CommandLine line;
    Flags flags{"rpc-bench", description, examples};
    add_where(flags, line);
    add_load(flags, line);
    add_call_and_output(flags, line);
    if (const auto status = flags.parse(argc, argv)) return *status;
    if (const auto problem = conflict(flags, line)) return flags.refuse(*problem);
    if (const auto problem = line.keys.read(flags, line.options.run.keys)) return flags.refuse(*problem);
    if (!line.method.empty()) {
        auto params = flags.given("--json") ? pack_json_parameters(line.json, std::cin)
                                            : pack_arguments(line.arguments, std::cin);
        if (!params) return flags.refuse(params.error().message());
        line.load.call = CallKind{.label = line.method, .method = line.method, .params = std::move(*params)};
    }
    return finished(std::move(line));
}

}  // namespace rpcbroker::bench
