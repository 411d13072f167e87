// The client of the chaos tests: makes calls at random, many at once, and writes into a journal what it is about to
// call and what came of it.
#include <atomic>
#include <condition_variable>
#include <iostream>
#include <map>
#include <mutex>
#include <thread>

#include <rpcbroker/client.hpp>

#include "common/program/flags.hpp"
#include "common/program/log.hpp"
#include "common/program/signals.hpp"
#include "tests/integration/chaos/journal.hpp"
#include "tests/integration/chaos/plan.hpp"

namespace rpcbroker::chaos {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Settings {
    std::vector<Endpoint> brokers;
    std::string name = "client";
    std::string journal;
    std::string mix = "mixed";
    unsigned in_flight = 100;
    unsigned rate = 300;
    unsigned nap = 20;
    unsigned seed = 1;
};

std::optional<int> parse(Settings& settings, int argc, char** argv) {
    Flags flags{"chaos_client", "Calls the methods of the chaos tests, and writes down what came of it.",
                "chaos_client --broker tcp://127.0.0.1:5555 --name c1 --journal /tmp/c1 --seed 7"};
    flags.add_endpoints("--broker", settings.brokers, Endpoint::Use::connect, default_frontend, "frontends of brokers");
    flags.add_text("--name", settings.name, "NAME", "the client's; its calls are called NAME:1, NAME:2, …");
    flags.add_text("--journal", settings.journal, "FILE", "where it writes its calls");
    flags.add_choice("--mix", settings.mix, {"mixed", "steady"}, "steady: what succeeds unless something is broken");
    flags.add_number("--in-flight", settings.in_flight, "calls at once, streams and one-way calls not counted", 1);
    flags.add_number("--rate", settings.rate, "calls a second at most; 0: as fast as they end");
    flags.add_number("--nap", settings.nap, "milliseconds that the longest nap takes", 1);
    flags.add_number("--seed", settings.seed, "of what it calls");
    return flags.parse(argc, argv);
}

/// What came of a call, as the journal has it: code, by, ran, items in order, and the result or the message.
std::string line_of(const Error& error, const std::string& items = "-") {
    return std::string{name_of(error.code())} + " " + std::string{name_of(error.by())} + " " +
           std::string{name_of(error.ran())} + " " + items + " " + error.message();
}

std::string line_of(const std::string& result, const std::string& items = "-") {
    return "OK - - " + items + " " + result;
}

/// Room for so many calls at once.
class Window {
public:
    explicit Window(unsigned room) noexcept : room_(room) {}

    /// False when it is to stop before there is room.
    bool enter(std::stop_token stop) {
        std::unique_lock lock{mutex_};
        if (!changed_.wait(lock, stop, [this] { return inside_ < room_; })) return false;
        ++inside_;
        return true;
    }
    void leave() {
        {
            const std::lock_guard lock{mutex_};
            --inside_;
        }
        changed_.notify_all();
    }
    /// Until `time`; false as soon as it is to stop.
    bool sleep_until(steady_clock::time_point time, std::stop_token stop) {
        std::unique_lock lock{mutex_};
        changed_.wait_until(lock, stop, time, [] { return false; });
        return !stop.stop_requested();
    }
    void wait_until_empty() {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [this] { return inside_ == 0; });
    }

private:
    unsigned room_;
    unsigned inside_ = 0;
    std::mutex mutex_;
    std::condition_variable_any changed_;
};

/// All that a client does until it is stopped: three threads that use one Client.
class Load {
public:
    explicit Load(const Settings& settings)
        : settings_(settings),
          mix_(settings.mix == "steady" ? Mix::steady : Mix::mixed),
          journal_(settings.journal),
          window_(settings.in_flight),
          client_(options_of(settings)) {}

    void run(const StopSignal& signal) {
        std::jthread caller{[this](std::stop_token stop) { call(stop); }};
        std::jthread reader{[this](std::stop_token stop) { read_streams(stop); }};
        std::jthread teller{[this](std::stop_token stop) { tell(stop); }};
        const StopThread stopper{signal, [&] {
                                     caller.request_stop();
                                     reader.request_stop();
                                     teller.request_stop();
                                 }};
        caller.join();
        reader.join();
        teller.join();
        window_.wait_until_empty();
        journal_.write('Q', settings_.name);
    }

private:
    static ClientOptions options_of(const Settings& settings) {
        ClientOptions options{.brokers = {}, .name = settings.name};
        for (const auto& endpoint : settings.brokers) options.brokers.push_back(endpoint.text());
        return options;
    }

