// Where the items of a stream go in tests of dispatch: credit is as the test says, and cancelling ends a wait.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "tests/worker/dispatch_harness.hpp"

namespace rpcbroker::test {

using Items = std::vector<std::string>;

struct FakeSink : detail::ItemSink {
    ItemSent send(std::string& item) override {
        while (credit == 0) {
            ++waits;
            if (!grant()) return ItemSent::unwanted;
        }
        return try_send(item);
    }
    ItemSent try_send(std::string& item) override {
        if (item.size() > largest) return ItemSent::too_large;
        if (credit == 0) return ItemSent::no_credit;
        --credit;
        sent.push_back(show_body(item).at(0));
        return ItemSent::yes;
    }
    bool wait_for_credit(std::chrono::nanoseconds duration) override {
        waited = duration;
        return credit > 0 || grant();
    }
    bool grant() {
        credit = std::exchange(granted, 0);
        return credit > 0;
    }

    Items sent;
    std::size_t credit = 1000;
    std::size_t granted = 0;  ///< once, to the first that waits
    std::size_t largest = std::numeric_limits<std::size_t>::max();
    int waits = 0;
    std::chrono::nanoseconds waited{};
};

/// Calls methods as a caller that takes stream items.
struct StreamHarness : DispatchHarness {
    StreamHarness() {
        running.items = &sink;
        running.call.options.stream = 1000;
    }

    FakeSink sink;
};

}  // namespace rpcbroker::test
