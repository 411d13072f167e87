#include "worker/waiting_calls.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace rpcbroker;

namespace {

using Ids = std::vector<std::uint32_t>;

WaitingCalls waiting(std::uint32_t count) {
    WaitingCalls calls;
    for (std::uint32_t msgid = 1; msgid <= count; ++msgid) calls.push() = {.msgid = msgid};
    return calls;
}

std::uint32_t pop(WaitingCalls& calls) {
    const auto msgid = calls.front().msgid;
    calls.pop();
    return msgid;
}

void remove(WaitingCalls& calls, std::uint32_t msgid) {
    auto* call = calls.find(msgid);
    REQUIRE(call);
    calls.remove(*call);
}

Ids ids(const std::vector<WaitingCall>& calls) {
    Ids msgids;
    for (const auto& call : calls) msgids.push_back(call.msgid);
    return msgids;
}

}  // namespace

TEST_CASE("waiting calls come out in the order that they came in") {
    auto calls = waiting(3);
    CHECK(calls.size() == 3);
    CHECK(pop(calls) == 1);
    calls.push() = {.msgid = 4};
    CHECK(ids(calls.take_all()) == Ids{2, 3, 4});
    CHECK(calls.empty());
    CHECK(calls.size() == 0);
}

TEST_CASE("a waiting call is found by its msgid until it is taken") {
    auto calls = waiting(3);
    CHECK(calls.find(2)->msgid == 2);
    CHECK(calls.find(4) == nullptr);
    calls.push() = {.msgid = 4};
    CHECK(calls.find(4)->msgid == 4);
    CHECK(pop(calls) == 1);
    CHECK(calls.find(1) == nullptr);
    CHECK(calls.find(2)->msgid == 2);
    calls.take_all();
    CHECK(calls.find(2) == nullptr);
    calls.push() = {.msgid = 2};
    CHECK(calls.find(2)->msgid == 2);
}

TEST_CASE("a waiting call that is removed is nowhere any more") {
    auto calls = waiting(4);
    remove(calls, 2);
    CHECK(calls.size() == 3);
    CHECK(calls.find(2) == nullptr);
    CHECK(pop(calls) == 1);
    CHECK(pop(calls) == 3);
    remove(calls, 4);
    CHECK(calls.empty());
}

TEST_CASE("a gap at the front closes at once") {
    auto calls = waiting(3);
    remove(calls, 2);
    remove(calls, 1);
    CHECK(calls.size() == 1);
    CHECK(pop(calls) == 3);
    CHECK(calls.empty());
}

TEST_CASE("gaps are not among all that wait") {
    auto calls = waiting(3);
    remove(calls, 2);
    CHECK(ids(calls.take_all()) == Ids{1, 3});
    CHECK(calls.size() == 0);
}

TEST_CASE("the calls that may be returned are counted, without those that were removed") {
    WaitingCalls calls;
    CHECK(calls.first_returnable() == nullptr);
    calls.push() = {.msgid = 1, .returnable = false};
    calls.push() = {.msgid = 2};
    calls.push() = {.msgid = 3};
    CHECK(calls.returnable() == 2);
    CHECK(calls.first_returnable()->msgid == 2);
    remove(calls, 2);
    CHECK(calls.returnable() == 1);
    CHECK(calls.first_returnable()->msgid == 3);
}

TEST_CASE("of a msgid that is used twice the latest call is found") {
    WaitingCalls calls;
    calls.push() = {.msgid = 7, .method = "first"};
    calls.push() = {.msgid = 7, .method = "second"};
    CHECK(calls.find(7)->method == "second");
}

TEST_CASE("calls are found however many have come and gone") {
    WaitingCalls calls;
    for (std::uint32_t msgid = 1; msgid <= 10'000; ++msgid) {
        calls.push() = {.msgid = msgid};
        REQUIRE(calls.find(msgid)->msgid == msgid);
        if (msgid > 3) REQUIRE(pop(calls) == msgid - 3);
    }
    CHECK(calls.size() == 3);
    CHECK(calls.find(9'998)->msgid == 9'998);
    CHECK(calls.find(9'997) == nullptr);
}

TEST_CASE("calls keep their order while more come than go") {
    WaitingCalls calls;
    std::uint32_t come = 0;
    std::uint32_t gone = 0;
    while (come < 5'000) {
        for (int i = 0; i < 3; ++i) calls.push() = {.msgid = ++come};
        REQUIRE(pop(calls) == ++gone);
        REQUIRE(pop(calls) == ++gone);
    }
    while (!calls.empty()) REQUIRE(pop(calls) == ++gone);
    CHECK(gone == come);
}
