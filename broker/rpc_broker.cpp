// rpc-broker: the flags, the ready line, and the signals round rpcbroker::Broker.
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rpcbroker/broker.hpp>
#include <rpcbroker/endpoint.hpp>

#include "broker/authorized_file.hpp"
#include "common/descriptors.hpp"
#include "common/program/flags.hpp"
#include "common/program/log.hpp"
#include "common/program/memory.hpp"
#include "common/program/scheduling.hpp"
#include "common/program/secrets.hpp"
#include "common/program/signals.hpp"
#include "common/program/systemd.hpp"

namespace {

using namespace rpcbroker;

constexpr int cannot_bind = 1;

std::vector<std::string> texts_of(const std::vector<Endpoint>& endpoints) {
    std::vector<std::string> texts;
    for (const auto& endpoint : endpoints) texts.push_back(endpoint.text());
    return texts;
}

std::string joined(const std::vector<std::string>& texts) {
    std::string line;
    for (const auto& text : texts) line.append(line.empty() ? "" : ",").append(text);
    return line;
}

/// Strangers can cause these lines: their number is bounded.
void log_event(const BrokerEvent& event) {
    static log::RateLimit limit{20};
    const auto left_out = limit.admit(Clock::now());
    if (!left_out) return;
    std::vector<log::Field> fields;
    for (const auto& [name, value] : event.fields) fields.emplace_back(name, value);
    if (*left_out > 0) fields.emplace_back("left_out", *left_out);
    log::write(event.warning ? log::Level::warn : log::Level::info, event.text, log::FieldView{fields});
}

struct Wanted {
    BrokerOptions options;
    std::vector<Endpoint> frontends;
    std::vector<Endpoint> backends;
    std::string key_file;
    std::string authorized_file;
};

void add_flags(Flags& flags, Wanted& wanted) {
    BrokerLimits& limits = wanted.options.limits;
    flags.group("Endpoints")
        .add_endpoints("--frontend", wanted.frontends, Endpoint::Use::bind, default_frontend, "where clients connect")
        .add_endpoints("--backend", wanted.backends, Endpoint::Use::bind, default_backend, "where workers connect")
        .add_switch("--insecure", wanted.options.insecure,
                    "bind endpoints that strangers can reach, although nothing checks who they are");
    flags.group("Keys")
        .add_text("--key", wanted.key_file, "FILE",
                  "our secret key (NAME.key, see rpc-keygen); all who connect need one, too")
        .add_text("--authorized", wanted.authorized_file, "FILE",
                  "the keys that may connect and what they may do; read again when it changes and on SIGHUP");
    flags.group("Time")
        .add_duration("--heartbeat", limits.heartbeat,
                      "sign of life between the broker and its peers; three missed: lost")
        .add_duration("--default-timeout", limits.default_timeout, "of a call that names none")
        .add_duration("--max-timeout", limits.max_timeout, "a longer one is taken as this")
        .add_duration("--service-grace", limits.service_grace,
                      "how long a call waits for a service that nobody registered")
        .add_duration("--restart-grace", limits.restart_grace,
                      "how long calls wait for a service whose last worker went")
        .add_duration("--drain-timeout", wanted.options.drain_timeout,
                      "how long calls in flight may take after SIGTERM")
        .add_duration("--slow-call", limits.slow_call, "log calls that take longer; 0 is off");
    flags.group("Limits")
        .add_size("--max-message", limits.max_message, "of one body; a larger one closes its connection")
        .add_number("--max-queued", limits.max_queued, "waiting calls, a service", 1)
        .add_size("--max-queued-bytes", limits.max_queued_bytes, "of all waiting calls together")
        .add_number("--max-client-calls", limits.max_client_calls, "in flight, a client", 1)
        .add_size("--max-client-bytes", limits.max_client_bytes, "of the calls in flight of a client");
    BrokerConnections& connections = wanted.options.connections;
    flags.group("Connections")
        .add_number("--max-connections", connections.max,
                    "of clients and workers; lower where the system does not allow so many descriptors (ulimit -n)", 8)
        .add_number("--max-connections-per-address", connections.max_per_address,
                    "from one address; 0 is half of all that may be")
        .add_number("--max-accept-rate", connections.max_accept_rate,
                    "connections a second from one address, five times as many at once; 0 is no limit");
}

std::optional<std::string> stranger_can_reach(const std::vector<Endpoint>& endpoints) {
    for (const auto& endpoint : endpoints)
        if (!endpoint.is_local()) return endpoint.text();
    return std::nullopt;
}

/// What is wrong with the flags for keys, as one line; else the keys are in the options, if there are any.
std::optional<std::string> read_keys(const Flags& flags, Wanted& wanted) {
    const bool has_key = flags.given("--key");
    if (has_key != flags.given("--authorized"))
        return has_key ? "--key needs --authorized: the file of the keys that may connect"
                       : "--authorized needs --key: the broker's own secret key, from rpc-keygen";
    if (!has_key) return std::nullopt;
    keep_secrets();
    if (wanted.options.insecure) return "--insecure is for a broker without keys; leave it out";
    auto own = read_secret_key(wanted.key_file);
    if (!own) return "--key: " + own.error().message();
    auto authorized = read_authorized(wanted.authorized_file);
    if (!authorized) return "--authorized: " + authorized.error().message();
    wanted.options.keys = BrokerKeys{*std::move(own), *std::move(authorized)};
    return std::nullopt;
}

/// With a mistake in it the file counts as not there: the keys of before stay.
void take_authorized(Broker& broker, Result<std::vector<AuthorizedKey>> authorized) {
    if (!authorized)
        return log::warn("the authorized file is not taken, the keys of before stay",
                         {{"why", authorized.error().message()}});
    log::info("read the authorized file", {{"keys", authorized->size()}});
    broker.set_authorized(*std::move(authorized));
}

/// libzmq's threads are started with the first socket. They and the loop wake each other for every body. Those that look for
/// floods and ask after keys are started here, too, and have time.
std::unique_ptr<Broker> make_broker(const BrokerOptions& options) {
    const PatientThreads patient;
    return std::make_unique<Broker>(options);
}

void serve(Broker& broker, StopSignal& signal) {
    broker.on_event(log_event);
    StopThread stop{signal, [&] {
                        log::info("stopping", {{"signal", signal.received()}});
                        systemd::notify_stopping();
                        broker.stop();
                    }};
    std::cout << "rpc-broker ready frontend=" << joined(broker.frontends()) << " backend=" << joined(broker.backends())
              << std::endl;
    systemd::notify_ready();
    broker.run();
    log::info("stopped");
}

}  // namespace

