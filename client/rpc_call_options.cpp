#include "client/rpc_call_options.hpp"

#include <algorithm>
#include <iostream>

#include <rpcbroker/endpoint.hpp>
#include <rpcbroker/pack.hpp>

#include "client/parameters.hpp"
#include "client/printable.hpp"
#include "common/message.hpp"
#include "common/program/flags.hpp"
#include "common/program/key_flags.hpp"

namespace rpcbroker {

namespace {

constexpr const char* description = "Calls a method by a broker, and prints its result.";

constexpr const char* examples = R"(rpc-call EchoUtil.CountString "this is test"       a string, since it is no JSON
rpc-call EchoUtil.Echo '{"a": [1, true]}'          any JSON is taken as what it says
rpc-call --string EchoUtil.CountString 12          text, though it would be a number
rpc-call EchoUtil.CountString @letter.txt          a file's content (@@x is the text @x)
date | rpc-call EchoUtil.Upper -                   standard input
rpc-call --json '["banana", "an"]' EchoUtil.Count  all parameters at once (or --json @file)
rpc-call EchoUtil.Range 5                          a stream: a line an item, as it comes
rpc-call --list                                    what can be called there?
rpc-call --describe EchoUtil.Count                 and with which parameters?
rpc-call rpc.workers                               the broker's own: rpc.services, rpc.stats, ...

Results that JSON cannot hold: bytes that are no text are {"$bytes": "<base64>"}, NaN is {"$float": "NaN"},
extensions are {"$ext": type, "data": "<base64>"}; keys become strings. --msgpack gives what really came.

Exit status: 0 ok, 1 another error (also the handler's), 2 usage, 3 UNAVAILABLE (nobody answers there),
4 DEADLINE_EXCEEDED, 5 NOT_FOUND or UNIMPLEMENTED, 6 INVALID_ARGUMENT, 7 RESOURCE_EXHAUSTED,
8 UNAUTHENTICATED or PERMISSION_DENIED, 9 CANCELLED (Ctrl-C))";

/// The command line as it is, before it is checked as a whole.
struct CommandLine {
    std::vector<Endpoint> brokers;
    std::chrono::milliseconds timeout{std::chrono::seconds{30}};
    std::string method;
    std::vector<std::string> arguments;
    std::string json;
    bool strings = false;
    bool pretty = false;
    bool raw = false;
    bool msgpack = false;
    bool idempotent = false;
    unsigned attempts = 1;
    std::string key;
    KeyFlags keys{"--key-file"};  // --key is the affinity
    RpcCallOptions options;
};

std::optional<std::string> take_meta(CallOptions& call, const std::string& text) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) return "is not of the form NAME=VALUE";
    call.meta[text.substr(0, equals)] = text.substr(equals + 1);
    return std::nullopt;
}

void add_where_and_what(Flags& flags, CommandLine& line) {
    flags.group("Where");
    flags.add_endpoints("--broker", line.brokers, Endpoint::Use::connect, default_frontend,
                        "the broker's frontend; of several, one that answers");
    line.keys.add(flags);
    flags.add_duration("--timeout", line.timeout, "for the whole call; it never waits longer, answer or not");
    flags.group("Parameters");
    flags.add_switch("--string", line.strings, "take every ARG as a string, as it stands");
    flags.add_text("--json", line.json, "ARRAY", "all parameters at once, as one JSON array");
    flags.group("Output");
    flags.add_switch("--pretty", line.pretty, "the result as indented JSON, not on one line");
    flags.add_switch("--raw", line.raw, "a string or bytes without quotes; other results as JSON");
    flags.add_switch("--msgpack", line.msgpack, "the result's MessagePack bytes, as they came");
    flags.add_switch("--timing", line.options.timing, "say on standard error where the time went");
}

