#include "gateway/gateway_options.hpp"

#include <fstream>
#include <optional>
#include <utility>
#include <vector>

#include <rpcbroker/endpoint.hpp>

#include "common/program/flags.hpp"
#include "common/program/key_flags.hpp"
#include "common/program/secrets.hpp"

namespace rpcbroker {

namespace {

constexpr const char* description = "Passes calls of HTTP, of JSON-RPC and of Go's net/rpc clients on to a broker.";

constexpr const char* examples =
    R"(rpc-gateway                                        on port 9999 of this machine, where Go's clients look
rpc-gateway --listen 127.0.0.1:0                   on any free port; the ready line says which
rpc-gateway --broker tcp://a:5555 --broker tcp://b:5555    by two brokers
rpc-gateway --allow 'EchoUtil.*'                   this service and no other
rpc-gateway --listen '*:9999' --token-file token --host rpc.example \
            --tls-cert chain.pem --tls-key key.pem          for other machines

curl localhost:9999/call/EchoUtil.CountString -d '["this is test"]'
curl localhost:9999/rpc -d '{"jsonrpc": "2.0", "method": "EchoUtil.CountString", "params": ["this is test"], "id": 1}'
curl localhost:9999/services)";

struct CommandLine {
    std::string listen = "127.0.0.1:9999";
    std::vector<Endpoint> brokers;
    std::vector<std::string> allow;
    std::string token_file;
    std::uint64_t max_header = MessageLimits{}.header;
    std::uint64_t max_body = MessageLimits{}.body;
    bool insecure = false;
    bool no_dashboard = false;
    KeyFlags keys{"--key-file"};
    GatewayOptions options;
};

void add_where(Flags& flags, CommandLine& line) {
    flags.group("Where");
    flags.add_text("--listen", line.listen, "HOST:PORT", "for clients; port 0: any that is free");
    flags.add_endpoints("--broker", line.brokers, Endpoint::Use::connect, default_frontend,
                        "the broker's frontend; of several, one that answers");
    line.keys.add(flags);
    flags.add_duration("--timeout", line.options.broker.timeout, "for a call whose client says nothing of it");
    flags.add_duration("--drain-timeout", line.options.drain_timeout, "for calls under way when it is told to end");
    flags.group("TLS");
    flags.add_text(
        "--tls-cert", line.options.tls_files.certificate, "FILE",
        "the certificate, and those that lead to it, in PEM: the port speaks TLS only; read again on SIGHUP");
    flags.add_text("--tls-key", line.options.tls_files.key, "FILE", "its key, in PEM, for nobody else to read");
    flags.group("Who and what");
    flags.add_texts("--allow", line.allow, "PATTERN",
                    "methods that may be called, such as 'EchoUtil.*' (default: all but the broker's own, rpc.*)");
    flags.add_text("--token-file", line.token_file, "FILE", "who has not the token in this file may not call");
    flags.add_texts(
        "--host", line.options.settings.guard.hosts, "NAME",
        "a name that browsers reach it by (default: localhost and loopback addresses, where it listens there)");
    flags.add_texts("--cors", line.options.settings.guard.cors, "ORIGIN",
                    "a site whose pages may call, such as https://app.example; *: every site");
    flags.add_text("--default-service", line.options.settings.routes.default_service, "SERVICE",
                   "the service of JSON-RPC methods without a dot");
    flags.add_switch("--no-dashboard", line.no_dashboard, "no page at / that shows the broker");
    flags.add_switch("--insecure", line.insecure, "listen beyond this machine, where anybody may call");
}

void add_limits(Flags& flags, CommandLine& line) {
    auto& limits = line.options.settings.limits;
    flags.group("Limits");
    flags.add_number("--max-connections", limits.connections, "more are closed at once", 1, 1'000'000);
    flags.add_number("--max-calls", limits.calls, "under way on one connection; beyond it is not read", 1, 1'000'000);
    flags.add_size("--max-header", line.max_header, "of a request's head");
    flags.add_size("--max-body", line.max_body, "of a request, or of a message");
    flags.add_size("--max-unsent", limits.unsent, "that a client has not taken yet; beyond it is cut");
    flags.add_size("--max-held", limits.held,
                   "of unfinished messages and of answers not taken, all connections together; who holds most is cut");
    flags.add_duration("--first-byte-timeout", limits.first_byte, "for a new client to say what it speaks");
    flags.add_duration("--message-timeout", limits.message, "from the first byte of a request to its last");
    flags.add_duration("--idle-timeout", limits.idle, "between HTTP requests; Go's clients may be silent for ever");
    flags.add_duration("--stall-timeout", limits.stalled, "for a client that takes nothing of what it is sent");
}

/// What is wrong with it, or nothing: it is in `options`.
std::optional<std::string> read_listen(const CommandLine& line, GatewayOptions& options) {
    const auto endpoint = Endpoint::parse("tcp://" + line.listen, Endpoint::Use::bind);
    if (!endpoint) return "--listen: \"" + line.listen + "\" is no HOST:PORT, try 127.0.0.1:9999";
    if (!endpoint->is_local() && line.token_file.empty() && !line.insecure)
        return "--listen: " + line.listen +
               " is reached from other machines, where anybody could call: say --insecure, or 127.0.0.1";
    options.host = endpoint->address() == "*"           ? "0.0.0.0"
                   : endpoint->address() == "localhost" ? "127.0.0.1"
                                                        : endpoint->address();
    options.port = endpoint->port();
    if (!endpoint->is_local()) return std::nullopt;
    auto& hosts = options.settings.guard.hosts;
    hosts.insert(hosts.end(), {"localhost", "127.0.0.1", "[::1]", line.listen.substr(0, line.listen.rfind(':'))});
    return std::nullopt;
}

std::optional<std::string> read_tls(const Flags& flags, GatewayOptions& options) {
    const bool has_certificate = flags.given("--tls-cert");
    if (has_certificate != flags.given("--tls-key"))
        return has_certificate ? "--tls-cert needs --tls-key: the file of its key"
                               : "--tls-key needs --tls-cert: the file of its certificate";
    if (!has_certificate) return std::nullopt;
    keep_secrets();
    auto tls = tls::Context::read(options.tls_files);
    if (!tls) return "--tls-cert, --tls-key: " + tls.error().message();
    options.tls = *std::move(tls);
    return std::nullopt;
}

std::optional<std::string> read_token(const std::string& path, std::string& token) {
    std::ifstream file{path};
    if (!(file >> token)) return "--token-file: " + path + " cannot be read, or is empty";
    constexpr std::size_t shortest = 16;
    if (token.size() < shortest) return "--token-file: 16 characters at least are wanted, try: openssl rand -hex 16";
    return std::nullopt;
}

}  // namespace

std::variant<GatewayOptions, int> parse_gateway(int argc, const char* const* argv) {
    CommandLine line;
    Flags flags{"rpc-gateway", description, examples};
    add_where(flags, line);
    add_limits(flags, line);
    if (const auto status = flags.parse(argc, argv)) return *status;
    auto options = std::move(line.options);
    if (const auto problem = read_listen(line, options)) return flags.refuse(*problem);
    if (flags.given("--token-file")) {
        const auto problem = read_token(line.token_file, options.settings.guard.token);
        if (problem) return flags.refuse(*problem);
    }
    if (const auto problem = read_tls(flags, options)) return flags.refuse(*problem);
    if (const auto problem = line.keys.read(flags, options.broker.keys)) return flags.refuse(*problem);
    options.broker.name = "rpc-gateway";
    options.broker.brokers.clear();
    for (const auto& endpoint : line.brokers) options.broker.brokers.push_back(endpoint.text());
    options.settings.routes.dashboard = !line.no_dashboard;
    options.settings.routes.wants_token = !options.settings.guard.token.empty();
    options.settings.messages = {.header = line.max_header, .body = line.max_body};
    options.settings.filter = MethodFilter{std::move(line.allow)};
    return options;
}

}  // namespace rpcbroker
