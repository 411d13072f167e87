// A few peers that do anything at all, in an order that a seed gives, and what must hold whatever they do. On top of what
// the bench checks after every step: nothing runs twice that was not declared idempotent, or after its deadline; an error
// that says that nothing ran says the truth; nobody waits beyond a deadline; stream items come in order, and no worker is
// granted more of them than the client granted; gauges add up; and in the end all is over.
#include <catch2/catch.hpp>

#include <array>
#include <map>
#include <random>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

using broker::Counters;

constexpr std::uint64_t seeds = 24;
constexpr int steps = 2500;

/// The seeds are of use only while they reach all of this.
constexpr std::array wanted{
    Counter::calls_answered, Counter::calls_failed, Counter::calls_orphaned,  Counter::calls_refused,
    Counter::calls_returned, Counter::calls_rerun,  Counter::one_way_failed,  Counter::malformed_bodies,
    Counter::late_responses, Counter::clients_lost, Counter::workers_lost,    Counter::workers_left,
    Counter::stream_items,   Counter::late_items,   Counter::calls_displaced,
};

/// What the test knows of a request; its number is its only parameter and, where it goes well, its result.
struct Asked {
    TimePoint deadline;
    bool idempotent = false;
    bool one_way = false;
    int runs = 0;                ///< dispatches that were not given back
    std::uint64_t granted = 0;   ///< stream items, by its client
    std::uint64_t streamed = 0;  ///< items, by the worker that has it
    std::uint64_t got = 0;       ///< items, by its client
};

/// A worker, and the calls that it holds.
struct Servant {
    BenchWorker* peer = nullptr;
    std::vector<Received> held;
    bool heartbeat = false;
    std::map<std::uint32_t, std::uint64_t> granted{};  ///< stream items, by the msgid of the call
};

/// A client, and what its msgids stand for.
struct Asker {
    BenchClient* peer = nullptr;
    std::map<std::uint32_t, std::uint64_t> open;
    std::uint32_t last_msgid = 0;
    bool heartbeat = false;
    std::optional<TimePoint> silent_until{};
};

/// Queues that are full now and then, or most of the time.
BrokerLimits small_limits(std::uint64_t seed) {
    BrokerLimits limits;
    limits.max_queued = seed % 2 == 0 ? 60 : 8;
    limits.max_queued_bytes = 400'000;
    limits.default_timeout = 4s;
    limits.max_timeout = 8s;
    limits.restart_grace = 2s;
    limits.max_services = 6;
    return limits;
}

class Chaos {
public:
    explicit Chaos(std::uint64_t seed) : random_(seed), bench_(small_limits(seed)), watcher_(bench_.client("watcher")) {
        for (int i = 0; i < 3; ++i) new_client();
        for (int i = 0; i < 2; ++i) new_worker();
    }

    void step() {
        act(pick(100));
        observe();
        if (pick(40) == 0) check_gauges();
    }

    /// All that is held is answered, nothing new comes, and time passes.
    void finish() {
        for (int i = 0; i < 40; ++i) {
            answer_all();
            observe();
            bench_.passes(500ms);
            observe();
        }
        CHECK(bench_.core().idle());
        CHECK(bench_.core().queued_bytes() == 0);
        for (const auto& asker : askers_) CHECK(asker.peer->waits_for() == 0);
        const auto stats = check_gauges();
        CHECK(stats["calls_queued"] == 0);
        CHECK(stats["places_taken"] == 0);
        CHECK(stats["streams_withheld"] == 0);
    }

    BrokerBench& bench() { return bench_; }

private:
    std::uint64_t pick(std::uint64_t below) {
        return std::uniform_int_distribution<std::uint64_t>(0, below - 1)(random_);
    }
    bool chance(unsigned percent) { return pick(100) < percent; }
    template <class T>
    T& any_of(std::vector<T>& items) {
        return items[pick(items.size())];
    }

    void act(std::uint64_t what) {
        if (what < 40) return ask();
        if (what < 55) return work();
        if (what < 65) return stream();
        if (what < 80) return bench_.passes(std::chrono::milliseconds(pick(chance(90) ? 60 : 1500)));
        if (what < 82) return bench_.stalls(std::chrono::milliseconds(pick(5000)));
        if (what < 92) return disturb_workers();
        disturb_clients();
    }

