#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <vector>

#include <catch2/catch.hpp>

#include "common/deadlines.hpp"

using namespace rpcbroker;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint start{1234567us};

/// The tags that are due, in the order in which they are reported.
std::vector<std::uint64_t> due(Deadlines& deadlines, TimePoint now) {
    std::vector<std::uint64_t> tags;
    while (const auto tag = deadlines.pop_due(now)) tags.push_back(*tag);
    return tags;
}

using Tags = std::vector<std::uint64_t>;

/// Follows next() until `tag` is reported, as a loop does that sleeps exactly as long; counts the turns.
struct Wait {
    TimePoint reported{};
    int turns = 0;
};

Wait wait_for_one(Deadlines& deadlines) {
    Wait wait;
    TimePoint last = TimePoint::min();
    while (const auto next = deadlines.next()) {
        REQUIRE(*next > last);
        last = *next;
        ++wait.turns;
        wait.reported = *next;
        if (deadlines.pop_due(*next)) return wait;
    }
    return wait;
}

}  // namespace

TEST_CASE("without deadlines nothing is due, and there is no next time") {
    Deadlines deadlines(start);
    CHECK_FALSE(deadlines.next());
    CHECK_FALSE(deadlines.pop_due(start + 1h));
    CHECK(deadlines.size() == 0);
}

TEST_CASE("a deadline is reported at its time and not before") {
    const auto after = GENERATE(1ms, 2ms, 255ms, 256ms, 257ms, 65535ms, 65536ms, 16777216ms, 16777217ms, 86400000ms);
    Deadlines deadlines(start);
    deadlines.add(start + after, 7);
    CHECK(deadlines.size() == 1);
    CHECK_FALSE(deadlines.pop_due(start + after - 1ns));
    CHECK(deadlines.pop_due(start + after) == 7U);
    CHECK_FALSE(deadlines.pop_due(start + after));
    CHECK(deadlines.size() == 0);
    CHECK_FALSE(deadlines.next());
}

TEST_CASE("a deadline between two ticks is reported within a millisecond after it, not before") {
    Deadlines deadlines(start);
    deadlines.add(start + 10ms + 1ns, 7);
    CHECK_FALSE(deadlines.pop_due(start + 10ms));
    CHECK_FALSE(deadlines.pop_due(start + 10ms + 1ns));
    CHECK(deadlines.pop_due(start + 11ms) == 7U);
}

TEST_CASE("a deadline that has passed is reported by the next call") {
    Deadlines deadlines(start);
    deadlines.add(start - 1h, 1);
    deadlines.add(start, 2);
    CHECK(deadlines.next() == start);
    CHECK(due(deadlines, start) == Tags{1, 2});
    CHECK_FALSE(deadlines.pop_due(start + 10ms + 500us));
    deadlines.add(start + 10ms + 300us, 3);
    CHECK(deadlines.next() == start + 10ms + 500us);
    CHECK(deadlines.pop_due(start + 10ms + 500us) == 3U);
}

TEST_CASE("a removed deadline is not reported") {
    Deadlines deadlines(start);
    deadlines.add(start + 5ms, 1);
    const auto middle = deadlines.add(start + 5ms, 2);
    const auto last = deadlines.add(start + 5ms, 3);
    deadlines.remove(middle);
    CHECK(deadlines.size() == 2);
    deadlines.remove(last);
    CHECK(due(deadlines, start + 1s) == Tags{1});
}

TEST_CASE("removing none does nothing") {
    Deadlines deadlines(start);
    deadlines.remove(Deadlines::none);
    CHECK(deadlines.size() == 0);
}

TEST_CASE("a deadline that is due already can still be removed") {
    Deadlines deadlines(start);
    deadlines.add(start + 5ms, 1);
    const auto second = deadlines.add(start + 6ms, 2);
    CHECK(deadlines.pop_due(start + 10ms) == 1U);
    deadlines.remove(second);
    CHECK_FALSE(deadlines.pop_due(start + 10ms));
    CHECK_FALSE(deadlines.next());
}

TEST_CASE("no handle is none, and handles are used again") {
    Deadlines deadlines(start);
    std::set<Deadlines::Handle> handles;
    for (int round = 0; round < 100; ++round) {
        const auto first = deadlines.add(start + 1h, 1);
        const auto second = deadlines.add(start + 1h, 2);
        CHECK(first != second);
        handles.insert({first, second});
        deadlines.remove(first);
        deadlines.remove(second);
    }
    CHECK(handles.size() == 2);
    CHECK(handles.count(Deadlines::none) == 0);
}