void add_how(Flags& flags, CommandLine& line) {
    auto& options = line.options;
    flags.group("The call");
    flags.add_number("--repeat", options.repeat, "call so many times, a line each", 1, 1'000'000'000);
    flags.add_number("--parallel", options.parallel, "keep so many calls under way at once", 1, 100'000);
    flags.add_switch("--one-way", options.one_way, "send it and hear no answer");
    flags.add_switch("--idempotent", line.idempotent, "running it twice does no harm: run again what was lost");
    flags.add_number("--attempts", line.attempts, "try so often, with pauses, what did not run or is --idempotent", 1,
                     1000);
    flags.add_text("--key", line.key, "KEY", "calls with the same key go to the same worker");
    flags.add_text("--worker", options.call.worker, "ID", "this worker and no other (ids: rpc-call rpc.workers)");
    flags.add_value(
        "--meta", "NAME=VALUE", "", [&](const std::string& text) { return take_meta(options.call, text); },
        "metadata for the handler", true);
    flags.add_text("--trace", options.call.trace, "TRACEPARENT", "W3C trace context, for the handler and for logs");
    flags.group("What can be called");
    flags.add_switch("--list", options.list, "all services and methods, for people to read");
    flags.add_switch("--names", options.names, "the full name of every method, a line each, for scripts");
    flags.add_text("--describe", options.describe, "METHOD", "one method: parameters, result, what it does");
    flags.add_argument("METHOD", line.method, "what to call: Service.Method", false);
    flags.add_arguments("ARG", line.arguments,
                        "JSON where it is valid JSON, else a string; @FILE is a file's content, - standard input");
}

/// What does not go together, as one line.
std::optional<std::string> conflict(const Flags& flags, const CommandLine& line) {
    const int asks = line.options.list + line.options.names + flags.given("--describe");
    if (asks > 1) return "--list, --names and --describe do not go together";
    if (asks && !line.method.empty()) return "METHOD is not for --list, --names or --describe; drop one of the two";
    if (!asks && line.method.empty()) return "METHOD is missing, try: rpc-call EchoUtil.CountString \"this is test\"";
    if (!asks && !is_method_name(line.method))
        return "METHOD: \"" + printable(line.method) + "\" is no method, try Service.Method";
    if (flags.given("--describe") && !is_method_name(line.options.describe))
        return "--describe: \"" + printable(line.options.describe) + "\" is no method, try Service.Method";
    if (flags.given("--json") && (line.strings || !line.arguments.empty()))
        return "--json gives all parameters: no ARG and no --string beside it";
    if (line.pretty + line.raw + line.msgpack > 1) return "--pretty, --raw and --msgpack: one of them at most";
    return std::nullopt;
}

Result<std::string> packed_parameters(const Flags& flags, const CommandLine& line) {
    if (flags.given("--json")) return pack_json_parameters(line.json, std::cin);
    if (line.strings) return pack_strings(line.arguments);
    return pack_arguments(line.arguments, std::cin);
}

RpcCallOptions finished(const Flags& flags, CommandLine line) {
    auto options = std::move(line.options);
    for (const auto& endpoint : line.brokers) options.brokers.push_back(endpoint.text());
    options.method = line.method;
    options.call.timeout = line.timeout;
    if (line.idempotent) options.call.idempotent = true;
    options.call.retry = RetryPolicy{.attempts = line.attempts};
    if (flags.given("--key")) options.call.key = line.key;
    options.call.timing = options.timing;
    if (line.pretty) options.format = OutputFormat::pretty;
    if (line.raw) options.format = OutputFormat::raw;
    if (line.msgpack) options.format = OutputFormat::msgpack;
    if (!flags.given("--repeat")) options.repeat = options.parallel;
    return options;
}

}  // namespace

std::variant<RpcCallOptions, int> parse_rpc_call(int argc, const char* const* argv) {
    CommandLine line;
    Flags flags{"rpc-call", description, examples};
    add_where_and_what(flags, line);
    add_how(flags, line);
    if (const auto status = flags.parse(argc, argv)) return *status;
    if (const auto problem = conflict(flags, line)) return flags.refuse(*problem);
    if (const auto problem = line.keys.read(flags, line.options.keys)) return flags.refuse(*problem);
    auto params = packed_parameters(flags, line);
    if (!params) return flags.refuse(params.error().message());
    auto options = finished(flags, std::move(line));
    options.params = std::move(*params);
    return options;
}

}  // namespace rpcbroker
