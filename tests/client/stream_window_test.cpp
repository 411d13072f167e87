// StreamWindow: how much is granted, and when.
#include "client/stream_window.hpp"

#include <catch2/catch.hpp>

using namespace rpcbroker::detail;

namespace {

/// Reads so many items, and returns how often more was granted.
int read(StreamWindow& window, int items, std::size_t bytes) {
    int grants = 0;
    for (int i = 0; i < items; ++i) grants += window.on_read(bytes) > 0;
    return grants;
}

/// The sum of what is granted while so many are read.
std::uint64_t granted(StreamWindow& window, int items, std::size_t bytes) {
    std::uint64_t sum = 0;
    for (int i = 0; i < items; ++i) sum += window.on_read(bytes);
    return sum;
}

}  // namespace

TEST_CASE("a window begins with 32 items") {
    const StreamWindow window;
    CHECK(window.initial() == 32);
    CHECK(window.items() == 32);
}

TEST_CASE("small items widen the window to 1024, large ones narrow it to 2") {
    StreamWindow window;
    read(window, 1, 0);
    CHECK(window.items() == 1024);
    read(window, 100, 1);
    CHECK(window.items() == 1024);
    read(window, 100, 8 << 20);
    CHECK(window.items() == 2);
    CHECK(window.initial() == 32);
}

TEST_CASE("about a mebibyte is under way") {
    StreamWindow window;
    read(window, 100, 8 << 10);
    CHECK(window.items() == 128);
}

TEST_CASE("a stream that turns from small items to large ones is soon held shorter") {
    StreamWindow window;
    read(window, 1000, 10);
    read(window, 16, 1 << 20);
    CHECK(window.items() <= 2);
}

TEST_CASE("more is granted when half is read, so that one grant is for many items") {
    StreamWindow window{16};
    for (int i = 0; i < 7; ++i) CHECK(window.on_read(1) == 0);
    CHECK(window.on_read(1) == 8);
    CHECK(read(window, 8000, 1) == 1000);
}

TEST_CASE("what is granted and not read is never more than the window, and never nothing") {
    StreamWindow window;
    std::uint64_t under_way = window.initial();
    for (int i = 0; i < 10'000; ++i) {
        const auto widest = std::max<std::uint64_t>(under_way, window.items());
        --under_way;
        under_way += window.on_read(static_cast<std::size_t>(i % 700) * 30);
        CHECK(under_way <= std::max<std::uint64_t>(widest, window.items()));
        CHECK(under_way >= 1);
    }
}

TEST_CASE("a narrower window grants nothing until it is read down to") {
    StreamWindow window;
    read(window, 1000, 1);
    const auto more = granted(window, 500, 4 << 20);
    CHECK(window.items() == 2);
    CHECK(more == 0);
}

TEST_CASE("a fixed window stays, whatever comes") {
    StreamWindow window{5};
    CHECK(window.initial() == 5);
    CHECK(granted(window, 1000, 10 << 20) >= 995);
    CHECK(window.items() == 5);
}

TEST_CASE("a window of one item grants one for each, and one of none is of one") {
    for (const std::uint32_t fixed : {0U, 1U}) {
        StreamWindow window{fixed};
        CHECK(window.initial() == 1);
        for (int i = 0; i < 3; ++i) CHECK(window.on_read(1) == 1);
    }
}
