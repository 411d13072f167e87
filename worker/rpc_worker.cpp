// rpc-worker: serves EchoUtil, in one process or in several.
#include <algorithm>
#include <charconv>
#include <iostream>
#include <thread>

#include <rpcbroker/worker.hpp>

#include "common/program/flags.hpp"
#include "common/program/key_flags.hpp"
#include "common/program/log.hpp"
#include "common/program/memory.hpp"
#include "common/program/signals.hpp"
#include "common/program/systemd.hpp"
#include "worker/echo_util.hpp"
#include "worker/supervisor.hpp"

namespace rpcbroker {
namespace {

struct Settings {
    std::vector<Endpoint> brokers;
    unsigned processes = 1;
    unsigned threads = std::max(1U, std::thread::hardware_concurrency());
    std::optional<std::uint32_t> capacity;
    std::string name;
    std::optional<PeerKeys> keys;
};

std::optional<std::string> take_capacity(const std::string& text, std::optional<std::uint32_t>& capacity) {
    constexpr std::uint32_t most = 1'000'000;  // the broker's limit
    capacity.reset();
    if (text == "auto") return std::nullopt;
    std::uint32_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc{} || end != text.data() + text.size() || number == 0 || number > most) {
        return "expected auto or a number from 1 to " + std::to_string(most);
    }
    capacity = number;
    return std::nullopt;
}

std::optional<int> parse(Settings& settings, int argc, char** argv) {
    Flags flags{"rpc-worker", "Serves EchoUtil to the callers of a broker.",
                "rpc-worker\n"
                "rpc-worker --broker tcp://10.0.0.1:5556 --broker tcp://10.0.0.2:5556 --processes 4"};
    flags.group("Connection");
    flags.add_endpoints("--broker", settings.brokers, Endpoint::Use::connect, default_backend,
                        "backend of a broker; registers at every one that is given");
    flags.add_text("--name", settings.name, "NAME", "shown by rpc-call rpc.workers; host name and process id if empty");
    KeyFlags keys{"--key"};
    keys.add(flags);
    flags.group("Work");
    flags.add_number("--processes", settings.processes, "processes; one that crashes is started again", 1, 1024);
    flags.add_number("--threads", settings.threads, "calls that run at once, in each process", 1, 1024);
    flags.add_value(
        "--capacity", "auto|N", "auto",
        [&settings](const std::string& text) { return take_capacity(text, settings.capacity); },
        "calls that a process holds, running or waiting");
    if (const auto status = flags.parse(argc, argv)) return status;
    if (const auto problem = keys.read(flags, settings.keys)) return flags.refuse(*problem);
    return std::nullopt;
}

void log_event(const WorkerEvent& event) {
    switch (event.what) {
    case WorkerEvent::What::registered:
        return log::info("registered", {{"broker", event.broker}, {"worker", event.detail}});
    case WorkerEvent::What::refused:
        return log::warn("refused, trying again", {{"broker", event.broker}, {"reason", event.detail}});
    case WorkerEvent::What::unreachable:
        return log::warn("cannot reach the broker, trying on", {{"broker", event.broker}, {"reason", event.detail}});
    case WorkerEvent::What::lost:
        return log::warn("lost the broker, registering again", {{"broker", event.broker}, {"reason", event.detail}});
    case WorkerEvent::What::left: return log::info("left", {{"broker", event.broker}});
    }
}

/// A line a call.
void log_call(const CallReport& report) {
    const auto meta = report.meta();
    std::vector<std::string> names;
    names.reserve(meta.size());
    for (const auto& each : meta) names.push_back("meta." + each.first);
    std::vector<log::Field> fields{{"method", report.method},
                                   {"took_us", std::chrono::floor<std::chrono::microseconds>(report.duration).count()}};
    const auto outcome = report.error ? name_of(report.error->code()) : std::string_view{"OK"};
    fields.emplace_back("outcome", outcome);
    if (report.cancelled) fields.emplace_back("cancelled", true);
    if (!report.trace.empty()) fields.emplace_back("trace", report.trace);
    for (std::size_t i = 0; const auto& each : meta) fields.emplace_back(names[i++], each.second);
    log::write(log::Level::debug, "call", fields);
}

/// Serves until `stop` comes. `ready` is called with the worker's name when it is registered for the first time.
int serve(const Settings& settings, const StopSignal& stop, const std::function<void(const std::string&)>& ready) {
    WorkerOptions options{
        .brokers = {}, .name = settings.name, .threads = settings.threads, .capacity = settings.capacity};
    options.keys = settings.keys;
    for (const auto& endpoint : settings.brokers) options.brokers.push_back(endpoint.text());
    Worker* serving = nullptr;
    options.on_event = [&, was_ready = false](const WorkerEvent& event) mutable {
        log_event(event);
        if (event.what == WorkerEvent::What::registered && !std::exchange(was_ready, true)) ready(serving->name());
    };
    if (log::enabled(log::Level::debug)) options.on_call = log_call;
    Worker worker{std::move(options)};
    serving = &worker;
    echo_util::serve(worker.service("EchoUtil"));
    const StopThread stopper{stop, [&worker] {
                                 systemd::notify_stopping();
                                 worker.stop();
                             }};
    worker.run();
    return 0;
}

void print_ready(const std::string& fields) {
    std::cout << "rpc-worker ready " << fields << std::endl;
    systemd::notify_ready();
}

int run(const Settings& settings) {
    const StopSignal stop;
    if (settings.processes == 1) {
        return serve(settings, stop, [](const std::string& name) { print_ready("name=" + name); });
    }
    const auto name = settings.name.empty() ? std::string{"rpc-worker"} : settings.name;
    Supervisor supervisor{{
        .processes = settings.processes,
        .serve =
            [&settings](const StopSignal& own, const std::function<void()>& ready) {
                return serve(settings, own, [&ready](const std::string&) { ready(); });
            },
        .on_ready = [&] { print_ready("name=" + name + " processes=" + std::to_string(settings.processes)); },
        .on_stop = systemd::notify_stopping,
    }};
    return supervisor.run(stop);
}

}  // namespace
}  // namespace rpcbroker

int main(int argc, char** argv) try {
    rpcbroker::keep_freed_memory();
    rpcbroker::Settings settings;
    if (const auto status = rpcbroker::parse(settings, argc, argv)) return *status;
    return rpcbroker::run(settings);
} catch (const std::exception& exception) {
    rpcbroker::log::error("rpc-worker ends", {{"reason", exception.what()}});
    return 1;
}
