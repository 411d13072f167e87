#include "worker/shared_capacity.hpp"

#include <catch2/catch.hpp>

#include <numeric>

using namespace rpcbroker;
using namespace std::chrono_literals;

namespace {

using Shares = std::vector<std::uint32_t>;

/// Brokers that send what they want as soon as they may, some time after they were told.
class Brokers {
public:
    static constexpr Duration step = 1ms;

    Brokers(std::size_t count, std::uint32_t threads, std::optional<std::uint32_t> fixed) : capacity(threads, fixed) {
        for (std::size_t i = 0; i < count; ++i) capacity.add();
        wants = holds = told = next = Shares(count);
    }

    void attach_all() {
        for (std::uint32_t i = 0; i < wants.size(); ++i) capacity.attach(i, now);
    }
    /// Every broker keeps as many calls here as it wants and may; each call takes less than a step.
    void pass(Duration time, bool calls_end = true) {
        for (const auto end = now + time; now < end; now += step) turn(calls_end);
    }
    Shares shares() const {
        Shares all;
        for (std::uint32_t i = 0; i < wants.size(); ++i) all.push_back(capacity.share(i));
        return all;
    }
    static std::uint32_t sum(const Shares& shares) { return std::accumulate(shares.begin(), shares.end(), 0U); }

    SharedCapacity capacity;
    Shares wants;
    Shares holds;
    Shares told;  ///< what each knows, a step late
    Shares next;
    std::uint64_t messages = 0;
    std::vector<std::uint64_t> served = std::vector<std::uint64_t>(4);
    std::uint32_t most_held = 0;
    TimePoint now{1h};

private:
    void turn(bool calls_end) {
        for (std::uint32_t i = 0; i < wants.size(); ++i) {
            if (calls_end) {
                served[i] += holds[i];
                set(i, 0);
            }
            if (holds[i] < told[i]) set(i, std::min(wants[i], told[i]));
        }
        most_held = std::max(most_held, sum(holds));
        capacity.on_time(now);
        told = next;
        next = shares();
        CHECK(sum(next) <= capacity.total());
        for (std::size_t i = 0; i < next.size(); ++i) messages += next[i] != told[i];
    }
    void set(std::uint32_t broker, std::uint32_t calls) {
        holds[broker] = calls;
        capacity.holds(broker, {0, calls, 0}, now);
    }
};

}  // namespace

TEST_CASE("a worker's only broker has all of its capacity, at once and always") {
    Brokers brokers{1, 8, 100};
    CHECK(brokers.shares() == Shares{100});
    brokers.attach_all();
    CHECK(brokers.shares() == Shares{100});
    brokers.capacity.detach(0, brokers.now);
    CHECK(brokers.shares() == Shares{100});
    CHECK_FALSE(brokers.capacity.next_deadline());
}

TEST_CASE("what brokers are told adds up to the capacity, not to a multiple of it") {
    Brokers brokers{2, 8, 8};
    brokers.wants = {100, 100};
    brokers.attach_all();
    brokers.pass(1s);
    CHECK(brokers.shares() == Shares{4, 4});
    CHECK(brokers.most_held == 8);
}

TEST_CASE("a broker that is alone among those that are there has everything") {
    Brokers brokers{3, 8, 8};
    CHECK(brokers.shares() == Shares{0, 0, 0});
    brokers.capacity.attach(1, brokers.now);
    CHECK(brokers.shares() == Shares{0, 8, 0});
    CHECK_FALSE(brokers.capacity.next_deadline());
}

TEST_CASE("a busy broker beside an idle one soon has nearly all") {
    Brokers brokers{2, 8, 256};
    brokers.attach_all();
    brokers.pass(100ms);
    CHECK(brokers.shares() == Shares{128, 128});
    brokers.wants = {1000, 0};
    brokers.pass(100ms);
    CHECK(brokers.shares() == Shares{240, 16});
}

