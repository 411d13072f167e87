// ClientSession: which calls are tried again, when, and at what price.
#include <catch2/catch.hpp>

#include <limits>

#include "tests/client/session_harness.hpp"

using namespace rpcbroker;
using namespace rpcbroker::test;

namespace {

const RetryPolicy twice{.attempts = 2, .initial_pause = 100ms};
const Error no_worker{Code::unavailable, "no worker", By::broker, Ran::no};
const Error worker_lost{Code::unavailable, "worker lost", By::broker, Ran::maybe};
const Error handlers_own{Code::unavailable, "the database is away"};

Error overloaded(std::chrono::milliseconds retry_after) {
    Error error{Code::resource_exhausted, "queue full", By::broker, Ran::no};
    return error.set_retry_after(retry_after);
}

/// A connected client whose calls may be tried again.
struct Net : SessionHarness {
    explicit Net(const RetryPolicy& policy = twice) : SessionHarness(with(policy)) { connect(); }

    static ClientOptions with(const RetryPolicy& policy) {
        ClientOptions options;
        options.retry = policy;
        return options;
    }

    /// Of the only call that was sent since it was asked last.
    std::uint32_t msgid() {
        const auto all = calls_sent();
        REQUIRE(all.size() == 1);
        return all[0].msgid;
    }
    void require_ended_with(const Error& error) {
        const auto ended = outcome();
        REQUIRE_FALSE(ended.reply.has_value());
        CHECK(ended.reply.error().message() == error.message());
        CHECK(ended.reply.error().code() == error.code());
    }
    /// Whether a call of this kind that fails so is tried again.
    bool tries_again(const CallOptions& options, const Error& error) {
        start(options);
        fail(0, msgid(), error);
        pass(100ms);
        const bool again = !calls_sent().empty();
        session.cancel_all();
        session.take_outcomes();
        return again;
    }
    /// From the failure of a first attempt to the second one.
    Duration pause_before_retry() {
        const auto failed_at = now;
        while (calls_sent().empty()) pass(1ms);
        return now - failed_at;
    }
};

}  // namespace

TEST_CASE("without a policy nothing is tried again") {
    Net net{RetryPolicy{}};
    CHECK_FALSE(net.tries_again({}, no_worker));
    CHECK_FALSE(net.tries_again({.idempotent = true}, no_worker));
    CHECK(net.session.counters().retries == 0);
}