    std::string begin(const Plan& plan) {
        auto id = settings_.name + ":" + std::to_string(++last_call_);
        journal_.write('S', id + " " + plan.line());
        return id;
    }

    void call(std::stop_token stop) {
        Planner planner{mix_, settings_.nap, settings_.seed};
        auto next = steady_clock::now();
        while (window_.enter(stop)) {
            make(planner.call());
            cancel_what_is_due();
            if (settings_.rate == 0) continue;
            next = std::max(next + std::chrono::microseconds{1'000'000 / settings_.rate}, steady_clock::now());
            if (!window_.sleep_until(next, stop)) return;
        }
    }

    void make(const Plan& plan) {
        const auto id = begin(plan);
        auto future = std::make_shared<Future<std::string>>(start(plan, id));
        future->then([this, id](Result<std::string> result) {
            journal_.write('D', id + " " + (result ? line_of(*result) : line_of(result.error())));
            window_.leave();
        });
        if (plan.cancel_after) to_cancel_.emplace(steady_clock::now() + *plan.cancel_after, std::pair{id, future});
    }

    Future<std::string> start(const Plan& plan, const std::string& id) {
        const auto method = "Chaos." + plan.method;
        if (plan.method.starts_with("Nap")) return client_.async_call<std::string>(plan.options, method, id, plan.work);
        return client_.async_call<std::string>(plan.options, method, id);
    }

    void cancel_what_is_due() {
        while (!to_cancel_.empty() && to_cancel_.begin()->first <= steady_clock::now()) {
            const auto due = to_cancel_.extract(to_cancel_.begin());
            journal_.write('C', due.mapped().first);
            due.mapped().second->cancel();
        }
    }

    void read_streams(std::stop_token stop) {
        Planner planner{mix_, settings_.nap, settings_.seed + 1};
        while (!stop.stop_requested()) {
            read(planner.stream());
            if (!window_.sleep_until(steady_clock::now() + milliseconds{50}, stop)) return;
        }
    }

    /// Items are 0, 1, 2, …: how many of them came in order, and whether one came that was not the next.
    void read(const Plan& plan) {
        const auto id = begin(plan);
        auto stream = client_.stream<std::uint32_t>(plan.options, "Chaos." + plan.method, id, plan.work);
        std::uint32_t items = 0;
        bool in_order = true;
        while (const auto item = next(stream)) {
            in_order = in_order && *item == items;
            ++items;
            if (plan.cancel_after && items == plan.work / 2) {
                journal_.write('C', id);
                stream.cancel();
            }
        }
        const auto result = stream.result<std::uint32_t>();
        const auto counted = in_order ? std::to_string(items) : "disorder";
        journal_.write(
            'D', id + " " + (result ? line_of(std::to_string(*result), counted) : line_of(result.error(), counted)));
    }

    static std::optional<std::uint32_t> next(Stream<std::uint32_t>& stream) {
        auto item = stream.next();
        return item ? *item : std::nullopt;
    }

    void tell(std::stop_token stop) {
        Planner planner{mix_, settings_.nap, settings_.seed + 2};
        while (!stop.stop_requested()) {
            const auto plan = planner.one_way();
            const auto id = begin(plan);
            const auto told = client_.try_notify(plan.options, "Chaos." + plan.method, id);
            journal_.write('D', id + " " + (told ? line_of("told") : line_of(told.error())));
            if (!window_.sleep_until(steady_clock::now() + milliseconds{20}, stop)) return;
        }
    }

    const Settings& settings_;
    Mix mix_;
    Journal journal_;
    Window window_;
    std::atomic<std::uint64_t> last_call_{0};
    /// Of the calling thread only.
    std::multimap<steady_clock::time_point, std::pair<std::string, std::shared_ptr<Future<std::string>>>> to_cancel_;
    Client client_;  // its end runs the last callbacks, which use the others
};

int run(const Settings& settings) {
    const StopSignal signal;
    Load load{settings};
    std::cout << "chaos_client ready name=" << settings.name << std::endl;
    load.run(signal);
    return 0;
}

}  // namespace
}  // namespace rpcbroker::chaos

int main(int argc, char** argv) try {
    rpcbroker::chaos::Settings settings;
    if (const auto status = rpcbroker::chaos::parse(settings, argc, argv)) return *status;
    return rpcbroker::chaos::run(settings);
} catch (const std::exception& exception) {
    rpcbroker::log::error("chaos_client ends", {{"reason", exception.what()}});
    return 1;
}
