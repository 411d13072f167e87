// Takes calls through one core, without sockets, for callgrind to count instructions: tests/bench/instructions.py.
//
//     core_calls broker|worker|client BATCH CALLS
//     core_calls allocations      fails where a core in steady state allocates more often than is known of it
//     core_calls broker 1 CALLS WORKERS    so many workers are registered
//     core_calls versions         what it was built from, as JSON
//
// Every body holds BATCH calls of EchoUtil.CountString "this is test", as the project's client writes them. What is counted
// is marked by the functions named measured_…: the core and its outbox, not the making of the bodies.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <msgpack/version.hpp>
#include <string>
#include <string_view>
#include <vector>

#include <rpcbroker/pack.hpp>

#include <gnu/libc-version.h>

#include "allocations.hpp"
#include "broker/broker_core.hpp"
#include "client/client_core.hpp"
#include "common/message.hpp"
#include "worker/dispatch.hpp"
#include "worker/echo_util.hpp"
#include "worker/registry.hpp"
#include "worker/worker_core.hpp"

namespace rpcbroker::bench {
namespace {

constexpr std::string_view method = "EchoUtil.CountString";
constexpr std::uint64_t answer = 3;
/// From one turn to the next; what is between them does not matter, but timers should move.
constexpr Duration step = std::chrono::microseconds{50};

struct Work {
    std::uint32_t batch = 1;
    std::uint32_t calls = 1;
    std::uint32_t workers = 1;  ///< of the broker
    TimePoint now{std::chrono::hours{1}};
    std::uint32_t turn = 0;
    std::uint64_t allocated = 0;  ///< by the core in the second half of the turns, when it has seen all there is