TEST_CASE("an idle broker that becomes busy soon has its half") {
    Brokers brokers{2, 8, 256};
    brokers.attach_all();
    brokers.wants = {1000, 0};
    brokers.pass(1s);
    brokers.wants = {1000, 1000};
    brokers.pass(200ms);
    CHECK(brokers.shares() == Shares{128, 128});
}

TEST_CASE("who needs little gets that, and the busy ones share the rest") {
    Brokers brokers{3, 8, 100};
    brokers.attach_all();
    brokers.wants = {1000, 10, 1000};
    brokers.pass(1s);
    const auto shares = brokers.shares();
    CHECK(shares[1] >= 10);
    CHECK(shares[1] <= 15);
    CHECK(std::abs(static_cast<int>(shares[0]) - static_cast<int>(shares[2])) <= 1);
    CHECK(Brokers::sum(shares) == 100);
}

TEST_CASE("steady loads cost no messages") {
    const auto wants = GENERATE(Shares{0, 0}, Shares{1000, 0}, Shares{1000, 1000}, Shares{30, 1000}, Shares{1, 1000});
    Brokers brokers{2, 8, 256};
    brokers.attach_all();
    brokers.wants = wants;
    brokers.pass(1s);
    const auto before = brokers.messages;
    brokers.pass(10s);
    CHECK(brokers.messages == before);
}

TEST_CASE("brokers that are idle need no looking after") {
    Brokers brokers{2, 8, 256};
    brokers.attach_all();
    brokers.pass(200ms);
    CHECK_FALSE(brokers.capacity.next_deadline());
}

TEST_CASE("a broker that is gone leaves its share to the others, and gets it back") {
    Brokers brokers{2, 8, 8};
    brokers.wants = {100, 100};
    brokers.attach_all();
    brokers.pass(1s);
    brokers.wants[1] = brokers.told[1] = brokers.next[1] = 0;
    brokers.capacity.holds(1, {}, brokers.now);
    brokers.capacity.detach(1, brokers.now);
    CHECK(brokers.shares() == Shares{8, 0});
    brokers.pass(100ms);
    brokers.capacity.attach(1, brokers.now);
    brokers.wants[1] = 100;
    brokers.pass(300ms);
    CHECK(brokers.shares() == Shares{4, 4});
    CHECK(brokers.most_held == 8);
}

TEST_CASE("what a silent broker holds is not given away a second time") {
    Brokers brokers{2, 8, 8};
    brokers.wants = {0, 100};
    brokers.attach_all();
    brokers.pass(1s);
    CHECK(brokers.shares() == Shares{1, 7});
    brokers.pass(10ms, false);
    brokers.capacity.detach(1, brokers.now);
    CHECK(brokers.shares() == Shares{1, 0});
    brokers.capacity.holds(1, {0, 2, 0}, brokers.now);
    brokers.capacity.on_time(brokers.now + 1s);
    CHECK(brokers.shares() == Shares{6, 0});
}

TEST_CASE("places that are taken pass on as they become free") {
    Brokers brokers{2, 8, 8};
    brokers.wants = {100, 0};
    brokers.attach_all();
    brokers.pass(1s);
    CHECK(brokers.shares() == Shares{7, 1});
    brokers.wants = {100, 100};
    brokers.pass(1s, false);
    CHECK(brokers.shares()[1] == 1);
    CHECK(brokers.most_held == 8);
    brokers.pass(300ms);
    CHECK(brokers.shares() == Shares{4, 4});
    CHECK(brokers.most_held == 8);
}

TEST_CASE("one place for two brokers goes round, and both are served") {
    Brokers brokers{2, 1, 1};
    brokers.attach_all();
    brokers.wants = {100, 100};
    brokers.pass(10s);
    CHECK(brokers.most_held == 1);
    CHECK(brokers.served[0] > 4000);
    CHECK(brokers.served[1] > 4000);
}

