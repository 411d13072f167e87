#include "broker/call_table.hpp"

#include <catch2/catch.hpp>

#include <set>
#include <vector>

namespace rpcbroker::broker {
namespace {

Call& dispatched(CallTable& table) {
    Call& call = *table.take();
    call.state = Call::State::running;
    CallTable::new_wire_id(call);
    return call;
}

TEST_CASE("call table: a dispatched call is found under its id on the wire") {
    CallTable table;
    Call& call = dispatched(table);
    CHECK(table.dispatched_as(call.wire_id) == &call);
    call.state = Call::State::abandoned;
    CHECK(table.dispatched_as(call.wire_id) == &call);
    CHECK(table.size() == 1);
}

TEST_CASE("call table: an id that is not out finds nothing") {
    CallTable table;
    Call& call = dispatched(table);
    CHECK(table.dispatched_as(call.wire_id + 1) == nullptr);
    CHECK(table.dispatched_as(0xffff'ffff) == nullptr);
    CHECK(table.dispatched_as(call.wire_id ^ (1U << CallTable::index_bits)) == nullptr);
    call.state = Call::State::waiting;
    CHECK(table.dispatched_as(call.wire_id) == nullptr);
}

TEST_CASE("call table: every dispatch has a new id, and the one before it finds nothing") {
    CallTable table;
    Call& call = dispatched(table);
    std::set<std::uint32_t> seen{call.wire_id};
    for (int i = 0; i < 1000; ++i) {
        const auto before = call.wire_id;
        REQUIRE(seen.insert(CallTable::new_wire_id(call)).second);
        REQUIRE(table.dispatched_as(before) == nullptr);
    }
}

TEST_CASE("call table: a slot that is used again does not answer to its former id") {
    CallTable table;
    Call& first = dispatched(table);
    const auto id = first.wire_id;
    table.release(first);
    CHECK(table.dispatched_as(id) == nullptr);
    Call& second = dispatched(table);
    REQUIRE(&second == &first);
    CHECK(table.dispatched_as(id) == nullptr);
    CHECK(table.dispatched_as(second.wire_id) == &second);
}

TEST_CASE("call table: slots are used again oldest first") {
    CallTable table;
    Call* a = table.take();
    Call* b = table.take();
    Call* c = table.take();
    table.release(*b);
    table.release(*a);
    table.release(*c);
    CHECK(table.take() == b);
    CHECK(table.take() == a);
    CHECK(table.take() == c);
    CHECK(table.size() == 3);
}

TEST_CASE("call table: memory of slots that are not in use is given back from the end on") {
    CallTable table;
    std::vector<Call*> calls;
    for (std::size_t i = 0; i < 10 * CallTable::block_size; ++i) calls.push_back(&dispatched(table));
    for (std::size_t i = 0; i < calls.size(); ++i)
        if (i != 7 * CallTable::block_size) table.release(*calls[i]);
    CHECK_FALSE(table.trim(0, 100));
    CHECK(table.made() == 8 * CallTable::block_size);  // the one that is left is in the eighth block
    CHECK(table.dispatched_as(calls[7 * CallTable::block_size]->wire_id) == calls[7 * CallTable::block_size]);
    table.release(*calls[7 * CallTable::block_size]);
    CHECK(table.trim(CallTable::block_size, 1));  // there are more
    CHECK(table.made() == 7 * CallTable::block_size);
    CHECK_FALSE(table.trim(CallTable::block_size + 1, 100));
    CHECK(table.made() == 2 * CallTable::block_size);  // and no fewer than are to be kept
    std::set<Call*> again;
    for (std::size_t i = 0; i < 10 * CallTable::block_size; ++i) again.insert(table.take());
    CHECK(again.size() == 10 * CallTable::block_size);
    CHECK(table.made() == 10 * CallTable::block_size);
}

TEST_CASE("call table: ids go on where memory was given back meanwhile") {
    CallTable table;
    std::set<std::uint32_t> ids;
    for (int round = 0; round < 100; ++round) {
        std::vector<Call*> calls;
        for (std::uint32_t i = 0; i < CallTable::block_size; ++i) {
            calls.push_back(&dispatched(table));
            CHECK(ids.insert(calls.back()->wire_id).second);
        }
        for (Call* call : calls) table.release(*call);
        CHECK_FALSE(table.trim(0, 100));
        CHECK(table.made() == 0);
        CHECK(table.dispatched_as(*ids.begin()) == nullptr);
    }
}

TEST_CASE("call table: the most that were in use at once") {
    CallTable table;
    Call* first = table.take();
    table.release(*table.take());
    CHECK(table.take_most() == 2);
    CHECK(table.take_most() == 1);
    table.release(*first);
    CHECK(table.take_most() == 1);
    CHECK(table.take_most() == 0);
}

TEST_CASE("call table: a released slot is as new, and keeps the memory of a small request only") {
    CallTable table;
    Call& call = *table.take();
    call.request.assign(std::string(100, 'x'));
    call.one_way = true;
    call.lost = 1;
    table.release(call);
    CHECK(call.state == Call::State::free);
    CHECK(call.request.view().empty());
    CHECK(call.request.capacity() >= 100);
    CHECK_FALSE(call.one_way);
    CHECK(call.lost == 0);

    REQUIRE(table.take() == &call);
    call.request.assign(std::string(100'000, 'x'));
    table.release(call);
    CHECK(call.request.capacity() < 1000);
}

TEST_CASE("call table: it holds no more calls than ids can tell apart") {
    CallTable table;
    for (std::uint32_t i = 0; i < CallTable::max_calls; ++i)
        if (!table.take()) FAIL("full at " << i);
    CHECK(table.take() == nullptr);
    table.release(table.at(17));
    CHECK(table.take() == &table.at(17));
}

TEST_CASE("call table: those in use can be visited") {
    CallTable table;
    dispatched(table);
    Call& gone = dispatched(table);
    dispatched(table).state = Call::State::waiting;
    table.release(gone);
    int visited = 0;
    table.for_each([&](Call&) { ++visited; });
    CHECK(visited == 2);
}

}  // namespace
}  // namespace rpcbroker::broker
