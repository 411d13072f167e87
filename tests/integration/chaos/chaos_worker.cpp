// The worker of the chaos tests: serves "Chaos", and writes into a journal what it runs, before and after.
//
// Each method takes the id of its call first, and gives it back, so that a result that went astray is seen.
#include <iostream>
#include <stdexcept>

#include <rpcbroker/worker.hpp>

#include "common/program/flags.hpp"
#include "common/program/log.hpp"
#include "common/program/signals.hpp"
#include "tests/integration/chaos/journal.hpp"

namespace rpcbroker::chaos {
namespace {

using std::chrono::milliseconds;

struct Settings {
    std::vector<Endpoint> brokers;
    std::string name = "worker";
    std::string journal;
    unsigned threads = 4;
};

std::optional<int> parse(Settings& settings, int argc, char** argv) {
    Flags flags{"chaos_worker", "Serves the methods of the chaos tests, and writes down what it runs.",
                "chaos_worker --broker tcp://127.0.0.1:5556 --name w1 --journal /tmp/w1"};
    flags.add_endpoints("--broker", settings.brokers, Endpoint::Use::connect, default_backend, "backends of brokers");
    flags.add_text("--name", settings.name, "NAME", "the worker's");
    flags.add_text("--journal", settings.journal, "FILE", "where it writes what it runs");
    flags.add_number("--threads", settings.threads, "calls that run at once", 1, 1024);
    return flags.parse(argc, argv);
}

/// From its beginning to its end, in the journal.
class Execution {
public:
    Execution(Journal& journal, std::string_view method, std::string call) : journal_(journal), call_(std::move(call)) {
        journal_.write('B', call_ + " " + std::string{method.substr(method.rfind('.') + 1)});
    }
    ~Execution() { journal_.write('E', call_ + " " + how_); }
    Execution(const Execution&) = delete;
    Execution& operator=(const Execution&) = delete;

    void ended(const char* how) noexcept { how_ = how; }

private:
    Journal& journal_;
    std::string call_;
    const char* how_ = "threw";
};

class Methods {
public:
    explicit Methods(Journal& journal) noexcept : journal_(journal) {}

    std::string quick(Context& context, const std::string& call) {
        Execution execution{journal_, context.method(), call};
        execution.ended("done");
        return call;
    }

    std::string nap(Context& context, const std::string& call, std::uint32_t ms) {
        Execution execution{journal_, context.method(), call};
        execution.ended(context.wait_for(milliseconds{ms}) ? "done" : "stopped");
        return call;
    }

    std::string fail(Context& context, const std::string& call) {
        const Execution execution{journal_, context.method(), call};
        throw std::runtime_error{call};
    }

    std::uint32_t count(StreamContext<std::uint32_t>& stream, const std::string& call, std::uint32_t items) {
        Execution execution{journal_, stream.method(), call};
        std::uint32_t sent = 0;
        while (sent < items && stream.send(sent)) {
            if (++sent % 16 == 0)
                stream.wait_for(milliseconds{2});  // so that whoever dies does so in the middle of some
        }
        execution.ended(sent == items ? "done" : "stopped");
        return sent;
    }

private:
    Journal& journal_;
};

/// The same functions under several names: whether running them twice does harm is the registration's word, and one-way
/// calls are told apart in the history.
void serve(Service& service, Methods& methods) {
    service.method("Quick", &Methods::quick, methods);
    service.method("QuickAgain", &Methods::quick, methods, {.idempotent = true});
    service.method("Tell", &Methods::quick, methods);
    service.method("Nap", &Methods::nap, methods);
    service.method("NapAgain", &Methods::nap, methods, {.idempotent = true});
    service.method("Fail", &Methods::fail, methods);
    service.method("Count", &Methods::count, methods);
}

void log_event(const WorkerEvent& event) {
    static constexpr const char* names[] = {"registered", "refused", "unreachable", "lost", "left"};
    log::info(names[static_cast<std::size_t>(event.what)], {{"broker", event.broker}, {"detail", event.detail}});
}

int run(const Settings& settings) {
    const StopSignal stop;
    Journal journal{settings.journal};
    WorkerOptions options{.brokers = {}, .name = settings.name, .threads = settings.threads};
    for (const auto& endpoint : settings.brokers) options.brokers.push_back(endpoint.text());
    options.on_event = [&, ready = false](const WorkerEvent& event) mutable {
        log_event(event);
        if (event.what == WorkerEvent::What::registered && !std::exchange(ready, true))
            std::cout << "chaos_worker ready name=" << settings.name << std::endl;
    };
    Worker worker{std::move(options)};
    Methods methods{journal};
    serve(worker.service("Chaos"), methods);
    const StopThread stopper{stop, [&worker] { worker.stop(); }};
    worker.run();
    return 0;
}

}  // namespace
}  // namespace rpcbroker::chaos

int main(int argc, char** argv) try {
    rpcbroker::chaos::Settings settings;
    if (const auto status = rpcbroker::chaos::parse(settings, argc, argv)) return *status;
    return rpcbroker::chaos::run(settings);
} catch (const std::exception& exception) {
    rpcbroker::log::error("chaos_worker ends", {{"reason", exception.what()}});
    return 1;
}
