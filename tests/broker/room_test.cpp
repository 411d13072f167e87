// When the room for waiting calls is used up: whoever has most waiting makes room for those that have less.
#include <catch2/catch.hpp>

#include <algorithm>
#include <deque>
#include <map>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

BrokerLimits room_for(std::size_t calls, std::size_t bytes = std::size_t{1} << 30) {
    BrokerLimits limits;
    limits.max_queued = calls;
    limits.max_queued_bytes = bytes;
    return limits;
}

void check_displaced(const Received& answer, std::uint32_t msgid) {
    CHECK(answer.msgid == msgid);
    CHECK(answer.code() == "RESOURCE_EXHAUSTED");
    CHECK(answer.ran() == "no");
    CHECK(answer.message() == "service S: this client had most waiting, and others needed the room");
    CHECK(answer.error["by"] == "broker");
    CHECK(answer.error.contains("retry_after"));
}

/// A call of so many bytes, as they are counted, but for a few.
void request_of(BenchClient& client, std::uint32_t msgid, std::size_t bytes, std::string_view method = "S.m") {
    client.request(msgid, method, json::array({std::string(bytes, 'x')}));
}

TEST_CASE("room: a full queue makes room for a client that has less waiting, by the newest call of who has most") {
    BrokerBench bench(room_for(4));
    auto& worker = bench.worker("w", Offer{});
    auto& greedy = bench.client("greedy");
    auto& modest = bench.client("modest");
    greedy.requests(0, 5);  // one runs, four wait
    modest.requests(0, 1);
    check_displaced(greedy.answer(), 4);
    CHECK(modest.heard_nothing());
    CHECK(bench.count(Counter::calls_displaced) == 1);
    CHECK(bench.count(Counter::calls_failed) == 1);
    worker.answers(worker.call(), nullptr);
    CHECK(greedy.answer().msgid == 0U);
    worker.answers(worker.call(), nullptr);
    worker.answers(worker.call(), nullptr);
    CHECK(modest.answers().size() == 1);  // its turn comes within a round, too
}

TEST_CASE("room: a client is not let in at the cost of one that would have no more than it") {
    BrokerBench bench(room_for(4));
    bench.worker("w", {.capacity = 0});
    auto& greedy = bench.client("greedy");
    auto& second = bench.client("second");
    greedy.requests(0, 4);
    second.requests(0, 2);
    CHECK(greedy.answers().size() == 2);
    second.requests(10, 1);
    const auto answer = second.answer();
    CHECK(answer.message() == "service S: 4 calls wait already (--max-queued)");
    CHECK(answer.error.contains("retry_after"));
    greedy.requests(10, 1);
    CHECK(greedy.answer().message() == "service S: 4 calls wait already (--max-queued)");
    CHECK(bench.count(Counter::calls_displaced) == 2);
    CHECK(bench.count(Counter::calls_refused) == 2);
}

TEST_CASE("room: what waits in all queues of a service counts, and the newest goes wherever it waits") {
    BrokerBench bench(room_for(3));
    auto& worker = bench.worker("w", {.capacity = 0});
    auto& other = bench.worker("other", {.services = {{"S", {"m", "n"}}}, .capacity = 0});
    auto& greedy = bench.client("greedy");
    auto& modest = bench.client("modest");
    greedy.requests(0, 1);
    greedy.requests(1, 1, "S.n");
    greedy.requests(2, 1, "S.m", {.worker = other.worker_id()});
    modest.requests(0, 1, "S.m", {.key = "k"});
    check_displaced(greedy.answer(), 2);
    CHECK(modest.heard_nothing());
    CHECK(worker.calls().empty());
}

TEST_CASE("room: a service's queue is no matter of what its clients have waiting for others") {
    BrokerBench bench(room_for(3));
    bench.worker("w", {.services = {{"S", {"m"}}, {"T", {"m"}}}, .capacity = 0});
    auto& greedy = bench.client("greedy");
    auto& modest = bench.client("modest");
    greedy.requests(0, 3, "T.m");
    greedy.requests(10, 1);
    modest.requests(0, 2);
    greedy.requests(20, 1);
    CHECK(greedy.answer().msgid == 20U);
    CHECK(bench.count(Counter::calls_displaced) == 0);
}

TEST_CASE("room: calls that would not wait displace nobody, nor do those that are wrong") {
    BrokerBench bench(room_for(3));
    auto& busy = bench.worker("busy", {.capacity = 0});
    auto& greedy = bench.client("greedy");
    auto& modest = bench.client("modest");
    greedy.requests(0, 3, "S.m", {.worker = busy.worker_id()});
    auto& idle = bench.worker("idle", Offer{});
    modest.requests(0, 1);
    idle.answers(idle.call(), nullptr);
    modest.requests(1, 1, "S.none");
    modest.requests(2, 1, "S.none", {.worker = idle.worker_id()});
    CHECK(modest.answers().size() == 3);
    CHECK(greedy.heard_nothing());
    CHECK(bench.count(Counter::calls_displaced) == 0);
}