TEST_CASE("one place for a busy broker and an idle one is mostly at the busy one") {
    Brokers brokers{2, 1, 1};
    brokers.attach_all();
    brokers.wants = {100, 0};
    brokers.pass(10s);
    CHECK(brokers.served[0] > 7500);
    brokers.wants = {100, 1};
    const auto before = brokers.served[1];
    brokers.pass(1s);
    CHECK(brokers.served[1] > before);
}

TEST_CASE("a place that goes round waits for the call that holds it") {
    Brokers brokers{2, 1, 1};
    brokers.attach_all();
    brokers.wants = {1, 1};
    brokers.pass(50ms);
    brokers.pass(10s, false);
    CHECK(brokers.most_held == 1);
    CHECK(Brokers::sum(brokers.holds) == 1);
}

TEST_CASE("two places for four brokers go round") {
    Brokers brokers{4, 2, 2};
    brokers.attach_all();
    brokers.wants = {100, 100, 100, 100};
    brokers.pass(10s);
    CHECK(brokers.most_held == 2);
    for (const auto served : brokers.served) CHECK(served > 4000);
}

TEST_CASE("a worker whose capacity is its own choice has a place for each broker") {
    Brokers brokers{4, 1, std::nullopt};
    brokers.attach_all();
    brokers.capacity.close(brokers.now);
    brokers.capacity.open();
    CHECK(brokers.capacity.total() == 4);
    brokers.pass(10ms);
    CHECK(brokers.shares() == Shares{1, 1, 1, 1});
}

TEST_CASE("a worker that is closed tells each broker what it has running") {
    Brokers brokers{2, 8, 20};
    brokers.attach_all();
    brokers.pass(50ms);
    brokers.capacity.holds(0, {5, 3, 0}, brokers.now);
    brokers.capacity.holds(1, {5, 3, 0}, brokers.now);
    brokers.capacity.close(brokers.now);
    CHECK(brokers.capacity.closed());
    CHECK(brokers.shares() == Shares{3, 3});
    brokers.capacity.open();
    CHECK(brokers.shares() == Shares{10, 10});
}

TEST_CASE("a handler that nobody waits for any more takes a place all the same") {
    Brokers brokers{1, 8, 8};
    brokers.attach_all();
    brokers.capacity.holds(0, {0, 0, 3}, brokers.now);
    CHECK(brokers.shares() == Shares{5});
    brokers.capacity.holds(0, {0, 0, 0}, brokers.now);
    CHECK(brokers.shares() == Shares{8});

    Brokers two{2, 8, 8};
    two.attach_all();
    two.pass(50ms);
    two.capacity.holds(1, {0, 0, 4}, two.now);
    CHECK(Brokers::sum(two.shares()) == 4);
}

TEST_CASE("more than a fixed capacity is to go back to who holds more than its share") {
    Brokers brokers{2, 4, 8};
    brokers.attach_all();
    brokers.pass(50ms);
    brokers.capacity.holds(0, {2, 2, 0}, brokers.now);
    brokers.capacity.holds(1, {2, 2, 0}, brokers.now);
    CHECK_FALSE(brokers.capacity.exceeds(0));
    brokers.capacity.holds(1, {3, 2, 0}, brokers.now);
    CHECK(brokers.capacity.exceeds(1));
    CHECK_FALSE(brokers.capacity.exceeds(0));
}

TEST_CASE("calls that wait beyond what is wanted are excess, unless the capacity is fixed") {
    SharedCapacity capacity{8, std::nullopt};
    capacity.add();
    TimePoint now{1h};
    capacity.attach(0, now);
    capacity.holds(0, {100, 8, 0}, now);
    CHECK(capacity.excess() == 0);
    for (int i = 0; i < 400; ++i) capacity.started(now += 125us);
    CHECK(capacity.share(0) == 48);
    CHECK(capacity.excess() == 60);
    CHECK(capacity.last_start() == now);

    SharedCapacity fixed{8, 10};
    fixed.add();
    fixed.holds(0, {100, 8, 0}, now);
    CHECK(fixed.excess() == 0);
}
