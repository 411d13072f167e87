// That each rule can be found broken: what watches a run is told of what must not be.
#include <catch2/catch.hpp>

#include <functional>

#include <rpcbroker/pack.hpp>

#include "common/message.hpp"
#include "tests/simulation/broker_watch.hpp"
#include "tests/simulation/fairness.hpp"
#include "tests/simulation/history.hpp"

namespace rpcbroker::simulation {
namespace {

using namespace std::chrono_literals;

/// The rule that `action` breaks; empty: none.
std::string broken_by(const std::function<void()>& action) {
    try {
        action();
    } catch (const Violation& violation) {
        return violation.invariant();
    }
    return "";
}

// ---- history

struct Calls {
    History history;
    TimePoint now{1h};

    std::uint64_t make(const std::function<void(CallRecord&)>& change = [](CallRecord&) {}) {
        CallRecord call;
        call.method = "A.plain";
        call.soonest = now + 1s;
        change(call);
        return history.made(call);
    }
    /// What a handler answers that runs `call`.
    std::string run(std::uint64_t call, std::uint64_t items = 0) {
        return packed(Echo{call, history.started(call, "w"), items});
    }
    std::string fail(std::uint64_t call, const Error& error, Duration after = 1s) {
        return broken_by([&] { history.got_error(call, error, now + after); });
    }
};

TEST_CASE("history: a call that runs and has its result breaks no rule") {
    Calls calls;
    const auto call = calls.make();
    const auto result = calls.run(call);
    CHECK(broken_by([&] { calls.history.got_result(call, result); }).empty());
    CHECK(calls.history.outcomes().at("ok") == 1);
}

TEST_CASE("history: a second outcome is found") {
    Calls calls;
    const auto call = calls.make();
    calls.history.got_result(call, calls.run(call));
    CHECK(calls.fail(call, {Code::unavailable, "", By::broker, Ran::maybe}) == "every call has one outcome");
}

TEST_CASE("history: a second run of what is not idempotent is found") {
    Calls calls;
    const auto call = calls.make();
    calls.run(call);
    CHECK_FALSE(broken_by([&] { calls.run(call); }).empty());
    const auto again = calls.make([](CallRecord& record) { record.idempotent = true; });
    calls.history.call(again).admissions = 1;
    calls.run(again);
    CHECK(broken_by([&] { calls.run(again); }).empty());
    CHECK_FALSE(broken_by([&] { calls.run(again); }).empty());
}

TEST_CASE("history: the result of another call is found") {
    Calls calls;
    const auto one = calls.make();
    const auto other = calls.make();
    const auto result = calls.run(other);
    CHECK(broken_by([&] { calls.history.got_result(one, result); }) == "what a caller gets is of its own call");
}

TEST_CASE("history: \"ran: no\" of a call that ran is found, and a run after it") {
    Calls calls;
    const Error not_run{Code::unavailable, "", By::broker, Ran::no};
    const auto ran = calls.make();
    calls.run(ran);
    CHECK(calls.fail(ran, not_run) == "\"ran: no\" is said of no call that ran");
    const auto later = calls.make();
    CHECK(calls.fail(later, not_run).empty());
    CHECK(broken_by([&] { calls.run(later); }) == "no call is run that was said not to have run");
}

TEST_CASE("history: an early deadline is found, and a cancelling that nobody asked for") {
    Calls calls;
    const Error late{Code::deadline_exceeded, "", By::broker, Ran::no};
    CHECK(calls.fail(calls.make(), late, 1s).empty());
    CHECK(calls.fail(calls.make(), late, 999ms) == "no deadline comes before its time");
    CHECK(calls.fail(calls.make(), {Code::cancelled, "", By::broker, Ran::no}) == "only a caller cancels");
}

TEST_CASE("history: an honest peer that is taken for a liar is found") {
    Calls calls;
    CHECK(calls.fail(calls.make(), {Code::internal, "sent too much", By::client, Ran::maybe}) ==
          "nobody honest is taken for a liar");
}

TEST_CASE("history: stream items that are lost, out of order, too many or too late are found") {
    Calls calls;
    const auto stream = [&] {
        return calls.make([](CallRecord& call) {
            call.streams = true;
            call.granted = 2;
        });
    };
    const auto item = [&](std::uint64_t call, std::uint64_t execution, std::uint64_t number) {
        return broken_by([&] { calls.history.got_item(call, packed(Echo{call, execution, number})); });
    };
    const auto one = stream();
    calls.run(one);
    CHECK(item(one, 1, 0).empty());
    CHECK(item(one, 1, 0) == "items come in order, each once, of one run");
    CHECK(item(one, 1, 1) == "no more items come than were granted");
    const auto two = stream();
    const auto result = calls.run(two, 1);
    CHECK(broken_by([&] { calls.history.got_result(two, result); }) == "no item is lost");
    CHECK(item(two, 2, 0) == "no item comes after the outcome");
}

// ---- fairness

TEST_CASE("fairness: clients that are served in turn are served fairly") {
    Fairness fairness;
    const PeerId a{0, 1};
    const PeerId b{1, 1};
    for (int i = 0; i < 20; ++i) CHECK(broken_by([&] { fairness.step({a, b}, {i % 2 == 0 ? a : b}, {}); }).empty());
}

TEST_CASE("fairness: a client that is passed again and again is found") {
    Fairness fairness;
    const PeerId a{0, 1};
    const PeerId b{1, 1};
    fairness.step({a, b}, {}, {});
    for (unsigned i = 0; i < Fairness::most_passes; ++i)
        CHECK(broken_by([&] { fairness.step({a, b}, {b}, {}); }).empty());
    CHECK(broken_by([&] { fairness.step({a, b}, {b}, {}); }) == "clients are served in turn");
}

TEST_CASE("fairness: a client that was served, or waits no more, begins anew") {
    Fairness fairness;
    const PeerId a{0, 1};
    const PeerId b{1, 1};
    fairness.step({a}, {}, {});
    for (int i = 0; i < 20; ++i) {
        CHECK(broken_by([&] { fairness.step({a}, {b, b, b}, {}); }).empty());
        if (i % 2 == 0) fairness.step({a}, {a}, {});
        if (i % 2 == 1) fairness.step({}, {}, {});
        fairness.step({a}, {}, {a});
    }
}

// ---- the watch on a broker

/// A client and a worker of one place, registered, and what the broker says to them.
struct Watched {
    static constexpr PeerId client{0, 1};
    static constexpr PeerId worker{0, 2};
    static constexpr PeerId second{1, 1};