    // ---- clients

    void new_client() {
        Asker asker{&bench_.client("client"), {}, 0};
        if (chance(50)) {
            const bool heartbeat = chance(50);
            asker.peer->hello({{"batch", chance(50)}, {"heartbeat", heartbeat}});
            asker.heartbeat = heartbeat;
            asker.peer->keeps_beating(heartbeat);
        }
        askers_.push_back(std::move(asker));
    }

    std::string any_method() {
        static const std::vector<std::string> methods{"S.m", "S.m", "S.m", "S.n", "T.m", "T.n", "S.none", "U.m"};
        return methods[pick(methods.size())];
    }

    void ask() {
        Asker& asker = any_of(askers_);
        if (asker.silent_until) return;
        const auto number = asked_.size();
        Asked asked;
        const auto timeout = static_cast<std::uint32_t>(1 + pick(chance(80) ? 3000 : 40));
        asked.idempotent = chance(40);
        asked.one_way = chance(15);
        asked.deadline = bench_.now() + std::chrono::milliseconds(timeout);
        asked_.push_back(asked);

        const auto key = std::to_string(pick(5));
        const auto worker = servants_.empty() ? std::string("none-1") : any_of(servants_).peer->worker_id();
        RequestOptions options{.timeout_ms = timeout, .idempotent = asked.idempotent};
        if (chance(20)) options.key = key;
        if (chance(10)) options.worker = worker;
        if (chance(40)) options.stream = static_cast<std::uint32_t>(pick(chance(90) ? 4 : 5000));
        asked_.back().granted = options.stream.value_or(0);
        const auto params = json::array({number, std::string(chance(3) ? 100'000 : pick(50), 'x')});
        const auto method = any_method();
        if (asked.one_way) return asker.peer->notify(method, params, options);
        const auto msgid = ++asker.last_msgid;
        asker.open[msgid] = number;
        asker.peer->request(msgid, method, params, options, chance(10) ? "envelope" : "");
    }

    void disturb_clients() {
        const auto at = pick(askers_.size());
        Asker& asker = askers_[at];
        if (asker.silent_until) return;
        switch (pick(10)) {
        case 0:
            asker.peer->closes();
            askers_.erase(askers_.begin() + static_cast<std::ptrdiff_t>(at));
            return new_client();
        case 1:
            asker.peer->reads(true);  // so that it hears at once that it was given up
            asker.silent_until = bench_.now() + 4s;
            return asker.peer->keeps_beating(false);
        case 2:
            asker.peer->reads(true);  // the bench reads an answer without a msgid only where it stands alone
            return asker.peer->sends("\xc1");
        case 3: return asker.peer->heartbeat();
        case 4: return asker.peer->reads(!asker.peer->is_reading());
        case 5:
        case 6:
        case 7: return grant(asker);
        default: return asker.peer->cancel(static_cast<std::uint32_t>(pick(asker.last_msgid + 1U)));
        }
    }

    void grant(Asker& asker) {
        const auto msgid = static_cast<std::uint32_t>(pick(asker.last_msgid + 1U));
        const auto items = pick(chance(90) ? 5 : 2000);
        if (const auto open = asker.open.find(msgid); open != asker.open.end()) asked_[open->second].granted += items;
        asker.peer->credit(msgid, items);
    }

    // ---- workers

    Offer any_offer() {
        static const std::vector<std::map<std::string, std::vector<std::string>>> offers{
            {{"S", {"m", "n"}}}, {{"S", {"m"}}}, {{"S", {"m", "n"}}, {"T", {"m", "n"}}}, {{"T", {"m"}}}};
        Offer offer;
        offer.services = offers[pick(offers.size())];
        offer.capacity = static_cast<std::uint32_t>(pick(4));
        offer.batch = chance(50);
        offer.heartbeat = chance(50);
        offer.stream = chance(25);
        return offer;
    }

    void register_any(Servant& servant) {
        const auto offer = any_offer();
        servant.heartbeat = offer.heartbeat;
        servant.peer->registers(offer);
        servant.peer->keeps_beating(offer.heartbeat);
    }

    void new_worker() {
        servants_.push_back({&bench_.worker("worker"), {}, false, {}});
        register_any(servants_.back());
    }

    void work() {
        if (servants_.empty()) return new_worker();
        Servant& servant = any_of(servants_);
        if (!servant.held.empty()) answer(servant, pick(servant.held.size()));
    }

    void answer(Servant& servant, std::size_t at) {
        const auto call = servant.held[at];
        servant.held.erase(servant.held.begin() + static_cast<std::ptrdiff_t>(at));
        if (chance(85)) return servant.peer->answers(call, call.params[0]);
        servant.peer->fails(call, chance(50) ? json("nonsense") : json{{"code", "ABORTED"}, {"message", "so what"}});
    }

    /// A few items of one call, rarely more than it may send. It is a while until the client knows of an end.
    void stream() {
        if (servants_.empty()) return;
        Servant& servant = any_of(servants_);
        if (servant.held.empty()) return;
        const auto& call = any_of(servant.held);
        const auto number = call.params[0].get<std::uint64_t>();
        const std::string padding(chance(5) ? 400'000 : 0, 'x');
        for (auto items = pick(8) + 1; items > 0; --items) {
            if (servant.peer->credit(call) == 0 && !chance(3)) return;
            servant.peer->streams(call, json::array({number, asked_[number].streamed++, padding}));
        }
    }

    void answer_all() {
        for (auto& servant : servants_)
            while (!servant.held.empty()) answer(servant, 0);
        for (auto& asker : askers_) asker.peer->reads(true);
    }

    void give_back(Servant& servant) {
        std::vector<Received> returned;
        std::swap(returned, servant.held);
        for (const auto& call : returned) --asked_[call.params[0]].runs;
        if (chance(70)) servant.peer->heartbeat(static_cast<std::uint32_t>(pick(2)));
        servant.peer->returns(returned);
    }

    /// One that nobody was sent, or another worker.
    std::uint32_t forged_msgid(const Servant& servant) {
        const Servant& other = any_of(servants_);
        if (&other == &servant || other.held.empty()) return static_cast<std::uint32_t>(random_());
        return *other.held.front().msgid;
    }

    void disturb_workers() {
        if (servants_.size() < 2 + pick(4)) return new_worker();
        const auto at = pick(servants_.size());
        Servant& servant = servants_[at];
        switch (pick(8)) {
        case 0:
            servant.peer->closes();
            servants_.erase(servants_.begin() + static_cast<std::ptrdiff_t>(at));
            return;
        case 1: return servant.peer->leaves();
        case 2: return register_any(servant);
        case 3: return servant.peer->keeps_beating(servant.heartbeat && chance(70));
        case 4: return servant.peer->answers(forged_msgid(servant), "forged");
        case 5: watcher_.asks("rpc.drain", {servant.peer->worker_id()}); return;
        case 6: return give_back(servant);
        default: return servant.peer->heartbeat(static_cast<std::uint32_t>(pick(5)));
        }
    }

    // ---- what must hold

    void observe() {
        for (auto& servant : servants_) observe(servant);
        for (auto& asker : askers_) {
            if (asker.silent_until && *asker.silent_until <= bench_.now()) wake(asker);
            observe(asker);
        }
    }

    void wake(Asker& asker) {
        asker.silent_until.reset();
        asker.peer->keeps_beating(asker.heartbeat);
        asker.peer->heartbeat();
    }

    void observe(Servant& servant) {
        bool unknown = false;
        for (const auto& message : servant.peer->received()) {
            if (message.type == MessageType::request) take(servant, message);
            if (message.method == "rpc.credit")
                servant.granted.at(message.params[0]) += message.params[1].get<std::uint64_t>();
            check_granted(servant);
            if (message.method != "rpc.register_again") continue;
            servant.held.clear();
            unknown = true;
        }
        if (!unknown) return;
        register_any(servant);
        observe(servant);
    }

    void take(Servant& servant, const Received& call) {
        Asked& asked = asked_[call.params[0]];
        REQUIRE(bench_.now() < asked.deadline);
        REQUIRE(++asked.runs <= (asked.idempotent ? 2 : 1));
        asked.streamed = 0;
        servant.held.push_back(call);
        servant.granted[*call.msgid] = call.options.value("stream", std::uint64_t{0});
    }

    void check_granted(const Servant& servant) {
        for (const auto& call : servant.held)
            REQUIRE(servant.granted.at(*call.msgid) <= asked_[call.params[0]].granted);
    }

    void observe(Asker& asker) {
        for (const auto& message : asker.peer->received()) {
            if (message.method == "rpc.hello_again" && asker.heartbeat) greet_again(asker);
            if (message.type == MessageType::stream_item) check_item(message, asker.open.at(*message.msgid));
            if (message.type != MessageType::response || !message.msgid) continue;
            const auto number = asker.open.at(*message.msgid);
            asker.open.erase(*message.msgid);
            check_answer(message, number);
        }
        if (late_turn() || (asker.silent_until && asker.heartbeat) || !asker.peer->is_reading()) return;
        for (const auto& [msgid, number] : asker.open) REQUIRE(bench_.now() < asked_[number].deadline + 1ms);
    }

    void check_item(const Received& item, std::uint64_t number) {
        REQUIRE(item.result[0] == number);
        REQUIRE(item.result[1] == asked_[number].got++);
    }

    /// The broker had given the client up, and its calls with it.
    void greet_again(Asker& asker) {
        asker.open.clear();
        asker.peer->was_given_up();
        asker.peer->hello({{"heartbeat", true}});
    }

    /// After a stall the broker was not told the time yet.
    bool late_turn() {
        const auto next = bench_.core().next_deadline();
        return next && *next <= bench_.now();
    }

    void check_answer(const Received& answer, std::uint64_t number) {
        const Asked& asked = asked_[number];
        if (answer.error.is_null()) {
            REQUIRE(answer.result == number);
            REQUIRE(asked.runs > 0);
            return;
        }
        if (answer.error.value("ran", "") == "no") REQUIRE(asked.runs == 0);
        if (answer.code() == "DEADLINE_EXCEEDED") REQUIRE(bench_.now() >= asked.deadline);
    }

    /// What the broker says of itself, and what its services and workers say of themselves: the same.
    json check_gauges() {
        auto stats = watcher_.asks("rpc.stats").result;
        const auto services = watcher_.asks("rpc.services").result;
        const auto workers = watcher_.asks("rpc.workers").result;
        const auto queued = sum(services, "queued");
        const auto taken = sum(workers, "in_flight");
        const json told{{"queued", stats["calls_queued"]},
                        {"bytes", stats["calls_queued_bytes"]},
                        {"places", stats["places_taken"]},
                        {"running", sum(services, "in_flight")},
                        {"running by method", sum(stats["methods"], "in_flight")},
                        {"workers", stats["workers"]}};
        const json counted{{"queued", queued},
                           {"bytes", bench_.core().queued_bytes()},
                           {"places", taken},
                           {"running", taken},
                           {"running by method", taken},
                           {"workers", workers.size()}};
        REQUIRE(told == counted);
        const auto in_system = stats["calls_in_system"].get<std::uint64_t>();
        REQUIRE(sum(stats["methods"], "queued") <= queued);
        REQUIRE((queued <= in_system && in_system <= queued + taken));
        return stats;
    }

    static std::uint64_t sum(const json& entries, const char* key) {
        std::uint64_t sum = 0;
        for (const auto& entry : entries) sum += entry[key].get<std::uint64_t>();
        return sum;
    }

    std::mt19937_64 random_;
    BrokerBench bench_;
    BenchClient& watcher_;
    std::vector<Asker> askers_;
    std::vector<Servant> servants_;
    std::vector<Asked> asked_;
};

TEST_CASE("whatever happens, every request is answered once, nothing runs when it must not, and everything ends") {
    Counters reached;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        CAPTURE(seed);
        Chaos chaos(seed);
        for (int i = 0; i < steps; ++i) {
            CAPTURE(i);
            chaos.step();
        }
        chaos.finish();
        for (const auto counter : wanted) reached.add(counter, chaos.bench().count(counter));
    }
    for (const auto counter : wanted) {
        CAPTURE(broker::counter_names[static_cast<std::size_t>(counter)]);
        CHECK(reached[counter] >= 10);
    }
}

}  // namespace
}  // namespace rpcbroker::test
