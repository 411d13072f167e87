// The broker's core, told a program of steps: clients and workers come, say anything, do not read, go; time passes. What must
// hold after every step is in broker_world; at the end everything that was asked must end by itself.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/fuzz/broker_world.hpp"
#include "tests/fuzz/input.hpp"

namespace rpcbroker::fuzz {
namespace {

using std::chrono::milliseconds;

constexpr std::array<std::string_view, 10> methods{"S.m", "S.m", "S.n",    "S.i", "S.s",
                                                   "T.m", "T.n", "S.none", "U.m", ""};
constexpr std::array<std::string_view, 8> rpc_methods{"rpc.ping",  "rpc.services", "rpc.describe", "rpc.workers",
                                                      "rpc.calls", "rpc.stats",    "rpc.drain",    "rpc.hello"};
constexpr std::array<std::string_view, 3> envelopes{"", "e", "another"};
constexpr std::array<std::string_view, 3> keys{"", "a", "b"};

/// A program, and the world that it acts on.
class Program {
public:
    explicit Program(Input in) : in_(in) {}

    void run() {
        for (int steps = 0; steps < most_steps && !in_.empty(); ++steps) step();
        world_.settle();
    }

private:
    static constexpr int most_steps = 200;

    void step() {
        const auto what = in_.byte();
        switch (what & 3U) {
        case 0: return client_step(world_.client(in_.pick(2)), what >> 2);
        case 1: return client_step(world_.client(in_.pick(BrokerWorld::most_clients)), what >> 2);
        case 2: return worker_step(world_.worker(in_.pick(BrokerWorld::most_workers)), what >> 2);
        default: return world_step(what >> 2);
        }
    }

    /// What was written goes now, or with what is written next.
    template <class Peer>
    void send(Peer& peer, std::string_view envelope = {}) {
        if (in_.byte() % 4 != 3) peer.send(envelope);
    }

    // ---- clients

    void client_step(ClientPeer& client, unsigned what) {
        if (!client.connected) connect(client);
        switch (what % 16) {
        case 0: return client.close();
        case 1: return world_.set_reading(client, !client.reading);
        case 2: client.draft.append(in_.text(64)); return send(client);
        case 3: mutate(client.draft, in_); return send(client);
        case 4: return hello(client);
        case 5: return ask_broker(client);
        case 6: return notify_broker(client, "rpc.cancel", 1);
        case 7: return notify_broker(client, "rpc.credit", 2);
        case 8: return notify_broker(client, "rpc.heartbeat", 0);
        case 9: return ask_large(client);
        case 10: return notify(client);
        default: return ask(client);
        }
    }

    void connect(const ClientPeer& client) {
        for (std::size_t i = 0; i < BrokerWorld::most_clients; ++i)
            if (&world_.client(i) == &client) world_.connect_client(i);
    }

    std::string_view any_method() {
        const auto method = in_.any_of(methods);
        return method.empty() ? in_.text(20) : method;
    }

    RequestOptions any_options() {
        const auto which = in_.byte();
        RequestOptions options;
        if (which & 1U) options.timeout_ms = static_cast<std::uint32_t>(in_.number() * 10);
        if (which & 2U) options.idempotent = (which & 4U) != 0;
        if (which & 8U) options.stream = static_cast<std::uint32_t>(in_.number());
        if (which & 16U) options.key = in_.any_of(keys);
        if (which & 32U) options.worker = world_.worker(in_.pick(BrokerWorld::most_workers)).worker_id();
        options.timing = (which & 64U) != 0;
        if (which & 128U) options.trace = in_.text(8);
        return options;
    }

    void ask(ClientPeer& client) {
        const auto method = any_method();
        const auto msgid = in_.byte() % 16U;
        append_request(client.draft, msgid, method, world_.numbered_params(), any_options());
        send(client, in_.any_of(envelopes));
    }

    void notify(ClientPeer& client) {
        const auto method = any_method();
        append_notification(client.draft, method, world_.numbered_params(), any_options());
        send(client);
    }