    EventQueue events;
    Trace trace{events, nullptr};
    History history;
    BrokerLimits limits;
    TimePoint now{1h};
    BrokerWatch watch{history, trace, limits, "broker", now};

    Watched() { registered(worker, "w-1"); }
    void registered(PeerId peer, const std::string& id, std::uint64_t capacity = 1) {
        turn();
        std::string params;
        Packer{params}.array(1).map(2).string("capacity").unsigned_integer(capacity).string("heartbeat").boolean(true);
        std::string body;
        append_request(body, 1, "rpc.register", params);
        watch.from_worker(peer, body, true);
        std::string result;
        Packer{result}.map(1).string("worker").string(id);
        body.clear();
        append_result(body, 1, result);
        watch.to_worker(peer, body, true);
        end_turn();
    }
    void turn(Duration after = 0ms) { watch.begin_turn(now += after, {}); }
    void end_turn() { watch.end_turn({}, {}); }
    /// A call of a second, by a client: its number is its msgid, too.
    std::uint32_t call(PeerId peer = client, const RequestOptions& more = {}, bool idempotent = false) {
        CallRecord record;
        record.method = "A.plain";
        record.idempotent = idempotent;
        const auto number = static_cast<std::uint32_t>(history.made(record));
        watch.from_client(peer, {}, request(number, number, 1000, more), true);
        return number;
    }
    static std::string request(std::uint32_t msgid, std::uint32_t number, std::uint32_t ms,
                               const RequestOptions& more = {}) {
        RequestOptions options = more;
        options.timeout_ms = ms;
        std::string body;
        append_request(body, msgid, "A.plain", packed_params(number, 0), options);
        return body;
    }
    std::string dispatch(std::uint32_t id, std::uint32_t number, PeerId to = worker, std::uint32_t ms = 1000,
                         const RequestOptions& more = {}) {
        return broken_by([&] { watch.to_worker(to, request(id, number, ms, more), true); });
    }
    void respond(std::uint32_t id) {
        std::string body;
        append_result(body, id, packed(Echo{0, 1, 0}));
        watch.from_worker(worker, body, true);
    }
    std::string answer(std::uint32_t msgid, std::uint32_t number, std::string_view envelope = {}) {
        std::string body;
        append_result(body, msgid, packed(Echo{number, 1, 0}));
        return broken_by([&] { watch.to_client(client, envelope, body); });
    }
    std::string fail(std::uint32_t msgid, const Error& error) {
        std::string body;
        append_error(body, msgid, error);
        return broken_by([&] { watch.to_client(client, {}, body); });
    }
    std::string notify(PeerId to, std::string_view method, std::initializer_list<std::uint32_t> numbers) {
        std::string params;
        Packer packer{params};
        packer.array(numbers.size());
        for (const auto number : numbers) packer.unsigned_integer(number);
        std::string body;
        append_notification(body, method, params);
        return broken_by([&] { watch.to_worker(to, body, true); });
    }
    std::string end() {
        return broken_by([&] { end_turn(); });
    }
};

TEST_CASE("watch: a call that goes to its worker and comes back breaks no rule") {
    Watched watched;
    watched.turn();
    const auto call = watched.call();
    CHECK(watched.dispatch(70, call).empty());
    CHECK(watched.end().empty());
    watched.turn(5ms);
    watched.respond(70);
    CHECK(watched.answer(call, call).empty());
    CHECK(watched.end().empty());
    CHECK(broken_by([&] { watched.watch.check_idle(); }).empty());
}

TEST_CASE("watch: an answer to nobody, under another envelope or of another call is found") {
    Watched watched;
    watched.turn();
    const auto one = watched.call();
    const auto other = watched.call();
    CHECK(watched.answer(one, one, "envelope") == "a request is answered once, where it came from");
    CHECK(watched.answer(one, other) == "an answer goes to its own call");
    CHECK(watched.answer(one, one) == "a request is answered once, where it came from");
}

TEST_CASE("watch: more calls than a worker has room for are found") {
    Watched watched;
    watched.turn();
    CHECK(watched.dispatch(70, watched.call()).empty());
    CHECK(watched.dispatch(71, watched.call()) == "no worker is sent more than it has room for");
}

TEST_CASE("watch: an id that is used again is found") {
    Watched watched;
    watched.turn();
    CHECK(watched.dispatch(70, watched.call()).empty());
    watched.respond(70);
    CHECK(watched.dispatch(70, watched.call()) == "an id on the wire is new at every dispatch");
}

TEST_CASE("watch: a dispatch at the deadline, or with another time left, is found") {
    Watched watched;
    watched.turn();
    const auto one = watched.call();
    watched.turn(999ms);
    CHECK(watched.dispatch(70, one, Watched::worker, 2) == "a worker is told what is left of the time");
    watched.respond(70);
    CHECK(watched.dispatch(71, one, Watched::worker, 1).empty());
    watched.respond(71);
    watched.turn(1ms);
    CHECK(watched.dispatch(72, one, Watched::worker, 0) == "nothing is dispatched after its deadline");
}

TEST_CASE("watch: a request that is not answered by its deadline is found") {
    Watched watched;
    watched.turn();
    watched.call();
    watched.turn(1001ms);
    CHECK(watched.end().empty());
    watched.turn(1us);
    CHECK(watched.end() == "a request is answered by its deadline");
    CHECK(broken_by([&] { watched.watch.check_idle(); }) == "every request is answered");
}

TEST_CASE("watch: a worker that is not told that nobody waits any more is found") {
    Watched watched;
    watched.turn();
    const auto call = watched.call();
    watched.dispatch(70, call);
    CHECK(watched.end().empty());
    watched.turn();
    watched.fail(call, {Code::cancelled, "", By::broker, Ran::maybe});
    SECTION("it is not told") { CHECK(watched.end() == "a worker is told that nobody waits for its call any more"); }
    SECTION("it is told") {
        CHECK(watched.notify(Watched::worker, "rpc.cancel", {70}).empty());
        CHECK(watched.end().empty());
        CHECK(broken_by([&] { watched.watch.check_idle(); }) == "all places are free in the end");
    }
}

TEST_CASE("watch: a call to a worker that left, or that was for another one, is found") {
    Watched watched;
    watched.turn();
    RequestOptions pinned;
    pinned.worker = "w-2";
    CHECK(watched.dispatch(70, watched.call(Watched::client, pinned), Watched::worker, 1000, pinned) ==
          "a call for one worker goes to that one");
    watched.respond(70);
    watched.notify(Watched::worker, "rpc.left", {});
    CHECK(watched.dispatch(71, watched.call()) == "a worker that left is sent no calls");
}

TEST_CASE("watch: a key that goes to another worker is found, unless the workers changed") {
    Watched watched;
    watched.registered(Watched::second, "w-2");
    RequestOptions keyed;
    keyed.key = "k";
    watched.turn();
    watched.dispatch(70, watched.call(Watched::client, keyed), Watched::worker, 1000, keyed);
    CHECK(watched.end().empty());
    watched.turn();
    const bool changes = GENERATE(false, true);
    if (changes) watched.registered(Watched::second, "w-2");
    watched.turn();
    watched.dispatch(71, watched.call(Watched::client, keyed), Watched::second, 1000, keyed);
    CHECK(watched.end() == (changes ? "" : "calls with a key go to one worker while the workers stay the same"));
}

TEST_CASE("watch: an idempotent call that ends with its worker while there is another one is found") {
    Watched watched;
    const bool another = GENERATE(false, true);
    if (another) watched.registered(Watched::second, "w-2");
    watched.turn();
    const auto call = watched.call(Watched::client, {}, true);
    watched.dispatch(70, call);
    watched.end_turn();
    watched.turn();
    watched.watch.worker_closed(Watched::worker);
    CHECK(watched.fail(call, {Code::unavailable, "", By::broker, Ran::maybe}) ==
          (another ? "an idempotent call is run once more when its worker is lost" : ""));
}

TEST_CASE("watch: a call that is given up with a worker that it was not sent to is found") {
    Watched watched;
    watched.turn();
    const bool sent = GENERATE(false, true);
    const auto call = watched.call();
    if (sent) watched.dispatch(70, call);
    watched.end_turn();
    watched.turn();
    watched.watch.worker_closed(Watched::worker);
    CHECK(watched.fail(call, {Code::unavailable, "worker w was lost with the call: why", By::broker, Ran::maybe}) ==
          (sent ? "" : "a call is lost with a worker that it was sent to"));
}

TEST_CASE("watch: credit beyond what the client granted is found") {
    Watched watched;
    watched.turn();
    RequestOptions streams;
    streams.stream = 2;
    CHECK(watched.dispatch(70, watched.call(Watched::client, streams), Watched::worker, 1000, streams).empty());
    CHECK(watched.notify(Watched::worker, "rpc.credit", {70, 1}) ==
          "a worker is granted no more items than the client grants");
}

TEST_CASE("watch: a peer that is given up too early, or never, is found") {
    Watched watched;
    const Duration silence = 3 * watched.limits.heartbeat;
    const auto pass = [&](Duration time) {  // in turns short enough that the broker counts as running
        for (; time > watched.limits.heartbeat; time -= watched.limits.heartbeat)
            watched.turn(watched.limits.heartbeat);
        watched.turn(time);
    };
    pass(silence - 1us);
    CHECK(broken_by([&] { watched.watch.gave_up_worker("w-1"); }) == "a peer that is heard is not given up");
    pass(watched.limits.heartbeat + 3ms);
    CHECK(broken_by([&] { watched.watch.check_workers({"w-1"}); }) ==
          "a silent peer is given up after three heartbeats");
    CHECK(broken_by([&] { watched.watch.gave_up_worker("w-1"); }).empty());
}

TEST_CASE("watch: counters that do not add up are found") {
    Watched watched;
    watched.turn();
    watched.call();
    broker::Counters counters;
    CHECK(broken_by([&] { watched.watch.check_counters(counters, 0); }) == "counters add up");
    counters.add(broker::Counter::calls_accepted);
    CHECK(broken_by([&] { watched.watch.check_counters(counters, 1); }).empty());
    CHECK(broken_by([&] { watched.watch.check_counters(counters, 0); }) == "counters add up");
}

}  // namespace
}  // namespace rpcbroker::simulation
