#include "broker/fair_queue.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <string>

namespace rpcbroker::broker {
namespace {

/// Calls named by letters, and a queue that tells their order.
struct Line {
    FairQueue queue;
    std::array<Call, 26> calls;

    Call& operator[](char name) { return calls[static_cast<std::size_t>(name - 'a')]; }
    void push(PeerId client, const std::string& names) {
        for (const char name : names) queue.push_back(client, (*this)[name]);
    }
    void push(std::uint32_t client, const std::string& names) { push(PeerId{client, 1}, names); }
    char name_of(const Call* call) const { return call ? static_cast<char>('a' + (call - calls.data())) : '-'; }
    std::string pop_all() {
        std::string order;
        while (Call* call = queue.pop()) order += name_of(call);
        return order;
    }
};

TEST_CASE("fair queue: calls of one client leave in their order") {
    Line line;
    line.push(1, "abc");
    CHECK(line.queue.size() == 3);
    CHECK(line.pop_all() == "abc");
    CHECK(line.queue.empty());
}

TEST_CASE("fair queue: clients are served in turn, however much one of them sends") {
    Line line;
    line.push(1, "abcdef");
    line.push(2, "gh");
    line.push(3, "i");
    CHECK(line.pop_all() == "agibhcdef");
}

TEST_CASE("fair queue: a new client waits one round and no longer") {
    Line line;
    line.push(1, "abc");
    line.push(2, "def");
    CHECK(line.name_of(line.queue.pop()) == 'a');
    line.push(3, "g");
    CHECK(line.pop_all() == "dbgecf");
}

TEST_CASE("fair queue: a client does not get ahead by leaving and coming back") {
    Line line;
    line.push(1, "ab");
    line.push(2, "c");
    CHECK(line.name_of(line.queue.pop()) == 'a');
    CHECK(line.name_of(line.queue.pop()) == 'c');
    line.push(2, "d");
    CHECK(line.pop_all() == "bd");
}

TEST_CASE("fair queue: who comes on the slot of one who left does not stand behind its calls") {
    Line line;
    line.push(PeerId{1, 1}, "abc");
    line.push(PeerId{1, 2}, "d");
    CHECK(line.queue.before({1, 3}) == 2);
    CHECK(line.pop_all() == "adbc");
}

TEST_CASE("fair queue: a call that comes back is first in its client's line") {
    Line line;
    line.push(1, "bc");
    line.queue.push_front({1, 1}, line['a']);
    CHECK(line.queue.first() == &line['a']);
    line.queue.push_front({2, 1}, line['x']);
    CHECK(line.pop_all() == "axbc");
}

TEST_CASE("fair queue: any call can be taken out") {
    Line line;
    line.push(1, "abc");
    line.push(2, "de");
    line.queue.remove(line['b']);
    CHECK(line['b'].queue == nullptr);
    line.queue.remove(line['d']);
    line.queue.remove(line['e']);
    CHECK(line.queue.size() == 2);
    line.queue.remove(line['a']);
    CHECK(line.queue.first() == &line['c']);
    line.queue.remove(line['c']);
    CHECK(line.queue.empty());
    CHECK(line.queue.pop() == nullptr);
    CHECK(line.queue.first() == nullptr);
}

TEST_CASE("fair queue: the turn passes on when the client whose turn it is goes") {
    Line line;
    line.push(1, "a");
    line.push(2, "bc");
    line.push(3, "d");
    line.queue.remove(line['a']);
    CHECK(line.pop_all() == "bdc");
}

TEST_CASE("fair queue: lines are used again") {
    Line line;
    for (std::uint32_t client = 0; client < 1000; ++client) {
        line.push(client, "ab");
        CHECK(line.pop_all() == "ab");
    }
}

TEST_CASE("fair queue: before a new call goes what its client's turn needs, and never more than there is") {
    Line line;
    CHECK(line.queue.before({1, 1}) == 0);
    line.push(1, "abcdefgh");
    CHECK(line.queue.before({1, 1}) == 8);
    CHECK(line.queue.before({2, 1}) == 1);
    line.push(2, "ij");
    CHECK(line.queue.before({1, 1}) == 10);
    CHECK(line.queue.before({2, 1}) == 6);
    CHECK(line.queue.before({3, 1}) == 2);
    line.queue.remove(line['i']);
    CHECK(line.queue.before({2, 1}) == 4);
    line.queue.pop();
    CHECK(line.queue.before({1, 1}) == 8);
    line.queue.push_front({1, 1}, line['a']);
    CHECK(line.queue.before({1, 1}) == 9);
}

TEST_CASE("fair queue: every call in it can be visited") {
    Line line;
    line.push(1, "ab");
    line.push(2, "c");
    std::string seen;
    line.queue.for_each([&](Call& call) { seen += line.name_of(&call); });
    std::sort(seen.begin(), seen.end());
    CHECK(seen == "abc");
}

}  // namespace
}  // namespace rpcbroker::broker