    /// Over 64 KiB, which the core moves instead of copying.
    void ask_large(ClientPeer& client) {
        if (++large_ > 3) return;
        std::string params;
        Packer(params).array(1).binary(std::string(70'000, 'x'));
        const auto msgid = in_.byte();
        const auto method = any_method();
        append_request(client.draft, msgid, method, params, any_options());
        send(client);
    }

    void hello(ClientPeer& client) {
        const auto says = in_.byte();
        std::string params;
        Packer packer(params);
        packer.array(1).map(2).string("batch").boolean((says & 1U) != 0);
        packer.string("heartbeat").boolean((says & 2U) != 0);
        append_request(client.draft, 100, "rpc.hello", params);
        send(client, (says & 4U) ? envelopes[1] : envelopes[0]);
    }

    void ask_broker(ClientPeer& client) {
        const auto method = in_.any_of(rpc_methods);
        std::string params;
        const auto size = in_.pick(3);
        Packer(params).array(size);
        for (std::size_t i = 0; i < size; ++i) append_rpc_parameter(params);
        append_request(client.draft, 101, method, params);
        send(client, in_.any_of(envelopes));
    }

    void append_rpc_parameter(std::string& params) {
        const auto kind = in_.byte();
        if (kind < 100) return void(Packer(params).string(world_.worker(kind % BrokerWorld::most_workers).worker_id()));
        if (kind < 180) return void(Packer(params).string(methods[kind % methods.size()]));
        append_value(params, in_);
    }

    void notify_broker(ClientPeer& client, std::string_view method, unsigned numbers) {
        std::string params;
        Packer packer(params);
        packer.array(numbers);
        if (numbers > 0) packer.unsigned_integer(in_.byte() % 16U);
        if (numbers > 1) packer.unsigned_integer(in_.number());
        append_notification(client.draft, method, params);
        send(client, in_.any_of(envelopes));
    }

    // ---- workers

    void worker_step(WorkerPeer& worker, unsigned what) {
        if (!worker.connected) connect(worker);
        switch (what % 16) {
        case 0: return worker.close();
        case 1: return world_.set_reading(worker, !worker.reading);
        case 2: worker.draft.append(in_.text(64)); return send(worker);
        case 3: mutate(worker.draft, in_); return send(worker, in_.any_of(envelopes));
        case 4: return register_methods(worker);
        case 5: return heartbeat(worker);
        case 6: return give_back(worker);
        case 7: return item(worker);
        case 8: append_notification(worker.draft, "rpc.leave", "\x90"); return send(worker);
        case 9: return fail(worker);
        case 10: return fail_strangely(worker);
        default: return answer(worker);
        }
    }

    void connect(WorkerPeer& worker) {
        for (std::size_t i = 0; i < BrokerWorld::most_workers; ++i)
            if (&world_.worker(i) == &worker) world_.connect_worker(i);
    }

    /// One that it has, or any other.
    std::uint32_t any_call(const WorkerPeer& worker) {
        const auto which = in_.byte();
        if (worker.calls().empty() || which >= 0xf8) return static_cast<std::uint32_t>(in_.number());
        return worker.calls()[which % worker.calls().size()];
    }

    /// Padded now and then, so that the core moves it instead of copying, or that it is more than a client may leave unread.
    void append_result_value(std::string& out) {
        if (in_.byte() < 0xf8 || ++large_ > 20) return append_value(out, in_);
        Packer(out).binary(std::string(large_ % 2 ? 70'000 : 400'000, 'y'));
    }

    void answer(WorkerPeer& worker) {
        std::string value;
        append_result_value(value);
        append_result(worker.draft, any_call(worker), value);
        send(worker);
    }

    void item(WorkerPeer& worker) {
        const auto msgid = any_call(worker);
        std::string value;
        append_result_value(value);
        for (auto count = in_.pick(4) + 1; count > 0; --count) append_stream_item(worker.draft, msgid, value);
        send(worker);
    }

    void fail(WorkerPeer& worker) {
        const auto msgid = any_call(worker);
        append_error(worker.draft, msgid, any_error(in_));
        send(worker);
    }

    void fail_strangely(WorkerPeer& worker) {
        Packer(worker.draft).array(4).unsigned_integer(1).fixed_u32(any_call(worker));
        append_value(worker.draft, in_);
        Packer(worker.draft).nil();
        send(worker);
    }

    void give_back(WorkerPeer& worker) {
        const auto which = in_.byte();
        std::string msgids;
        std::size_t count = 0;
        for (std::size_t i = 0; i < worker.calls().size(); ++i) {
            if (which >> (i % 8) & 1U) continue;
            Packer(msgids).fixed_u32(worker.calls()[i]);
            ++count;
        }
        std::string params;
        Packer(params).array(1).array(count).raw(msgids);
        append_notification(worker.draft, "rpc.return", params);
        send(worker);
    }

    void heartbeat(WorkerPeer& worker) {
        const auto capacity = in_.byte();
        std::string params;
        if (capacity >= 0x80)
            Packer(params).array(1).map(0);
        else
            Packer(params).array(1).map(1).string("capacity").unsigned_integer(capacity % 8);
        append_notification(worker.draft, "rpc.heartbeat", params);
        send(worker);
    }

    void register_methods(WorkerPeer& worker) {
        const auto which = in_.byte();
        std::string params;
        Packer packer(params);
        packer.array(1).map(5).string("protocol").unsigned_integer(1).string("batch").boolean((which & 1U) != 0);
        packer.string("heartbeat").boolean((which & 2U) != 0).string("capacity").unsigned_integer(in_.byte() % 8);
        packer.string("services").array((which & 4U) ? 2 : 1);
        append_service(packer, "S", which >> 3);
        if (which & 4U) {
            const auto name = in_.byte() % 4 ? "T" : in_.text(6);
            append_service(packer, name, in_.byte());
        }
        append_request(worker.draft, 7, "rpc.register", params);
        send(worker);
    }

    /// Some of its methods, by the bits of `which`.
    static void append_service(Packer& packer, std::string_view name, unsigned which) {
        static constexpr std::array<std::string_view, 5> all{"m", "n", "i", "s", "x"};
        std::string listed;
        Packer out(listed);
        std::size_t count = 0;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (!(which >> i & 1U) && i != 0) continue;
            out.map(3).string("name").string(all[i]);
            out.string("idempotent").boolean(all[i] == "i").string("stream").boolean(all[i] == "s");
            ++count;
        }
        packer.map(2).string("name").string(name).string("methods").array(count).raw(listed);
    }

    // ---- the world

    void world_step(unsigned what) {
        switch (what % 16) {
        case 0: world_.core().begin_drain(world_.now()); return world_.after_step();
        case 1: return end_all();
        case 2: world_.core().take_notices(); return;
        case 3: return tell_addresses();
        case 4: return world_.stall(milliseconds(in_.byte() * 20));
        case 5: return world_.turn(false);
        case 6: return pass_to_deadline();
        case 7:
        case 8: return world_.pass(milliseconds(in_.byte() * 20));
        default: return world_.pass(milliseconds(in_.byte()));
        }
    }

    /// As a broker ends: it takes no more, and answers what is left.
    void end_all() {
        world_.core().begin_drain(world_.now());
        world_.core().end_all(world_.now());
        world_.after_step();
        require(world_.core().idle(), "calls are left after end_all");
    }

    void tell_addresses() {
        while (const auto peer = world_.core().next_without_address())
            world_.core().set_worker_address(*peer, "tcp://somewhere");
    }

    /// To the very moment, or to the last before it.
    void pass_to_deadline() {
        const auto next = world_.core().next_deadline();
        if (!next || *next <= world_.now()) return world_.turn(true);
        const Duration early{in_.byte() % 2};
        world_.stall(*next - world_.now() - early);
        world_.turn(true);
    }

    Input in_;
    BrokerWorld world_;
    unsigned large_ = 0;
};

}  // namespace
}  // namespace rpcbroker::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    rpcbroker::fuzz::Program{{data, size}}.run();
    return 0;
}