TEST_CASE("handles from the first half come first, so that memory of many deadlines can be given back") {
    Deadlines deadlines(start);
    std::vector<Deadlines::Handle> handles;
    for (std::uint64_t i = 0; i < 1000; ++i) handles.push_back(deadlines.add(start + 1h, i));
    const auto last = handles.back();
    handles.pop_back();
    for (const auto handle : handles) deadlines.remove(handle);
    CHECK_FALSE(deadlines.shrink(10, 1000));  // the last one is in the way
    CHECK(deadlines.made() == 1000);
    deadlines.remove(last);
    CHECK(deadlines.add(start + 1h, 1) <= 500);
    CHECK(deadlines.size() == 1);
}

TEST_CASE("what was given back of the memory comes again, and nothing is lost") {
    Deadlines deadlines(start);
    for (int round = 0; round < 3; ++round) {
        std::vector<Deadlines::Handle> handles;
        for (std::uint64_t i = 0; i < 1000; ++i) handles.push_back(deadlines.add(start + 1h, i));
        for (std::size_t i = 1; i < handles.size(); ++i) deadlines.remove(handles[i]);
        CHECK(deadlines.shrink(10, 100));
        CHECK(deadlines.made() == 900);
        CHECK_FALSE(deadlines.shrink(10, 10'000));
        CHECK(deadlines.made() == 10);
        CHECK(deadlines.add(start + 1h, 1000) <= 11);
        CHECK(deadlines.size() == 2);
        CHECK(due(deadlines, start + 2h).size() == 2);
        deadlines = Deadlines(start);
    }
}

TEST_CASE("earlier deadlines are reported first, after a jump too") {
    Deadlines deadlines(start);
    const std::vector<std::chrono::milliseconds> times{300ms,   70000ms, 5ms,   17000000ms, 256ms,
                                                       65536ms, 4ms,     299ms, 86400000ms};
    for (const auto time : times) deadlines.add(start + time, static_cast<std::uint64_t>(time.count()));
    CHECK(due(deadlines, start + 48h) == Tags{4, 5, 256, 299, 300, 65536, 70000, 17000000, 86400000});
}

TEST_CASE("deadlines beyond the range of the wheel are kept and reported at their time") {
    const auto after = GENERATE(std::chrono::hours{24 * 49}, std::chrono::hours{24 * 50}, std::chrono::hours{24 * 99},
                                std::chrono::hours{24 * 100}, std::chrono::hours{24 * 365 * 10});
    Deadlines deadlines(start);
    deadlines.add(start + after, 1);
    deadlines.add(start + after + 1ms, 2);
    CHECK_FALSE(deadlines.pop_due(start + after - 1ns));
    CHECK(due(deadlines, start + after) == Tags{1});
    CHECK(due(deadlines, start + after + 1ms) == Tags{2});
}

TEST_CASE("deadlines across the end of the wheel's range keep their order") {
    Deadlines deadlines(start);
    const auto range = std::chrono::milliseconds{std::int64_t{1} << 32};
    CHECK_FALSE(deadlines.pop_due(start + range - 5ms));
    deadlines.add(start + range + 5ms, 3);
    deadlines.add(start + range, 2);
    deadlines.add(start + range - 1ms, 1);
    deadlines.add(start + 2 * range, 4);
    CHECK(due(deadlines, start + range - 1ms) == Tags{1});
    CHECK(due(deadlines, start + range) == Tags{2});
    CHECK(due(deadlines, start + range + 5ms) == Tags{3});
    CHECK_FALSE(deadlines.pop_due(start + 2 * range - 1ms));
    CHECK(due(deadlines, start + 2 * range) == Tags{4});
}

TEST_CASE("the end of time is a deadline that is never reached") {
    Deadlines deadlines(start);
    const auto handle = deadlines.add(TimePoint::max(), 1);
    CHECK(deadlines.next().has_value());
    CHECK_FALSE(deadlines.pop_due(start + std::chrono::hours{24 * 365 * 100}));
    deadlines.remove(handle);
    CHECK_FALSE(deadlines.next());
}

TEST_CASE("who sleeps until next() gets a deadline in few turns, within a millisecond") {
    const auto after = GENERATE(100us, 1ms, 255ms, 256ms, 5s, 30s, 24h, std::chrono::hours{24 * 60});
    Deadlines deadlines(start);
    CHECK_FALSE(deadlines.pop_due(start + 777ms));
    const auto when = start + 777ms + after;
    deadlines.add(when, 1);
    const auto wait = wait_for_one(deadlines);
    CHECK(wait.reported >= when);
    CHECK(wait.reported < when + 1ms);
    CHECK(wait.turns <= 5);
}

TEST_CASE("a deadline added by the handling of another one is reported in its turn") {
    Deadlines deadlines(start);
    deadlines.add(start + 5ms, 1);
    CHECK(deadlines.pop_due(start + 1s) == 1U);
    deadlines.add(start + 500ms, 2);
    deadlines.add(start + 1s + 1ms, 3);
    CHECK(due(deadlines, start + 1s) == Tags{2});
    CHECK(due(deadlines, start + 2s) == Tags{3});
}

TEST_CASE("time that goes back is taken for standing still") {
    Deadlines deadlines(start);
    CHECK_FALSE(deadlines.pop_due(start + 1s));
    deadlines.add(start + 1500ms, 1);
    CHECK_FALSE(deadlines.pop_due(start));
    CHECK(deadlines.pop_due(start + 1500ms) == 1U);
}

namespace {

/// The wheel beside a sorted map that says what is right. Removes and adds at random, and moves time by random steps.
class Comparison {
public:
    explicit Comparison(std::uint64_t seed) : random_(seed) {}

    void step() {
        switch (number(3)) {
        case 0: return add();
        case 1: return remove();
        default: return advance();
        }
    }

    void finish() {
        now_ += std::chrono::hours{24 * 400};
        report();
        CHECK(expected_.empty());
        CHECK(deadlines_.size() == 0);
    }

private:
    using Expected = std::multimap<TimePoint, std::pair<std::uint64_t, Deadlines::Handle>>;

    std::uint64_t number(std::uint64_t below) { return random_() % below; }

    /// From nanoseconds to months, each magnitude as likely as another.
    Duration duration() {
        return Duration{static_cast<Duration::rep>(random_() >> (10 + number(50)))} % std::chrono::hours{24 * 300};
    }

    void add() {
        const auto when = number(10) == 0 ? now_ - duration() % 1s : now_ + duration();
        expected_.emplace(when, std::pair{tag_, deadlines_.add(when, tag_)});
        ++tag_;
    }

    void remove() {
        if (expected_.empty()) return;
        const auto it = std::next(expected_.begin(), static_cast<std::ptrdiff_t>(number(expected_.size())));
        deadlines_.remove(it->second.second);
        expected_.erase(it);
    }

    void advance() {
        const auto next = deadlines_.next();
        now_ = next && number(2) == 0 ? std::max(now_, *next) : now_ + duration() % 2h;
        report();
    }

    void report() {
        // What must be reported has been due for a millisecond; what may be reported is due.
        std::set<std::uint64_t> reported;
        while (const auto tag = deadlines_.pop_due(now_)) reported.insert(*tag);
        for (auto it = expected_.begin(); it != expected_.end();) {
            const bool there = reported.erase(it->second.first) == 1;
            const bool right = there ? it->first <= now_ : it->first > now_ - 1ms;
            if (!right) FAIL("tag " << it->second.first << (there ? " is early" : " is late"));
            it = there ? expected_.erase(it) : std::next(it);
        }
        CHECK(reported.empty());
        CHECK(deadlines_.size() == expected_.size());
        CHECK(deadlines_.next().has_value() == !expected_.empty());
        if (!expected_.empty()) CHECK(*deadlines_.next() < expected_.begin()->first + 1ms);
    }

    std::mt19937_64 random_;
    Deadlines deadlines_{start};
    Expected expected_;
    TimePoint now_ = start;
    std::uint64_t tag_ = 0;
};

}  // namespace

TEST_CASE("the wheel reports what a sorted map says is due") {
    const auto seed = GENERATE(1U, 2U, 3U, 20250101U);
    Comparison comparison(seed);
    for (int i = 0; i < 20'000; ++i) comparison.step();
    comparison.finish();
}