TEST_CASE("room: what has run before is displaced last, and says so") {
    BrokerBench bench(room_for(2));
    auto& worker = bench.worker("w", {.idempotent = true});
    auto& greedy = bench.client("greedy");
    greedy.requests(0, 3);
    worker.call();
    worker.closes();  // its call waits again: one more than there is room for
    bench.client("second").requests(0, 1);
    CHECK(greedy.answer().msgid == 2U);
    bench.client("third").requests(0, 1);
    CHECK(greedy.answer().msgid == 1U);
    CHECK(bench.core().calls_in_system() == 3);
}

TEST_CASE("room: one-way calls are displaced, too, and counted") {
    BrokerBench bench(room_for(2));
    bench.worker("w", {.capacity = 0});
    auto& greedy = bench.client("greedy");
    for (int i = 0; i < 2; ++i) greedy.notify("S.m");
    bench.client("modest").requests(0, 1);
    CHECK(greedy.heard_nothing());
    CHECK(bench.count(Counter::calls_displaced) == 1);
    CHECK(bench.count(Counter::one_way_failed) == 1);
}

TEST_CASE("room: who comes on the slot of one who left is not charged with its one-way calls") {
    BrokerBench bench(room_for(2));
    bench.worker("w", {.capacity = 0});
    auto& gone = bench.client("gone");
    for (int i = 0; i < 2; ++i) gone.notify("S.m");
    gone.closes();
    auto& next = bench.client("next");
    REQUIRE(next.id().slot == gone.id().slot);
    next.requests(0, 1);
    CHECK(next.heard_nothing());
    CHECK(bench.count(Counter::calls_displaced) == 1);
}