    [[nodiscard]] std::uint32_t turns() const { return calls / batch; }
    /// On to the next turn; false when that was the last one.
    bool next() {
        now += step;
        return turn++ < turns();
    }
    template <class F>
    void count(F&& part) {
        const auto before = allocations();
        part();
        if (turn > turns() / 2) allocated += allocations() - before;
    }
};

std::string packed_parameters() {
    std::string params;
    Packer{params}.array(1).string("this is test");
    return params;
}

std::string packed_answer() {
    std::string result;
    Packer{result}.unsigned_integer(answer);
    return result;
}

/// Requests of one client, with msgids from 1 on.
std::string requests(std::uint32_t count) {
    std::string body;
    RequestOptions options;
    options.timeout_ms = 30'000;
    for (std::uint32_t msgid = 1; msgid <= count; ++msgid)
        append_request(body, msgid, method, packed_parameters(), options);
    return body;
}

/// Answers all requests of a body.
void append_answers(std::string& out, std::string_view body) {
    static const std::string result = packed_answer();
    BodyReader reader{body};
    MessageView message;
    while (reader.next(message) == BodyReader::Step::message)
        if (message.type == MessageType::request) append_result(out, message.msgid, result);
}

/// Takes all bodies for a peer, and appends them to `out`.
void take(Outbox& outbox, PeerId peer, std::string& out) {
    while (const Outgoing* body = outbox.front(peer)) {
        out.append(body->bytes);
        outbox.pop_front(peer);
    }
}

[[noreturn]] void fail(std::string_view why) {
    std::cerr << "core_calls: " << why << '\n';
    std::exit(1);
}

// ---- broker

/// Returns the last worker that was sent something.
[[gnu::noinline]] PeerId measured_broker_requests(broker::BrokerCore& core, PeerId client, Body& body, TimePoint now,
                                                  std::string& out) {
    core.on_frontend(client, {}, body, now);
    core.on_time(now);
    PeerId sent_to;
    for (const PeerId worker : core.to_workers().dirty()) {
        take(core.to_workers(), worker, out);
        sent_to = worker;
    }
    return sent_to;
}

[[gnu::noinline]] void measured_broker_responses(broker::BrokerCore& core, PeerId client, PeerId worker, Body& body,
                                                 TimePoint now, std::string& out) {
    core.on_backend(worker, {}, body, now);
    core.on_time(now);
    core.to_clients().dirty();
    take(core.to_clients(), client, out);
}

std::string registration() {
    std::string params;
    Registry registry;
    echo_util::serve(registry.service("EchoUtil"));
    Packer packer{params};
    packer.array(1).map(5);
    packer.string("protocol").unsigned_integer(1).string("name").string("w").string("batch").boolean(true);
    packer.string("capacity").unsigned_integer(1024).string("services");
    params += registry.describe();
    std::string body;
    append_request(body, 1, "rpc.register", params);
    return body;
}

std::string hello() {
    std::string params;
    Packer{params}.array(1).map(2).string("protocol").unsigned_integer(1).string("batch").boolean(true);
    std::string body;
    append_request(body, 1, "rpc.hello", params);
    return body;
}

void run_broker(Work& work) {
    broker::BrokerCore core({}, "broker", work.now);
    const PeerId client{1, 1};
    std::string out;
    for (std::uint32_t slot = 1; slot <= work.workers; ++slot) {
        Body greeting{registration()};
        core.on_backend({slot, 1}, {}, greeting, work.now);
    }
    Body hello_body{hello()};
    core.on_frontend(client, {}, hello_body, work.now);
    for (const PeerId worker : core.to_workers().dirty()) take(core.to_workers(), worker, out);
    take(core.to_clients(), client, out);
    const std::string asked = requests(work.batch);
    std::string answers;
    while (work.next()) {
        out.clear();
        answers.clear();
        Body body{asked};
        PeerId worker;
        work.count([&] { worker = measured_broker_requests(core, client, body, work.now, out); });
        append_answers(answers, out);
        out.clear();
        Body responses{answers};
        work.count([&] { measured_broker_responses(core, client, worker, responses, work.now + step / 2, out); });
    }
    if (core.counters()[broker::Counter::calls_answered] != std::uint64_t{work.turns()} * work.batch)
        fail("the broker did not answer every call");
}

// ---- worker

[[gnu::noinline]] void measured_worker(WorkerSession& session, const Registry& registry, detail::RunningCall& running,
                                       Body& body, TimePoint now, std::string& response, std::string& out) {
    session.on_body(std::move(body), now);
    session.on_time(now);
    while (session.next_call(running.call, now)) {
        static_cast<void>(dispatch(registry, running, response));
        session.finish(running.call, response);
    }
    session.outbox().dirty();
    take(session.outbox(), WorkerSession::broker, out);
}

void run_worker(Work& work) {
    Registry registry;
    echo_util::serve(registry.service("EchoUtil"));
    WorkerSession session({"w", registry.describe(), 2, 1024, {}}, work.now);
    session.on_connected(work.now);
    std::string out;
    take(session.outbox(), WorkerSession::broker, out);
    BodyReader reader{out};
    MessageView message;
    if (reader.next(message) != BodyReader::Step::message) fail("the worker did not register");
    std::string result;
    std::string welcome;
    Packer{result}
        .map(3)
        .string("protocol")
        .unsigned_integer(1)
        .string("worker")
        .string("w-1")
        .string("broker")
        .string("b");
    append_result(welcome, message.msgid, result);
    session.on_body(Body{welcome}, work.now);

    detail::RunningCall running;
    std::string response;
    const std::string asked = requests(work.batch);
    std::uint64_t bytes = 0;
    while (work.next()) {
        out.clear();
        Body body{asked};
        work.count([&] { measured_worker(session, registry, running, body, work.now, response, out); });
        bytes += out.size();
    }
    if (session.counters().calls != std::uint64_t{work.turns()} * work.batch || bytes == 0)
        fail("the worker did not run every call");
}

// ---- client

[[gnu::noinline]] void measured_client_calls(ClientSession& session, const NewCall& call, std::uint32_t count,
                                             TimePoint now, std::string& out) {
    for (std::uint32_t i = 0; i < count; ++i) session.start(call, now);
    while (const Outgoing* body = session.next_outgoing(0)) {
        out.append(body->bytes);
        session.on_sent(0);
    }
}

[[gnu::noinline]] std::size_t measured_client_answers(ClientSession& session, std::string_view body, TimePoint now,
                                                      std::vector<Outcome>& outcomes) {
    session.on_body(0, body, now);
    session.on_time(now);
    std::size_t ended = 0;
    session.take_outcomes(outcomes);
    for (const Outcome& outcome : outcomes) ended += outcome.reply ? 1U : 0U;
    return ended;
}

void run_client(Work& work) {
    ClientSession session({}, work.now);
    session.on_connected(0, work.now);
    std::string out;
    while (const Outgoing* body = session.next_outgoing(0)) {
        out.append(body->bytes);
        session.on_sent(0);
    }
    std::string result;
    std::string welcome;
    Packer{result}.map(2).string("protocol").unsigned_integer(1).string("broker").string("b");
    append_result(welcome, ClientSession::hello_msgid, result);
    session.on_body(0, welcome, work.now);

    const CallOptions options;
    const std::string params = packed_parameters();
    const NewCall call{.method = method, .params = params, .options = options};
    std::size_t ended = 0;
    std::string answers;
    std::vector<Outcome> outcomes;
    while (work.next()) {
        out.clear();
        answers.clear();
        work.count([&] { measured_client_calls(session, call, work.batch, work.now, out); });
        append_answers(answers, out);
        work.count([&] { ended += measured_client_answers(session, answers, work.now + step / 2, outcomes); });
    }
    if (ended != std::size_t{work.turns()} * work.batch) fail("the client did not end every call well");
}

void run_core(std::string_view core, Work& work) {
    if (core == "broker") return run_broker(work);
    if (core == "worker") return run_worker(work);
    if (core == "client") return run_client(work);
    fail("no core is called " + std::string(core));
}

/// How often a core in steady state takes memory from the heap for 100 bodies of `batch` calls.
struct Known {
    std::string_view core;
    std::uint32_t batch;
    std::uint64_t allocations;
};

int check_allocations() {
    constexpr std::array<Known, 6> all{{{"broker", 1, 0},
                                        {"broker", 64, 0},
                                        {"worker", 1, 0},
                                        {"worker", 64, 0},
                                        {"client", 1, 0},
                                        {"client", 64, 0}}};
    bool more = false;
    for (const Known& known : all) {
        Work work{.batch = known.batch, .calls = 200 * known.batch};
        run_core(known.core, work);
        std::cout << known.core << ": " << work.allocated << " allocations for 100 bodies of " << known.batch
                  << " calls, " << known.allocations << " are known\n";
        more = more || work.allocated > known.allocations;
    }
    return more ? 1 : 0;
}

void print_versions() {
    std::cout << R"({"compiler": ")" << RPCBROKER_COMPILER << R"(", "flags": ")" << RPCBROKER_FLAGS
              << R"(", "libstdc++": ")" << __GLIBCXX__ << R"(", "msgpack": ")" << MSGPACK_VERSION << R"(", "glibc": ")"
              << gnu_get_libc_version() << "\"}\n";
}

int run(const std::vector<std::string>& words) {
    if (words.size() == 1 && words[0] == "allocations") return check_allocations();
    if (words.size() == 1 && words[0] == "versions") return print_versions(), 0;
    const bool of_workers = words.size() == 4 && words[0] == "broker" && words[1] == "1";
    if (words.size() != 3 && !of_workers)
        fail(
            "usage: core_calls broker|worker|client BATCH CALLS, core_calls broker 1 CALLS WORKERS, "
            "core_calls allocations|versions");
    const auto number = [&](std::size_t word) { return static_cast<std::uint32_t>(std::stoul(words[word])); };
    Work work;
    work.batch = number(1);
    work.calls = number(2);
    if (of_workers) work.workers = number(3);
    run_core(words[0], work);
    return 0;
}

}  // namespace
}  // namespace rpcbroker::bench

int main(int argc, char** argv) { return rpcbroker::bench::run({argv + 1, argv + argc}); }