TEST_CASE("a call that certainly did not run is tried again, and ends well") {
    Net net;
    const auto id = net.start({.timeout = 10s});
    net.fail(0, net.msgid(), no_worker);
    CHECK_FALSE(net.session.has_outcomes());
    CHECK(net.session.calls() == 1);
    net.pass(100ms);
    const auto again = net.calls_sent();
    REQUIRE(again.size() == 1);
    CHECK(again[0].method == "M.n");
    CHECK(again[0].timeout_ms <= 9'950);
    CHECK(again[0].timeout_ms >= 9'900);
    net.answer(0, again[0].msgid, packed_number(1));
    const auto outcome = net.outcome();
    CHECK(outcome.call == id);
    CHECK(outcome.reply.has_value());
    CHECK(net.session.counters().retries == 1);
    CHECK_FALSE(net.session.next_deadline());
}

TEST_CASE("only UNAVAILABLE and RESOURCE_EXHAUSTED are tried again") {
    Net net;
    const CallOptions idempotent{.idempotent = true};
    CHECK(net.tries_again({}, no_worker));
    CHECK(net.tries_again({}, overloaded(1ms)));
    CHECK_FALSE(net.tries_again(idempotent, Error{Code::aborted, "", By::handler, Ran::unsaid}));
    CHECK_FALSE(net.tries_again(idempotent, Error{Code::not_found, "", By::broker, Ran::no}));
    CHECK_FALSE(net.tries_again(idempotent, Error{Code::deadline_exceeded, "", By::broker, Ran::no}));
}

TEST_CASE("what may have run is tried again only when the caller calls it idempotent") {
    Net net;
    const CallOptions idempotent{.idempotent = true};
    CHECK_FALSE(net.tries_again({}, worker_lost));
    CHECK_FALSE(net.tries_again({}, handlers_own));
    CHECK_FALSE(net.tries_again({.idempotent = false}, handlers_own));
    CHECK(net.tries_again(idempotent, worker_lost));
    CHECK(net.tries_again(idempotent, handlers_own));
}

TEST_CASE("a call's own policy stands in place of the client's") {
    Net net;
    CHECK_FALSE(net.tries_again({.retry = RetryPolicy{}}, no_worker));
    CHECK_FALSE(net.tries_again({.retry = RetryPolicy{.attempts = 0}}, no_worker));
    Net other{RetryPolicy{}};
    CHECK(other.tries_again({.retry = twice}, no_worker));
}

TEST_CASE("after the last attempt the error is that one's") {
    Net net{{.attempts = 3}};
    net.start();
    net.fail(0, net.msgid(), no_worker);
    net.pass(1s);
    net.fail(0, net.msgid(), no_worker);
    net.pass(1s);
    const auto last = overloaded(5ms);
    net.fail(0, net.msgid(), last);
    net.require_ended_with(last);
    CHECK(net.session.counters().retries == 2);
}

TEST_CASE("pauses grow to the longest, and each is cut by up to a half") {
    Net net{{.attempts = 6, .initial_pause = 100ms, .max_pause = 500ms, .growth = 2}};
    net.start();
    std::uint32_t msgid = net.msgid();
    for (const auto pause : {100ms, 200ms, 400ms, 500ms, 500ms}) {
        net.fail(0, msgid, no_worker);
        net.pass(pause / 2 - 1ms);
        CHECK(net.calls_sent().empty());
        net.pass(pause / 2 + 2ms);
        msgid = net.msgid();
    }
}

TEST_CASE("pauses differ from call to call, and are the same for the same seed") {
    std::vector<Duration> pauses[2];
    for (auto& of_run : pauses) {
        Net net{{.attempts = 2, .initial_pause = 1000ms}};
        for (int i = 0; i < 5; ++i) {
            net.start();
            net.fail(0, net.msgid(), no_worker);
            of_run.push_back(net.pause_before_retry());
            net.session.cancel_all();
        }
    }
    CHECK(pauses[0] == pauses[1]);
    CHECK(std::set<Duration>(pauses[0].begin(), pauses[0].end()).size() > 2);
}

TEST_CASE("a pause is never shorter than the error asks for") {
    Net net;
    net.start();
    net.fail(0, net.msgid(), overloaded(1500ms));
    net.pass(1499ms);
    CHECK(net.calls_sent().empty());
    net.pass(2ms);
    CHECK(net.calls_sent().size() == 1);
}

TEST_CASE("an error whose pause would outlast the call's time is the caller's at once") {
    Net net;
    net.start({.timeout = 1s});
    net.fail(0, net.msgid(), overloaded(1s));
    net.require_ended_with(overloaded(1s));
    net.start({.timeout = 50ms});
    net.fail(0, net.msgid(), no_worker);
    net.require_ended_with(no_worker);
    CHECK(net.session.counters().retries == 0);
    CHECK(net.session.counters().retries_denied == 0);
}

TEST_CASE("a policy of nonsense harms nobody") {
    const auto longest = std::chrono::milliseconds::max();
    for (const auto& policy :
         {RetryPolicy{2, longest, longest, 2}, RetryPolicy{2, 0ms, longest, 1e300},
          RetryPolicy{3, -5ms, -5ms, std::numeric_limits<double>::quiet_NaN()}, RetryPolicy{3, 1ms, 2ms, -7}}) {
        Net net{policy};
        net.start();
        net.fail(0, net.msgid(), no_worker);
        net.pass(10ms);
        for (const auto& again : net.calls_sent()) net.answer(0, again.msgid, packed_number(1));
        CHECK(net.outcome().reply.has_value() == (policy.initial_pause < 1s));
    }
}

TEST_CASE("retries are a fifth of the calls, after the ten that the budget begins with") {
    Net net{{.attempts = 100, .initial_pause = 1ms, .max_pause = 1ms}};
    int attempts = 0;
    for (int i = 0; i < 200; ++i) {
        net.start({.timeout = 10s});
        while (!net.session.has_outcomes()) {
            net.fail(0, net.msgid(), no_worker);
            net.pass(2ms);
            ++attempts;
        }
        net.require_ended_with(no_worker);
    }
    CHECK(net.session.counters().retries == static_cast<std::uint64_t>(attempts) - 200);
    CHECK(net.session.counters().retries == 10 + 200 / 5 - 1);
    CHECK(net.session.counters().retries_denied == 200);
}

TEST_CASE("calls that go well fill the budget to ten retries, not more") {
    Net net{{.attempts = 100, .initial_pause = 1ms, .max_pause = 1ms}};
    for (int i = 0; i < 1000; ++i) {
        net.start();
        net.answer(0, net.msgid(), packed_number(1));
        net.outcome();
    }
    net.start();
    for (; !net.session.has_outcomes(); net.pass(2ms)) net.fail(0, net.msgid(), no_worker);
    CHECK(net.session.counters().retries == 10);
}

TEST_CASE("calls that are refused here add nothing to the budget, and are not tried again") {
    Net net{{.attempts = 100, .initial_pause = 1ms, .max_pause = 1ms}};
    net.start();
    for (; !net.session.has_outcomes(); net.pass(2ms)) net.fail(0, net.msgid(), no_worker);
    net.session.take_outcomes();
    for (int i = 0; i < 100; ++i) net.start({}, "nodot");
    CHECK(net.session.take_outcomes().size() == 100);
    net.start();
    net.fail(0, net.msgid(), no_worker);
    net.require_ended_with(no_worker);
}

TEST_CASE("the next attempt may go to another broker") {
    ClientOptions options = SessionHarness::with_brokers({"inproc://a", "inproc://b"});
    options.retry = twice;
    SessionHarness net{options};
    net.connect(0, "a");
    net.start();
    const auto msgid = net.calls_sent(0).at(0).msgid;
    net.connect(1, "b");
    net.fail(0, msgid, no_worker);
    net.session.on_closed(0, "", net.now);
    net.pass(100ms);
    CHECK(net.calls_sent(1).size() == 1);
    CHECK_FALSE(net.session.has_outcomes());
}

TEST_CASE("a call whose rest ends while no broker is there waits for one, to its deadline") {
    Net net;
    net.start({.timeout = 1s});
    net.fail(0, net.msgid(), no_worker);
    net.session.on_closed(0, "", net.now);
    net.pass(500ms);
    net.connect();
    const auto again = net.calls_sent();
    REQUIRE(again.size() == 1);
    CHECK(again[0].timeout_ms == 500);
    net.session.cancel_all();
    net.session.take_outcomes();
    net.start({.timeout = 1s, .idempotent = true});
    net.fail(0, net.msgid(), handlers_own);
    net.session.on_closed(0, "", net.now);
    net.pass(1s);
    const auto outcome = net.outcome();
    CHECK(outcome.reply.error().message() == "no broker answers at tcp://127.0.0.1:5555");
    CHECK(outcome.reply.error().ran() == Ran::maybe);
}

TEST_CASE("a call whose rest ends where every broker refuses ends") {
    Net net;
    net.start();
    net.fail(0, net.msgid(), no_worker);
    net.session.on_closed(0, "", net.now);
    net.session.on_connected(0, net.now);
    net.fail(0, ClientSession::hello_msgid, Error{Code::unauthenticated, "no key", By::broker, Ran::no});
    net.pass(100ms);
    const auto outcome = net.outcome();
    CHECK(outcome.reply.error().code() == Code::unauthenticated);
    CHECK(outcome.reply.error().ran() == Ran::no);
}

TEST_CASE("a call that rests is cancelled at once, and nobody else hears of it") {
    Net net;
    const auto id = net.start();
    net.fail(0, net.msgid(), no_worker);
    net.session.cancel(id);
    CHECK(net.outcome().reply.error().ran() == Ran::no);
    net.pass(5s);
    CHECK(net.sent().empty());
    const auto ran = net.start({.idempotent = true});
    net.fail(0, net.msgid(), worker_lost);
    net.session.cancel(ran);
    CHECK(net.outcome().reply.error().ran() == Ran::maybe);
}

TEST_CASE("while a call rests, no heartbeats are due, and late answers are dropped") {
    Net net{{.attempts = 2, .initial_pause = 10s, .max_pause = 10s}};
    net.start();
    const auto msgid = net.msgid();
    net.fail(0, msgid, no_worker);
    net.answer(0, msgid, packed_number(1));
    CHECK(net.session.counters().unknown_responses == 1);
    net.pass(4s);
    CHECK(net.sent().empty());
    CHECK_FALSE(net.session.has_outcomes());
}

TEST_CASE("the request of a call that may be tried again is held until its end") {
    ClientOptions options = Net::with(twice);
    options.max_held_bytes = 10'000;
    SessionHarness net{options};
    net.connect();
    net.start_large(8'000);
    const auto first = net.calls_sent().at(0);
    net.start_large(8'000);
    CHECK(net.outcome().reply.error().code() == Code::resource_exhausted);
    net.fail(0, first.msgid, no_worker);
    net.pass(100ms);
    const auto again = net.calls_sent().at(0);
    CHECK(again.params == first.params);
    net.start_large(8'000);
    CHECK_FALSE(net.session.has_outcomes());
    CHECK(net.calls_sent().size() == 1);
}

TEST_CASE("a large call is tried again whole") {
    Net net;
    net.start_large(100'000);
    const auto first = net.calls_sent().at(0);
    net.fail(0, first.msgid, no_worker);
    net.pass(100ms);
    CHECK(net.calls_sent().at(0).params == first.params);
}

TEST_CASE("a stream is tried again only while no item has come") {
    Net net;
    net.start_stream(4);
    net.fail(0, net.msgid(), no_worker);
    net.pass(100ms);
    const auto again = net.calls_sent();
    REQUIRE(again.size() == 1);
    CHECK(again[0].stream == 4);
    net.item(0, again[0].msgid, 1);
    net.answer(0, again[0].msgid, packed_number(1));
    CHECK(net.items().size() == 1);
    CHECK(net.outcome().reply.has_value());
    net.start_stream(4);
    const auto msgid = net.msgid();
    net.item(0, msgid, 1);
    net.fail(0, msgid, no_worker);
    net.require_ended_with(no_worker);
}

TEST_CASE("a stream that was sent to a broker that is lost is not tried again, idempotent or not") {
    Net net;
    net.start_stream(4, {.idempotent = true});
    net.msgid();
    net.session.on_closed(0, "", net.now);
    CHECK(net.outcome().reply.error().ran() == Ran::maybe);
    net.connect();
    net.pass(10s);
    CHECK(net.calls_sent().empty());
}

TEST_CASE("a stream whose worker was lost is not tried again, idempotent or not") {
    Net net;
    net.start_stream(4, {.idempotent = true});
    net.fail(0, net.msgid(), worker_lost);
    net.require_ended_with(worker_lost);
}

TEST_CASE("an error says that the call may have run when an earlier attempt may have") {
    Net net;
    net.start({.idempotent = true});
    net.fail(0, net.msgid(), worker_lost);
    net.pass(100ms);
    net.fail(0, net.msgid(), overloaded(1ms));
    const auto ended = net.outcome();
    CHECK(ended.reply.error().code() == Code::resource_exhausted);
    CHECK(ended.reply.error().ran() == Ran::maybe);
}

TEST_CASE("a call whose time ran out while nobody turned the session ends with that") {
    Net net;
    net.start({.timeout = 1s});
    net.fail(0, net.msgid(), no_worker);
    net.now += 2s;
    net.session.on_time(net.now);
    const auto ended = net.outcome();
    CHECK(ended.reply.error().code() == Code::deadline_exceeded);
    CHECK(ended.reply.error().ran() == Ran::no);
    CHECK(net.calls_sent().empty());
}

TEST_CASE("an idempotent call of a lost broker is run again at once, policy or not") {
    Net net;
    net.start({.idempotent = true});
    net.msgid();
    net.session.on_closed(0, "", net.now);
    net.connect();
    CHECK(net.calls_sent().size() == 1);
    CHECK(net.session.counters().retries == 0);
    CHECK(net.session.counters().calls_run_again == 1);
}

TEST_CASE("a one-way call is not tried again") {
    Net net;
    net.notify();
    CHECK(net.calls_sent().size() == 1);
    CHECK(net.outcome().reply.has_value());
    CHECK(net.session.calls() == 0);
}
