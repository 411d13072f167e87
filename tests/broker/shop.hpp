// A service under load, in virtual time: workers whose handlers sleep, and clients that send calls at their rate whatever
// comes back.
//
//     Shop shop;
//     shop.opens("w", {.threads = 4});                     // S.m takes 40 ms: 100 calls a second
//     shop.offers("c", {.per_second = 300, .timeout = 1000});
//     shop.runs(10s);
//     CHECK(shop.tally().good > 900);
#pragma once

#include <cmath>
#include <deque>
#include <map>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {

/// What became of calls. Everything is told at the call's end.
struct Tally {
    std::size_t sent = 0;
    std::size_t good = 0;     ///< results
    std::size_t refused = 0;  ///< RESOURCE_EXHAUSTED at once, with retry_after
    std::size_t put_off = 0;  ///< RESOURCE_EXHAUSTED later, unstarted
    std::size_t expired = 0;  ///< DEADLINE_EXCEEDED
    std::size_t in_vain = 0;  ///< of those: started before
    std::size_t others = 0;   ///< any other end
    std::size_t most_queued = 0;
};

class Shop {
public:
    struct Staff {
        std::uint32_t threads = 4;
        std::uint32_t spare = 0;  ///< calls that wait in the worker
        std::map<std::string, Duration> takes{{"m", 40ms}};
    };
    struct Demand {
        double per_second = 0;
        std::uint32_t timeout = 1000;
        std::string method = "m";
        bool poisson = true;
        bool comes_again = false;  ///< when it is refused, after the time that it is told
    };

    explicit Shop(const BrokerLimits& limits = {}) : bench_(limits) {}

    void opens(const std::string& name, const Staff& staff) {
        auto& made = *staff_.emplace_back(std::make_unique<Servant>());
        made.staff = staff;
        std::vector<std::string> methods;
        for (const auto& [method, takes] : staff.takes) methods.push_back(method);
        made.peer = &bench_.worker(name, {.services = {{"S", methods}}, .capacity = staff.threads + staff.spare});
    }
    /// The last one that opened goes, with what it has.
    void closes() {
        staff_.back()->peer->closes();
        staff_.pop_back();
    }
    /// From now on; in place of what the client of that name offered.
    void offers(const std::string& name, const Demand& demand) {
        auto& visitor = visitors_[name];
        if (!visitor) {
            visitor = std::make_unique<Visitor>();
            visitor->peer = &bench_.client(name);
        }
        visitor->demand = demand;
        visitor->next = bench_.now() + pause(demand);
    }
    /// Calls sent all at once.
    void offers_at_once(const std::string& name, std::size_t calls, const Demand& demand) {
        offers(name, demand);
        visitors_[name]->next = TimePoint::max();
        for (std::size_t i = 0; i < calls; ++i) send(*visitors_[name]);
        observe();
    }

    void runs(Duration time) {
        const auto end = bench_.now() + time;
        while (true) {
            const auto next = std::min(next_arrival(), next_done());
            if (next > end) break;
            bench_.passes(next - bench_.now());
            observe();
            finish_due();
            send_due();
            observe();
        }
        bench_.passes(end - bench_.now());
        observe();
    }

    /// Since the start, or since the last begin(), of one client or of all.
    [[nodiscard]] Tally tally(const std::string& name) { return visitors_.at(name)->tally; }
    [[nodiscard]] Tally tally() {
        Tally sum;
        for (const auto& [name, visitor] : visitors_) {
            sum.sent += visitor->tally.sent;
            sum.good += visitor->tally.good;
            sum.refused += visitor->tally.refused;
            sum.put_off += visitor->tally.put_off;
            sum.expired += visitor->tally.expired;
            sum.in_vain += visitor->tally.in_vain;
            sum.others += visitor->tally.others;
        }
        sum.most_queued = most_queued_;
        return sum;
    }
    void begin() {
        for (const auto& [name, visitor] : visitors_) visitor->tally = {};
        most_queued_ = 0;
    }
    BrokerBench& bench() { return bench_; }

private:
    struct Servant {
        Staff staff;
        BenchWorker* peer = nullptr;
        std::multimap<TimePoint, Received> runs;
        std::deque<Received> waits;
    };
    struct Visitor {
        Demand demand;
        BenchClient* peer = nullptr;
        TimePoint next;
        std::multiset<TimePoint> again{};
        std::map<std::uint32_t, TimePoint> open;
        std::uint32_t last = 0;
        Tally tally;
    };

