#include "client/rpc_bench_run.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <system_error>

#include <rpcbroker/client.hpp>

#include "client/rpc_bench_lanes.hpp"

namespace rpcbroker::bench {

namespace {

using std::chrono::milliseconds;

constexpr Duration between_looks = milliseconds{200};

/// Becomes readable when as many have arrived as were expected.
class Arrivals {
public:
    Arrivals() : descriptor_(::eventfd(0, EFD_CLOEXEC)) {
        if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    }
    ~Arrivals() { ::close(descriptor_); }
    Arrivals(const Arrivals&) = delete;
    Arrivals& operator=(const Arrivals&) = delete;

    void expect(std::size_t count) { missing_ += count; }
    /// From any thread.
    void arrive() {
        if (missing_.fetch_sub(1) == 1) ::eventfd_write(descriptor_, 1);
    }
    /// Whether all have come within the time. What they wrote before is seen then, for which the counter is looked at: of
    /// descriptors, neither the language nor the sanitizer knows that they order anything.
    [[nodiscard]] bool wait(Duration timeout) const {
        pollfd watched{descriptor_, POLLIN, 0};
        return ::poll(&watched, 1, static_cast<int>(std::chrono::ceil<milliseconds>(timeout).count())) > 0 &&
               missing_ == 0;
    }

private:
    int descriptor_;
    std::atomic<std::size_t> missing_{0};
};

using Clients = std::vector<std::unique_ptr<Client>>;

Clients make_clients(const Round& round, const RunOptions& options) {
    Clients clients;
    for (std::uint64_t i = 0; i < round.connections; ++i) {
        ClientOptions one{.brokers = options.brokers, .name = "rpc-bench", .keys = options.keys};
        one.max_calls = std::max<std::size_t>(one.max_calls, round.most_in_flight() + 1);
        clients.push_back(std::make_unique<Client>(std::move(one)));
    }
    return clients;
}

/// Every connection is there, and the first of them gets answers from handlers.
Result<void> check(const Clients& clients, const Round& round, const RunOptions& options) {
    constexpr std::string_view no_parameters = "\x90";
    for (const auto& client : clients) {
        auto pong = client->call_raw("rpc.ping", no_parameters, {.timeout = options.connect_timeout});
        if (!pong) return std::move(pong).error();
    }
    for (const auto& kind : round.kinds) {
        auto reply = clients.front()->call_raw(kind.method, kind.params, options.call);
        if (!reply && reply.error().by() != By::handler) return std::move(reply).error();
    }
    return {};
}

/// This process is the last one.
std::vector<ProcessUsage> look(const std::vector<Watched>& watched, const std::vector<ProcessUsage>& before = {}) {
    std::vector<ProcessUsage> all;
    for (const auto& [name, pid] : watched) all.push_back({name, pid, {}});
    all.push_back({"rpc-bench", ::getpid(), {}});
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto usage = read_usage(all[i].pid);
        all[i].usage = usage ? *usage : before.empty() ? Usage{} : before[i].usage;
    }
    return all;
}

class Running {
public:
    Running(const Round& round, const RunOptions& options, Clients clients)
        : round_(round),
          options_(options),
          clients_(std::move(clients)),
          start_(Clock::now()),
          gate_({start_ + options.warm_up,
                 options.calls ? TimePoint::max() : start_ + options.warm_up + options.duration},
                options.calls) {
        for (std::uint64_t i = 0; i < round.clients; ++i)
            lanes_.push_back(Lane::make(setup_, *clients_[i % clients_.size()], i));
    }
    /// The clients go first: their threads may just be leaving the lanes' callbacks.
    ~Running() { clients_.clear(); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    /// From any thread: no more calls begin, and what is under way is cancelled.
    void stop() {
        stopped_at_ = Clock::now();
        gate_.close();
        for (const auto& client : clients_) client->close();
    }

    /// Returns when the last call has ended; also when it throws.
    void run(const std::function<void(const Progress&)>& on_progress) {
        arrivals_.expect(lanes_.size());
        std::size_t begun = 0;
        try {
            for (; begun < lanes_.size(); ++begun) lanes_[begun]->begin();
            watch(on_progress);
        } catch (...) {
            stop();
            for (; begun < lanes_.size(); ++begun) arrivals_.arrive();
            while (!arrivals_.wait(between_looks)) {
            }
            throw;
        }
    }

    RoundResult result() {
        RoundResult result{.round = round_, .interval = gate_.interval()};
        if (gate_.is_closed()) result.stopped = stopped_at_.load();
        result.tallies.resize(round_.kinds.size());
        for (const auto& lane : lanes_) {
            for (std::size_t kind = 0; kind < round_.kinds.size(); ++kind)
                result.tallies[kind].add(lane->tallies()[kind]);
        }
        result.usage = usage_between(before_, look(options_.watched, before_));
        return result;
    }

private:
    void watch(const std::function<void(const Progress&)>& on_progress) {
        const auto begin = gate_.interval().begin;
        bool measuring = false;
        while (true) {
            const auto now = Clock::now();
            if (!measuring && now >= begin) {
                measuring = true;
                for (const auto& watched : options_.watched) forget_peak(watched.pid);
                forget_peak(::getpid());
                before_ = look(options_.watched);
            }
            const auto patience = measuring ? between_looks : std::min(between_looks, begin - now);
            if (arrivals_.wait(patience)) break;
            on_progress(progress());
        }
        if (!measuring) before_ = look(options_.watched);
    }

    [[nodiscard]] Progress progress() const {
        const auto now = Clock::now();
        Progress progress{round_, now - start_, {}, 0, 0, now < gate_.interval().begin};
        if (!options_.calls) progress.whole = options_.warm_up + options_.duration;
        for (const auto& lane : lanes_) {
            progress.ended += lane->ended();
            progress.failed += lane->failed();
        }
        return progress;
    }

    const Round& round_;
    const RunOptions& options_;
    Clients clients_;
    TimePoint start_;
    Gate gate_;
    std::atomic<TimePoint> stopped_at_{TimePoint{}};
    Arrivals arrivals_;
    LaneSetup setup_{round_, gate_, options_.call, start_, [this] { arrivals_.arrive(); }};
    std::vector<std::unique_ptr<Lane>> lanes_;
    std::vector<ProcessUsage> before_;
};

}  // namespace

Result<RoundResult> run_round(const Round& round, const RunOptions& options, const StopSignal& signal,
                              const std::function<void(const Progress&)>& on_progress) {
    auto clients = make_clients(round, options);
    {
        const StopThread stop{signal, [&clients] {
                                  for (const auto& client : clients) client->close();
                              }};
        if (auto checked = check(clients, round, options); !checked) return std::move(checked).error();
    }
    Running running{round, options, std::move(clients)};
    {
        const StopThread stop{signal, [&running] { running.stop(); }};
        running.run(on_progress);
    }
    return running.result();
}

}  // namespace rpcbroker::bench
