// Who may call and register what, where keys are needed. Of rights.cpp.
#include <catch2/catch.hpp>

#include "tests/support/broker_bench.hpp"

namespace rpcbroker::test {
namespace {

broker::Identity key(std::string name, Role role, std::initializer_list<std::string_view> patterns) {
    AuthorizedKey made{std::move(name), role, {}, {}};
    for (const auto pattern : patterns) REQUIRE(made.rights.add(pattern).empty());
    return std::make_shared<const AuthorizedKey>(std::move(made));
}

struct World : BrokerBench {
    World() {
        core().require_keys();
        REQUIRE(core().set_worker_identity(worker.id(), key("w", Role::worker, {"S.*"})));
        worker.registers({.services = {{"S", {"m", "n"}}}, .capacity = 10});
    }
    BenchClient& comes(Role role, std::initializer_list<std::string_view> patterns) {
        auto& client = BrokerBench::client("c");
        core().set_client_identity(client.id(), key("alice", role, patterns));
        return client;
    }
    BenchWorker& worker = BrokerBench::worker("w");
};

json offer(std::string_view name, const std::map<std::string, std::vector<std::string>>& services) {
    return Offer{.services = services}.params(name);
}

TEST_CASE("a key may call what its line allows, and nothing else") {
    World world;
    auto& client = world.comes(Role::client, {"S.m"});
    client.request(1, "S.m");
    world.worker.answers(world.worker.call(), 3);
    CHECK(client.answer().result == 3);
    client.request(2, "S.n");
    const auto refused = client.answer();
    CHECK(refused.code() == "PERMISSION_DENIED");
    CHECK(refused.ran() == "no");
    CHECK(refused.message().find("alice may not call S.n") != std::string::npos);
    CHECK(world.worker.calls().empty());
    client.request(3, "S.m");
    world.worker.answers(world.worker.call(), 4);
    CHECK(client.answer().result == 4);
}

TEST_CASE("a worker is told who calls, by the name of the key, whatever the client says") {
    World world;
    auto& client = world.comes(Role::client, {"S.*"});
    client.request(1, "S.m");
    CHECK(world.worker.call().options == json{{"caller", "alice"}});
    client.notify("S.n");
    CHECK(world.worker.call().options == json{{"caller", "alice"}});

    std::string body;
    Packer packer(body);
    packer.array(5).unsigned_integer(0).fixed_u32(2).string("S.m").array(0).map(3);
    packer.string("timeout").fixed_u32(1000).string("caller").string("root").string("trace").string("t");
    client.sends(body);
    CHECK(world.worker.call().options == json{{"timeout", 1000}, {"trace", "t"}, {"caller", "alice"}});
}

TEST_CASE("a worker is told who sent a large body, too") {
    World world;
    auto& client = world.comes(Role::client, {"S.*"});
    const std::string large(100'000, 'x');
    client.request(1, "S.m", json::array({large}));
    const auto call = world.worker.call();
    CHECK(call.options == json{{"caller", "alice"}});
    CHECK(call.params == json::array({large}));
    world.worker.answers(call, large);
    CHECK(client.answer().result == large);
}

TEST_CASE("what may not be called is not told apart from what is not there") {
    World world;
    auto& client = world.comes(Role::client, {"S.m"});
    client.request(1, "Other.m");
    CHECK(client.answer().code() == "PERMISSION_DENIED");
    CHECK(world.core().calls_in_system() == 0);
}

TEST_CASE("a one-way call without the right is not run, and counted") {
    World world;
    auto& client = world.comes(Role::client, {"S.m"});
    client.notify("S.n");
    CHECK(world.worker.calls().empty());
    CHECK(world.count(Counter::one_way_failed) == 1);
}

TEST_CASE("who has no key may do nothing") {
    World world;
    auto& client = world.client("nobody");
    client.request(1, "S.m");
    CHECK(client.answer().code() == "UNAUTHENTICATED");
    for (const auto* method : {"rpc.hello", "rpc.ping", "rpc.services", "rpc.stats", "rpc.calls"})
        CHECK(client.asks(method).code() == "UNAUTHENTICATED");
    auto& worker = world.BrokerBench::worker("nobody");
    CHECK(worker.tries_to_register(offer("x", {{"S", {"m"}}})).code() == "UNAUTHENTICATED");
}

TEST_CASE("without keys everybody may do everything") {
    BrokerBench bench;
    auto& worker = bench.worker("w", Offer{});
    auto& client = bench.client("c");
    client.request(1, "S.m");
    worker.answers(worker.call(), 1);
    CHECK(client.answer().result == 1);
    CHECK(client.asks("rpc.calls").code().empty());
    CHECK(client.asks("rpc.drain", json::array({worker.worker_id()})).code().empty());
}

TEST_CASE("listing is for everybody who may connect, rpc.calls and rpc.drain for admins") {
    World world;
    auto& client = world.comes(Role::client, {"*"});
    auto& admin = world.comes(Role::admin, {});
    for (const auto* method : {"rpc.ping", "rpc.services", "rpc.workers", "rpc.stats"}) {
        CHECK(client.asks(method).code().empty());
        CHECK(admin.asks(method).code().empty());
    }
    const auto id = json::array({world.worker.worker_id()});
    CHECK(client.asks("rpc.calls").code() == "PERMISSION_DENIED");
    CHECK(client.asks("rpc.drain", id).message().find("is for keys of the role admin") != std::string::npos);
    CHECK(world.worker.notified().empty());
    CHECK(admin.asks("rpc.calls").code().empty());
    CHECK(admin.asks("rpc.drain", id).code().empty());
    CHECK(world.worker.notified() == std::vector<std::string>{"rpc.drain"});
}

TEST_CASE("an admin may call what its line allows") {
    World world;
    auto& admin = world.comes(Role::admin, {"S.m"});
    admin.request(1, "S.n");
    CHECK(admin.answer().code() == "PERMISSION_DENIED");
    admin.request(2, "S.m");
    world.worker.answers(world.worker.call(), 1);
    CHECK(admin.answer().result == 1);
}

TEST_CASE("a worker may register what its line allows, all of it or nothing") {
    World world;
    auto& other = world.BrokerBench::worker("other");
    REQUIRE(world.core().set_worker_identity(other.id(), key("bob", Role::worker, {"T.*", "S.m"})));
    const auto refused = other.tries_to_register(offer("x", {{"S", {"m", "n"}}, {"T", {"a"}}}));
    CHECK(refused.code() == "PERMISSION_DENIED");
    CHECK(refused.message().find("bob may not register S.n") != std::string::npos);
    CHECK(world.count(Counter::registrations_refused) == 1);
    CHECK(other.tries_to_register(offer("x", {{"S", {"m"}}, {"T", {"a"}}})).code().empty());
}

TEST_CASE("callers register nothing, and workers call nothing") {
    World world;
    auto& other = world.BrokerBench::worker("other");
    REQUIRE(world.core().set_worker_identity(other.id(), key("bob", Role::client, {"*"})));
    CHECK(other.tries_to_register(offer("x", {{"S", {"m"}}})).code() == "PERMISSION_DENIED");
    auto& client = world.comes(Role::worker, {"*"});
    client.request(1, "S.m");
    CHECK(client.answer().code() == "PERMISSION_DENIED");
    CHECK(client.asks("rpc.stats").code() == "PERMISSION_DENIED");
}

TEST_CASE("what a line allows may change while its key is there") {
    World world;
    auto& client = world.comes(Role::client, {"S.m"});
    client.request(1, "S.m");
    client.request(2, "S.m");
    const auto calls = world.worker.calls();
    world.worker.answers(calls[0], 1);
    world.core().set_client_identity(client.id(), key("alice", Role::client, {"S.n"}));
    world.worker.answers(calls[1], 2);
    CHECK(client.answers().size() == 2);
    client.request(3, "S.m");
    CHECK(client.answer().code() == "PERMISSION_DENIED");
    client.request(4, "S.n");
    world.worker.answers(world.worker.call(), 4);
    CHECK(client.answer().result == 4);
}

TEST_CASE("a worker that has registered what it may not any more is to be cut off") {
    World world;
    const auto id = world.worker.id();
    CHECK(world.core().set_worker_identity(id, key("w", Role::worker, {"S.m", "S.n", "T.*"})));
    CHECK(world.core().set_worker_identity(id, key("w", Role::worker, {"*"})));
    CHECK(!world.core().set_worker_identity(id, key("w", Role::worker, {"S.m", "T.*"})));
    CHECK(!world.core().set_worker_identity(id, key("w", Role::worker, {})));
}

TEST_CASE("a client that was given up for its silence still has its key") {
    World world;
    auto& client = world.comes(Role::client, {"S.m"});
    client.hello({{"protocol", 1}, {"heartbeat", true}});
    client.request(1, "S.m");
    world.worker.keeps_beating();
    world.passes(world.limits().heartbeat * 4);
    REQUIRE(world.count(Counter::clients_lost) == 1);
    client.was_given_up();
    client.request(2, "S.m");
    CHECK(world.worker.calls().size() == 2);
}

TEST_CASE("a key ends with its connection") {
    World world;
    auto& client = world.comes(Role::client, {"S.m"});
    client.closes();
    auto& next = world.client("next");
    next.request(1, "S.m");
    CHECK(next.answer().code() == "UNAUTHENTICATED");
}

}  // namespace
}  // namespace rpcbroker::test
