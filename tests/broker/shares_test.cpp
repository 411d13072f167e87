#include "broker/shares.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <random>
#include <vector>

#include "broker/call_table.hpp"

namespace rpcbroker::broker {
namespace {

using Age = Shares::Age;

/// Some share a slot.
PeerId peer(std::uint32_t client) { return {.slot = client / 2, .generation = client % 2}; }

/// Calls that are worth something, in a table.
struct Calls {
    Call& make(std::uint32_t client, std::size_t bytes = 1) {
        Call& call = *table.take();
        call.caller = peer(client);
        call.request.assign(std::string(usual_head_size + bytes, 'x'));
        return call;
    }
    CallTable table;
};

TEST_CASE("shares: nobody has anything at first, and again when all is removed") {
    Shares shares(Shares::Kind::bytes);
    Calls calls;
    CHECK(shares.largest() == 0);
    CHECK(shares.newest_of_largest(calls.table) == nullptr);
    CHECK(shares.held_by(peer(7)) == 0);
    Call& call = calls.make(7, 5);
    shares.add(calls.table, call, Age::newest);
    CHECK(shares.largest() == 5);
    CHECK(shares.held_by(peer(7)) == 5);
    CHECK(shares.clients() == 1);
    shares.remove(calls.table, call);
    CHECK(shares.largest() == 0);
    CHECK(shares.newest_of_largest(calls.table) == nullptr);
    CHECK(shares.held_by(peer(7)) == 0);
    CHECK(shares.clients() == 0);
}

TEST_CASE("shares: the client that has most is in front, with its newest call") {
    Shares shares(Shares::Kind::calls);
    Calls calls;
    std::vector<Call*> all;
    for (const std::uint32_t client : {1U, 2U, 2U, 3U, 2U, 3U}) all.push_back(&calls.make(client));
    for (Call* call : all) shares.add(calls.table, *call, Age::newest);
    CHECK(shares.newest_of_largest(calls.table) == all[4]);
    shares.remove(calls.table, *all[4]);
    shares.remove(calls.table, *all[1]);
    CHECK(shares.largest() == 2);
    CHECK(shares.newest_of_largest(calls.table) == all[5]);
}

TEST_CASE("shares: a call that comes back is its client's oldest") {
    Shares shares(Shares::Kind::calls);
    Calls calls;
    Call& first = calls.make(1);
    Call& second = calls.make(1);
    Call& back = calls.make(1);
    shares.add(calls.table, back, Age::oldest);
    shares.add(calls.table, first, Age::newest);
    shares.remove(calls.table, back);
    shares.add(calls.table, back, Age::oldest);
    shares.add(calls.table, second, Age::newest);
    for (Call* expected : {&second, &first, &back}) {
        CHECK(shares.newest_of_largest(calls.table) == expected);
        shares.remove(calls.table, *shares.newest_of_largest(calls.table));
    }
}

TEST_CASE("shares: calls and bytes of the same call are told apart") {
    Shares by_number(Shares::Kind::calls);
    Shares by_bytes(Shares::Kind::bytes);
    Calls calls;
    Call& small = calls.make(1, 10);
    Call& smaller = calls.make(1, 1);
    Call& large = calls.make(2, 100);
    for (Call* call : {&small, &smaller, &large}) by_number.add(calls.table, *call, Age::newest);
    by_bytes.add(calls.table, small, Age::newest);
    by_bytes.add(calls.table, smaller, Age::newest);
    by_bytes.add(calls.table, large, Age::newest);
    CHECK(by_number.newest_of_largest(calls.table) == &smaller);
    CHECK(by_bytes.newest_of_largest(calls.table) == &large);
    CHECK(by_bytes.held_by(peer(1)) == 11);
}

/// What Shares does, done by looking at everything.
struct Naive {
    std::map<PeerId, std::deque<std::pair<Call*, std::size_t>>> held;

    [[nodiscard]] std::size_t of(PeerId client) const {
        std::size_t sum = 0;
        if (const auto found = held.find(client); found != held.end())
            for (const auto& [call, amount] : found->second) sum += amount;
        return sum;
    }
    [[nodiscard]] std::size_t largest() const {
        std::size_t most = 0;
        for (const auto& [client, calls] : held) most = std::max(most, of(client));
        return most;
    }
    void remove(const Call& call) {
        std::erase_if(held.at(call.caller), [&](const auto& one) { return one.first == &call; });
        if (held.at(call.caller).empty()) held.erase(call.caller);
    }
};

class RandomShares {
public:
    RandomShares(std::uint32_t seed, Shares::Kind kind) : random_(seed), shares_(kind) {
        for (auto& call : all_) call = &calls_.make(pick(1 + pick(60)), kind == Shares::Kind::calls ? 1 : some_bytes());
    }

    void step() {
        Call& call = *all_[pick(static_cast<std::uint32_t>(all_.size()))];
        if (in_.contains(&call))
            leave(call);
        else
            enter(call);
        check();
    }

private:
    std::uint32_t pick(std::uint32_t below) {
        return std::uniform_int_distribution<std::uint32_t>(0, below - 1)(random_);
    }
    std::size_t some_bytes() { return pick(4) == 0 ? pick(1000) : 1; }
    void enter(Call& call) {
        const std::size_t amount = call.tail().size();
        auto& line = naive_.held[call.caller];
        if (pick(5) == 0) {
            shares_.add(calls_.table, call, Age::oldest);
            line.emplace_front(&call, amount);
        } else {
            shares_.add(calls_.table, call, Age::newest);
            line.emplace_back(&call, amount);
        }
        in_[&call] = true;
    }
    void leave(Call& call) {
        Call& gone = pick(3) == 0 ? *shares_.newest_of_largest(calls_.table) : call;
        shares_.remove(calls_.table, gone);
        naive_.remove(gone);
        in_.erase(&gone);
    }
    void check() {
        REQUIRE(shares_.clients() == naive_.held.size());
        REQUIRE(shares_.largest() == naive_.largest());
        const PeerId client = peer(pick(60));
        REQUIRE(shares_.held_by(client) == naive_.of(client));
        const Call* newest = shares_.newest_of_largest(calls_.table);
        REQUIRE((newest == nullptr) == in_.empty());
        if (!newest) return;
        REQUIRE(naive_.of(newest->caller) == naive_.largest());
        REQUIRE(naive_.held.at(newest->caller).back().first == newest);
    }

    std::mt19937 random_;
    Calls calls_;
    std::array<Call*, 150> all_{};
    Shares shares_;
    Naive naive_;
    std::map<Call*, bool> in_;
};

TEST_CASE("shares: whatever comes and goes, the same as by looking at everything") {
    for (std::uint32_t seed = 0; seed < 20; ++seed) {
        CAPTURE(seed);
        RandomShares shares(seed, seed % 2 == 0 ? Shares::Kind::calls : Shares::Kind::bytes);
        for (int i = 0; i < 1500; ++i) {
            CAPTURE(i);
            shares.step();
        }
    }
}

}  // namespace
}  // namespace rpcbroker::broker
