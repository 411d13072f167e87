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

Call call_of(std::uint32_t client) {
    Call call;
    call.caller = peer(client);
    return call;
}

TEST_CASE("shares: nobody has anything at first, and again when all is removed") {
    Shares shares(Shares::Kind::calls);
    CHECK(shares.largest() == 0);
    CHECK(shares.newest_of_largest() == nullptr);
    CHECK(shares.held_by(peer(7)) == 0);
    Call call = call_of(7);
    shares.add(call, 5, Age::newest);
    CHECK(shares.largest() == 5);
    CHECK(shares.held_by(peer(7)) == 5);
    CHECK(shares.clients() == 1);
    shares.remove(call);
    CHECK(shares.largest() == 0);
    CHECK(shares.newest_of_largest() == nullptr);
    CHECK(shares.held_by(peer(7)) == 0);
    CHECK(shares.clients() == 0);
}

TEST_CASE("shares: the client that has most is in front, with its newest call") {
    Shares shares(Shares::Kind::calls);
    std::vector<Call> calls;
    for (const std::uint32_t client : {1U, 2U, 2U, 3U, 2U, 3U}) calls.push_back(call_of(client));
    for (auto& call : calls) shares.add(call, 1, Age::newest);
    CHECK(shares.newest_of_largest() == &calls[4]);
    shares.remove(calls[4]);
    shares.remove(calls[1]);
    CHECK(shares.largest() == 2);
    CHECK(shares.newest_of_largest() == &calls[5]);
}

TEST_CASE("shares: a call that comes back is its client's oldest") {
    Shares shares(Shares::Kind::calls);
    Call first = call_of(1);
    Call second = call_of(1);
    Call back = call_of(1);
    shares.add(back, 1, Age::oldest);
    shares.add(first, 1, Age::newest);
    shares.remove(back);
    shares.add(back, 1, Age::oldest);
    shares.add(second, 1, Age::newest);
    for (Call* expected : {&second, &first, &back}) {
        CHECK(shares.newest_of_largest() == expected);
        shares.remove(*shares.newest_of_largest());
    }
}

TEST_CASE("shares: calls and bytes of the same call are told apart") {
    Shares by_number(Shares::Kind::calls);
    Shares by_bytes(Shares::Kind::bytes);
    Call small = call_of(1);
    Call smaller = call_of(1);
    Call large = call_of(2);
    for (Call* call : {&small, &smaller, &large}) by_number.add(*call, 1, Age::newest);
    by_bytes.add(small, 10, Age::newest);
    by_bytes.add(smaller, 1, Age::newest);
    by_bytes.add(large, 100, Age::newest);
    CHECK(by_number.newest_of_largest() == &smaller);
    CHECK(by_bytes.newest_of_largest() == &large);
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
        for (std::size_t i = 0; i < calls_.size(); ++i) calls_[i] = call_of(pick(1 + pick(60)));
    }

    void step() {
        Call& call = calls_[pick(static_cast<std::uint32_t>(calls_.size()))];
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
    void enter(Call& call) {
        const std::size_t amount = pick(4) == 0 ? pick(1000) : 1;
        auto& line = naive_.held[call.caller];
        if (pick(5) == 0) {
            shares_.add(call, amount, Age::oldest);
            line.emplace_front(&call, amount);
        } else {
            shares_.add(call, amount, Age::newest);
            line.emplace_back(&call, amount);
        }
        in_[&call] = true;
    }
    void leave(Call& call) {
        Call& gone = pick(3) == 0 ? *shares_.newest_of_largest() : call;
        shares_.remove(gone);
        naive_.remove(gone);
        in_.erase(&gone);
    }
    void check() {
        REQUIRE(shares_.clients() == naive_.held.size());
        REQUIRE(shares_.largest() == naive_.largest());
        const PeerId client = peer(pick(60));
        REQUIRE(shares_.held_by(client) == naive_.of(client));
        const Call* newest = shares_.newest_of_largest();
        REQUIRE((newest == nullptr) == in_.empty());
        if (!newest) return;
        REQUIRE(naive_.of(newest->caller) == naive_.largest());
        REQUIRE(naive_.held.at(newest->caller).back().first == newest);
    }

    std::mt19937 random_;
    std::array<Call, 150> calls_;
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