int main(int argc, char** argv) {
    keep_freed_memory(256);  // it gives all of it back when the load is gone
    use_one_arena();
    raise_descriptor_limit();
    keep_others_out();
    Wanted wanted;
    Flags flags{
        "rpc-broker", "Passes calls of clients on to the workers that registered their methods.",
        "rpc-broker                                   clients on port 5555, workers on 5556, this machine only\n"
        "rpc-broker --frontend tcp://127.0.0.1:0      any free port; the ready line on stdout tells which\n"
        "rpc-broker --frontend ipc:///run/rpc/front --backend ipc:///run/rpc/back\n"
        "rpc-broker --frontend 'tcp://*:5555' --insecure   for everyone who reaches this machine"};
    add_flags(flags, wanted);
    if (const auto status = flags.parse(argc, argv)) return *status;
    if (const auto problem = read_keys(flags, wanted)) return flags.refuse(*problem);
    if (!wanted.options.insecure && !wanted.options.keys)
        for (const auto* endpoints : {&wanted.frontends, &wanted.backends})
            if (const auto open = stranger_can_reach(*endpoints))
                return flags.refuse(*open +
                                    ": strangers could reach it; ask for keys with --key and --authorized, bind to "
                                    "127.0.0.1 or ipc://, or say that it is meant to be open with --insecure");
    wanted.options.frontends = texts_of(wanted.frontends);
    wanted.options.backends = texts_of(wanted.backends);

    StopSignal signal;
    try {
        if (wanted.options.insecure) log::warn("--insecure: nothing checks who connects");
        const auto broker = make_broker(wanted.options);
        if (wanted.options.keys) wanted.options.keys->own.forget_secret();
        std::optional<AuthorizedFile> file;
        if (wanted.options.keys)
            file.emplace(wanted.authorized_file,
                         [&](auto authorized) { take_authorized(*broker, std::move(authorized)); });
        serve(*broker, signal);
    } catch (const Error& error) {
        std::cerr << "rpc-broker: " << error.message() << '\n';
        return cannot_bind;
    } catch (const std::exception& problem) {
        std::cerr << "rpc-broker: " << problem.what() << '\n';
        return cannot_bind;
    }
    return 0;
}