    Duration pause(const Demand& demand) {
        if (demand.per_second <= 0) return TimePoint::max() - bench_.now();
        const double even = 1 / demand.per_second;
        const double random = -std::log1p(-std::uniform_real_distribution<double>()(random_));
        return std::chrono::duration_cast<Duration>(
            std::chrono::duration<double>(demand.poisson ? even * random : even));
    }

    [[nodiscard]] TimePoint next_arrival() const {
        auto next = TimePoint::max();
        for (const auto& [name, visitor] : visitors_) {
            next = std::min(next, visitor->next);
            if (!visitor->again.empty()) next = std::min(next, *visitor->again.begin());
        }
        return next;
    }
    [[nodiscard]] TimePoint next_done() const {
        auto next = TimePoint::max();
        for (const auto& servant : staff_)
            if (!servant->runs.empty()) next = std::min(next, servant->runs.begin()->first);
        return next;
    }

    void send_due() {
        for (const auto& [name, visitor] : visitors_) {
            while (!visitor->again.empty() && *visitor->again.begin() <= bench_.now()) {
                visitor->again.erase(visitor->again.begin());
                send(*visitor);
            }
            if (visitor->next > bench_.now()) continue;
            send(*visitor);
            visitor->next = bench_.now() + pause(visitor->demand);
        }
    }
    void send(Visitor& visitor) {
        ++visitor.tally.sent;
        visitor.open[++visitor.last] = bench_.now();
        visitor.peer->request(visitor.last, "S." + visitor.demand.method, json::array({visitor.last}),
                              {.timeout_ms = visitor.demand.timeout});
        std::size_t queued = bench_.core().calls_in_system();
        for (const auto& servant : staff_) queued -= std::min(queued, servant->peer->in_flight());
        most_queued_ = std::max(most_queued_, queued);
    }

    void finish_due() {
        for (const auto& servant : staff_) {
            while (!servant->runs.empty() && servant->runs.begin()->first <= bench_.now()) {
                const auto call = servant->runs.begin()->second;
                servant->runs.erase(servant->runs.begin());
                servant->peer->answers(call, call.params[0]);
                observe(*servant);
            }
        }
    }

    void observe() {
        for (const auto& servant : staff_) observe(*servant);
        for (const auto& [name, visitor] : visitors_) observe(*visitor);
    }
    void observe(Servant& servant) {
        for (auto& message : servant.peer->received()) {
            if (message.type == MessageType::request)
                servant.waits.push_back(std::move(message));
            else if (message.method == "rpc.cancel")
                stop(servant, message.params[0]);
        }
        while (!servant.waits.empty() && servant.runs.size() < servant.staff.threads) {
            const auto& call = servant.waits.front();
            const auto done = bench_.now() + servant.staff.takes.at(call.method.substr(2));
            servant.runs.emplace(done, call);
            servant.waits.pop_front();
        }
    }
    /// Its handlers stop at once when they are cancelled.
    void stop(Servant& servant, std::uint32_t msgid) {
        const auto is_it = [&](const Received& call) { return call.msgid == msgid; };
        const auto runs = std::ranges::find_if(servant.runs, [&](const auto& run) { return is_it(run.second); });
        if (runs != servant.runs.end()) servant.runs.erase(runs);
        std::erase_if(servant.waits, is_it);
        servant.peer->answers(msgid, nullptr);
        observe(servant);
    }
    void observe(Visitor& visitor) {
        for (const auto& answer : visitor.peer->answers()) {
            const auto sent = visitor.open.at(*answer.msgid);
            visitor.open.erase(*answer.msgid);
            count(visitor.tally, answer, sent == bench_.now());
            if (visitor.demand.comes_again && answer.error.contains("retry_after"))
                visitor.again.insert(bench_.now() + answer.error["retry_after"].get<int>() * 1ms);
        }
    }
    static void count(Tally& tally, const Received& answer, bool at_once) {
        if (answer.error.is_null())
            ++tally.good;
        else if (answer.code() == "DEADLINE_EXCEEDED") {
            ++tally.expired;
            if (answer.ran() != "no") ++tally.in_vain;
        } else if (answer.code() == "RESOURCE_EXHAUSTED" && answer.ran() == "no" &&
                   answer.error.contains("retry_after"))
            ++(at_once ? tally.refused : tally.put_off);
        else
            ++tally.others;
    }

    BrokerBench bench_;
    std::mt19937_64 random_{1};
    std::vector<std::unique_ptr<Servant>> staff_;
    std::map<std::string, std::unique_ptr<Visitor>> visitors_;
    std::size_t most_queued_ = 0;
};

}  // namespace rpcbroker::test
