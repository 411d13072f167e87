#include "broker/directory.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <deque>
#include <map>
#include <memory>

namespace rpcbroker::broker {
namespace {

using namespace std::chrono_literals;

const TimePoint start{1h};

Registration offer(const std::string& service, const std::vector<std::string>& methods, std::uint32_t capacity = 4) {
    Registration registration;
    registration.capacity = capacity;
    auto& listed = registration.services.emplace_back();
    listed.name = service;
    for (const auto& method : methods) listed.methods.emplace_back().name = method;
    return registration;
}

struct Workers {
    Directory directory{100, 100};
    std::deque<Worker> workers;

    Worker& join(const Registration& registration) {
        Worker& worker = workers.emplace_back();
        worker.serial = workers.size();
        worker.capacity = registration.capacity;
        directory.join(worker, registration, start);
        return worker;
    }
    Method& method(const std::string& service, const std::string& name) {
        return *Directory::method(*directory.service(service), name);
    }
    /// Which worker each of `count` keys goes to.
    std::map<int, Worker*> shares(const Method& method, int count) {
        std::map<int, Worker*> out;
        for (int key = 0; key < count; ++key)
            out[key] = Directory::pick_by_key(method, stable_hash("key-" + std::to_string(key)));
        return out;
    }
};

int moved(const std::map<int, Worker*>& before, const std::map<int, Worker*>& after) {
    int count = 0;
    for (const auto& [key, worker] : before) count += after.at(key) != worker;
    return count;
}

void load(Worker& worker, std::uint32_t in_flight) {
    worker.in_flight = in_flight;
    Directory::update_load(worker);
}

TEST_CASE("directory: methods of a group are in the order in which they became known, wherever they lie") {
    Workers all;
    constexpr int count = 7;
    {  // Places that lie in order are free: the last one is mostly taken first.
        std::vector<std::unique_ptr<Method>> places(count);
        for (auto& place : places) place = std::make_unique<Method>();
    }
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) names.push_back("m" + std::to_string(i));
    all.join(offer("S", names));
    std::string order;
    for (const Method* method : all.directory.service("S")->groups.back()->methods) order += method->full_name + " ";
    CHECK(order == "S.m0 S.m1 S.m2 S.m3 S.m4 S.m5 S.m6 ");
}

TEST_CASE("directory: the least loaded worker with room is picked") {
    Workers all;
    Worker& a = all.join(offer("S", {"m"}));
    Worker& b = all.join(offer("S", {"m"}));
    Method& m = all.method("S", "m");
    load(a, 2);
    load(b, 1);
    CHECK(Directory::pick(m) == &b);
    load(b, 4);
    CHECK(Directory::pick(m) == &a);
    load(a, 4);
    CHECK(Directory::pick(m) == nullptr);
    load(b, 3);
    CHECK(Directory::pick(m) == &b);
}

TEST_CASE("directory: only workers that registered a method are picked for it") {
    Workers all;
    Worker& old = all.join(offer("S", {"m"}));
    Worker& young = all.join(offer("S", {"n", "m"}));
    load(young, 3);
    CHECK(Directory::pick(all.method("S", "m")) == &old);
    CHECK(Directory::pick(all.method("S", "n")) == &young);
    CHECK(Directory::is_even(all.method("S", "m")));
    CHECK_FALSE(Directory::is_even(all.method("S", "n")));
    CHECK(Directory::serves(young, all.method("S", "n")));
    CHECK_FALSE(Directory::serves(old, all.method("S", "n")));
}

TEST_CASE(
    "directory: workers with the same methods make one group, in whatever order and however often they list them") {
    Workers all;
    all.join(offer("S", {"m", "n"}));
    all.join(offer("S", {"n", "m", "n"}));
    CHECK(all.directory.service("S")->groups.size() == 1);
    all.join(offer("S", {"n"}));
    CHECK(all.directory.service("S")->groups.size() == 2);
}

TEST_CASE("directory: a service whose last worker goes is remembered, with the time") {
    Workers all;
    Worker& a = all.join(offer("S", {"m"}));
    Worker& b = all.join(offer("S", {"m", "n"}));
    Service& service = *all.directory.service("S");
    all.directory.leave(b, start + 1s);
    CHECK_FALSE(service.gone_at);
    CHECK(all.method("S", "n").gone_at == start + 1s);
    CHECK_FALSE(all.method("S", "m").gone_at);
    all.directory.withdraw(a, start + 2s);
    CHECK(service.gone_at == start + 2s);
    CHECK(service.workers == 0);
    CHECK(service.groups.empty());
    CHECK(a.memberships.size() == 1);
    all.directory.leave(a, start + 3s);
    CHECK(service.gone_at == start + 2s);
    all.join(offer("S", {"m"}));
    CHECK_FALSE(service.gone_at);
}

TEST_CASE("directory: registering again replaces what was registered, and a service that stays is never gone") {
    Workers all;
    Worker& worker = all.join(offer("S", {"m"}));
    all.directory.join(worker, offer("S", {"m"}), start + 1s);
    Service& service = *all.directory.service("S");
    CHECK(service.workers == 1);
    CHECK_FALSE(service.gone_at);
    CHECK(Directory::pick(all.method("S", "m")) == &worker);
    all.directory.join(worker, offer("T", {"m"}), start + 2s);
    CHECK(service.gone_at == start + 2s);
    CHECK(Directory::pick(all.method("S", "m")) == nullptr);
    CHECK(Directory::pick(all.method("T", "m")) == &worker);
}

TEST_CASE("directory: of registrations that differ the newest is shown") {
    Workers all;
    auto first = offer("S", {"m"});
    first.services[0].methods[0].doc = "old";
    auto second = first;
    second.services[0].methods[0].doc = "new";
    all.join(first);
    all.join(second);
    CHECK(all.method("S", "m").shown.doc == "new");
}

TEST_CASE("directory: names are bounded, and the error says by what") {
    Workers all;
    Directory small(2, 3);
    Worker worker;
    CHECK(small.fits(offer("A", {"1", "2"})));
    small.join(worker, offer("A", {"1", "2"}), start);
    CHECK(small.fits(offer("A", {"1", "2"})));
    CHECK(small.fits(offer("A", {"1", "2", "3"})));
    const auto methods = small.fits(offer("B", {"1", "2"}));
    REQUIRE_FALSE(methods);
    CHECK(methods.error().what() ==
          std::string("RESOURCE_EXHAUSTED: rpc.register: the broker holds at most 3 methods"));
    auto two = offer("B", {});
    two.services.emplace_back().name = "C";
    const auto services = small.fits(two);
    REQUIRE_FALSE(services);
    CHECK(services.error().what() ==
          std::string("RESOURCE_EXHAUSTED: rpc.register: the broker holds at most 2 services"));
}

TEST_CASE("directory: services that nobody registered are bounded, too, and make room when they are forgotten") {
    Directory small(2, 3);
    Service* a = small.make_unknown("A");
    REQUIRE(a);
    REQUIRE(small.make_unknown("B"));
    CHECK(small.make_unknown("C") == nullptr);
    CHECK(small.service_count() == 0);
    small.forget(*a);
    CHECK(small.service("A") == nullptr);
    CHECK(small.make_unknown("C"));
    Worker worker;
    CHECK(small.fits(offer("C", {"m"})));
    small.join(worker, offer("C", {"m"}), start);
    CHECK(small.service_count() == 1);
    CHECK(small.make_unknown("D"));
}

TEST_CASE("directory: keys are spread over the workers, with and without room") {
    Workers all;
    for (int i = 0; i < 10; ++i) all.join(offer("S", {"m"}, 0));
    std::map<Worker*, int> keys;
    for (const auto& [key, worker] : all.shares(all.method("S", "m"), 10'000)) ++keys[worker];
    REQUIRE(keys.size() == 10);
    for (const auto& [worker, count] : keys) CHECK(count == Approx(1000).epsilon(0.2));
}

TEST_CASE("directory: a worker that joins or leaves moves only its share of the keys") {
    const int workers = GENERATE(1, 3, 9, 30);
    constexpr int keys = 20'000;
    Workers all;
    for (int i = 0; i < workers; ++i) all.join(offer("S", {"m"}));
    Method& m = all.method("S", "m");
    const auto before = all.shares(m, keys);
    Worker& joined = all.join(offer("S", {"m"}));
    const auto with = all.shares(m, keys);
    CHECK(moved(before, with) == Approx(keys / (workers + 1.0)).epsilon(0.2));
    for (const auto& [key, worker] : with)
        if (worker != before.at(key)) REQUIRE(worker == &joined);
    all.directory.leave(joined, start);
    CHECK(moved(before, all.shares(m, keys)) == 0);
}

TEST_CASE("directory: the hash of a key is the same in every process") {
    CHECK(stable_hash("user-17") == 0x7d0abcd8e2111067);
}

}  // namespace
}  // namespace rpcbroker::broker