TEST_CASE("room: retry_after is the time in which an eighth of the queue goes") {
    BrokerBench bench(room_for(32));
    auto& worker = bench.worker("w", Offer{});
    auto& greedy = bench.client("greedy");
    greedy.requests(0, 33, "S.m", {.timeout_ms = 600'000});
    for (int i = 0; i < 20; ++i) {  // a call in 100 ms
        bench.passes(100ms);
        worker.answers(worker.call(), nullptr);
        greedy.requests(100 + static_cast<std::uint32_t>(i), 1, "S.m", {.timeout_ms = 600'000});
    }
    greedy.answers();
    greedy.requests(200, 1, "S.m", {.timeout_ms = 600'000});
    CHECK(greedy.answer().error["retry_after"] == 500);
}

TEST_CASE("room: for a large call as many of the newest go as are needed, and no more") {
    BrokerBench bench(room_for(100, 10'000));
    bench.worker("w", {.capacity = 0});
    auto& greedy = bench.client("greedy");
    auto& modest = bench.client("modest");
    for (std::uint32_t i = 0; i < 9; ++i) request_of(greedy, i, 1'000);
    request_of(modest, 0, 2'500);
    const auto displaced = greedy.answers();
    REQUIRE(displaced.size() == 2);
    check_displaced(displaced[0], 8);
    check_displaced(displaced[1], 7);
    CHECK(modest.heard_nothing());
    CHECK(bench.core().queued_bytes() <= 10'000);
}

TEST_CASE("room: nobody goes for a call that would find too little room all the same") {
    BrokerBench bench(room_for(100, 10'000));
    bench.worker("w", {.capacity = 0});
    auto& greedy = bench.client("greedy");
    auto& modest = bench.client("modest");
    for (std::uint32_t i = 0; i < 6; ++i) request_of(greedy, i, 1'000);
    auto& others = bench.client("others");
    for (std::uint32_t i = 0; i < 3; ++i) request_of(others, i, 1'000);
    request_of(modest, 0, 5'500);  // the greedy one has more than that, until one call has gone
    CHECK(modest.answer().message().ends_with("bytes already (--max-queued-bytes)"));
    CHECK(greedy.heard_nothing());
    request_of(modest, 1, 1'500);  // what was put back goes in the same order
    CHECK(greedy.answer().msgid == 5U);
    CHECK(others.heard_nothing());
}

TEST_CASE("room: bytes are those of all services, and one that nobody serves may lose all that it has") {
    BrokerBench bench(room_for(100, 10'000));
    auto& greedy = bench.client("greedy");
    auto& modest = bench.client("modest");
    request_of(greedy, 0, 9'000, "Unknown.m");
    request_of(modest, 0, 2'000, "Unknown.m");
    CHECK(greedy.answer().code() == "RESOURCE_EXHAUSTED");
    request_of(greedy, 1, 7'000, "Other.m");
    request_of(bench.client("third"), 0, 2'000, "Third.m");
    CHECK(greedy.answer().msgid == 1U);
    CHECK(bench.core().calls_in_system() == 2);
    bench.passes(2s);
    CHECK(modest.answer().code() == "NOT_FOUND");
}

TEST_CASE("room: a call that needs a place and bytes gets both, or displaces nobody") {
    BrokerBench bench(room_for(3, 10'000));
    bench.worker("w", {.services = {{"S", {"m"}}, {"T", {"m"}}}, .capacity = 0});
    auto& many = bench.client("many");
    auto& large = bench.client("large");
    for (std::uint32_t i = 0; i < 3; ++i) request_of(many, i, 100);
    for (std::uint32_t i = 0; i < 2; ++i) request_of(large, i, 4'500, "T.m");
    auto& modest = bench.client("modest");
    request_of(modest, 0, 9'500);
    CHECK(modest.answer().code() == "RESOURCE_EXHAUSTED");
    CHECK(many.heard_nothing());
    CHECK(large.heard_nothing());
    request_of(modest, 1, 2'000);
    CHECK(modest.heard_nothing());
    check_displaced(many.answer(), 2);
    CHECK(large.answer().msgid == 1U);
}

// ---- floods

constexpr std::size_t floods = 10;
constexpr std::uint32_t waiting_each = 10'000;
constexpr std::size_t polites = 20;
constexpr std::uint32_t patience = 24 * 3'600'000;

/// A service of one worker with eight threads of 1 ms each, clients that flood it and send again whatever they hear, and
/// polite ones that have one call under way each. A call's parameter is its client's name.
class Flood {
public:
    Flood() : worker_(bench_.worker("w", {.capacity = 8})) {
        for (std::size_t i = 0; i < floods; ++i)
            ask(flooders_.emplace_back(Caller{bench_.client("flood")}), waiting_each + 1);
        for (std::size_t i = 0; i < polites; ++i) {
            const auto name = std::to_string(i);
            ask(polite_.try_emplace(name, Caller{bench_.client(name)}).first->second);
        }
    }

    void runs(std::size_t milliseconds) {
        for (std::size_t i = 0; i < milliseconds; ++i) {
            bench_.passes(1ms);
            work();
            for (auto& flooder : flooders_)
                if (const auto ended = flooder.peer.answers().size(); ended > 0)
                    ask(flooder, static_cast<std::uint32_t>(ended));
            for (auto& [name, caller] : polite_) listen(caller);
            most_queued_ = std::max(most_queued_, bench_.core().calls_in_system() - worker_.in_flight());
        }
    }

    BrokerBench& bench() { return bench_; }
    /// Of polite calls: how many were sent to workers between one and its own start.
    [[nodiscard]] std::size_t longest_wait() const { return longest_wait_; }
    [[nodiscard]] std::size_t served() const { return served_; }
    [[nodiscard]] std::size_t refused() const { return refused_; }
    [[nodiscard]] std::size_t most_queued() const { return most_queued_; }

private:
    struct Caller {
        BenchClient& peer;
        std::uint32_t last = 0;
        std::size_t sent_at = 0;  ///< in calls that were sent to workers
    };

    void ask(Caller& caller, std::uint32_t count = 1) {
        caller.sent_at = dispatched();
        caller.peer.requests(caller.last + 1, count, "S.m", {.timeout_ms = patience});
        caller.last += count;
    }
    std::size_t dispatched() { return bench_.count(Counter::calls_dispatched); }
    /// Ends what began a millisecond ago. What comes meanwhile is for the next one.
    void work() {
        const auto begun = worker_.calls();
        auto at = dispatched() - begun.size();
        for (const auto& call : begun) {
            if (const auto caller = polite_.find(call.params[0].get<std::string>()); caller != polite_.end())
                longest_wait_ = std::max(longest_wait_, at - caller->second.sent_at);
            ++at;
        }
        for (const auto& call : begun) worker_.answers(call, nullptr);
    }
    void listen(Caller& caller) {
        for (const auto& answer : caller.peer.answers()) {
            ++(answer.error.is_null() ? served_ : refused_);
            ask(caller);
        }
    }

    BrokerBench bench_;
    BenchWorker& worker_;
    std::deque<Caller> flooders_;
    std::map<std::string, Caller> polite_;
    std::size_t longest_wait_ = 0;
    std::size_t served_ = 0;
    std::size_t refused_ = 0;
    std::size_t most_queued_ = 0;
};

TEST_CASE("room: polite clients beside ten that flood are all let in, and wait one round over the clients at most") {
    Flood flood;
    flood.runs(200);
    CHECK(flood.refused() == 0);
    CHECK(flood.served() >= 200 * 8 / 2);
    CHECK(flood.longest_wait() < floods + polites);
    CHECK(flood.most_queued() <= BrokerLimits{}.max_queued);
    CHECK(flood.bench().count(Counter::calls_displaced) > 0);
}

}  // namespace
}  // namespace rpcbroker::test
