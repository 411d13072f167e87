#include "worker/capacity.hpp"

#include <catch2/catch.hpp>

using namespace rpcbroker;
using namespace std::chrono_literals;

namespace {

/// A worker that has calls waiting all the time, and starts one after each `pause`.
class Busy {
public:
    explicit Busy(Capacity& capacity) : capacity_(capacity) { capacity_.waiting(true, now_); }

    void works(Duration time, Duration pause) {
        for (const auto end = now_ + time; now_ < end;) {
            now_ += pause;
            capacity_.started(now_);
        }
    }
    void idles(Duration time) {
        capacity_.waiting(false, now_);
        now_ += time;
        capacity_.waiting(true, now_);
    }
    void stalls(Duration time) { now_ += time; }
    void slow() { capacity_.slow(now_); }

private:
    Capacity& capacity_;
    TimePoint now_{1h};
};

}  // namespace

TEST_CASE("a worker begins with room for 256 calls") {
    CHECK(Capacity{2, std::nullopt}.wanted() == 256);
    CHECK(Capacity{2, std::nullopt}.ahead() == 254);
    CHECK(Capacity{2000, std::nullopt}.wanted() == 2001);
}

TEST_CASE("a worker of small handlers wants as much as there may be") {
    Capacity capacity{8, std::nullopt};
    Busy{capacity}.works(100ms, 2us);
    CHECK(capacity.wanted() == 1024);
}

TEST_CASE("a worker wants what its threads start in five milliseconds, besides what runs") {
    Capacity capacity{8, std::nullopt};
    Busy{capacity}.works(200ms, 125us);  // eight threads, a millisecond each
    CHECK(capacity.wanted() == 48);
    CHECK(capacity.ahead() == 40);
}

TEST_CASE("a worker of long handlers wants one call more than it has threads") {
    Capacity capacity{8, std::nullopt};
    Busy{capacity}.works(10s, 62ms);
    CHECK(capacity.wanted() == 9);
}

TEST_CASE("only the time in which calls wait counts") {
    Capacity capacity{8, std::nullopt};
    Busy busy{capacity};
    for (int i = 0; i < 100; ++i) {
        busy.works(1ms, 10us);
        busy.idles(100ms);
    }
    CHECK(capacity.wanted() == 508);
}

TEST_CASE("a worker that stood still for a moment goes on as before") {
    Capacity capacity{8, std::nullopt};
    Busy busy{capacity};
    busy.works(100ms, 2us);
    busy.stalls(10s);
    busy.works(12ms, 2us);
    CHECK(capacity.wanted() == 1024);
    busy.works(100ms, 2us);
    CHECK(capacity.wanted() == 1024);
}

TEST_CASE("a change of less than a quarter is none") {
    Capacity capacity{8, std::nullopt};
    Busy busy{capacity};
    busy.works(200ms, 125us);
    busy.works(200ms, 110us);
    CHECK(capacity.wanted() == 48);
}

TEST_CASE("a slow handler leaves room for one call a thread and one more, until work is measured again") {
    Capacity capacity{4, std::nullopt};
    Busy busy{capacity};
    busy.works(100ms, 2us);
    busy.slow();
    CHECK(capacity.wanted() == 5);
    CHECK(capacity.ahead() == 1);
    busy.works(19ms, 10us);
    CHECK(capacity.wanted() == 5);
    busy.works(2ms, 10us);
    CHECK(capacity.wanted() == 504);
}

TEST_CASE("a fixed capacity stays") {
    Capacity capacity{4, 7};
    Busy busy{capacity};
    busy.works(100ms, 2us);
    CHECK(capacity.wanted() == 7);
    busy.slow();
    CHECK(capacity.wanted() == 7);
    CHECK(capacity.ahead() == 3);
    CHECK(Capacity{8, 3}.ahead() == 0);
}

TEST_CASE("more threads than the limit have room for all of them") {
    Capacity capacity{2000, std::nullopt};
    Busy{capacity}.works(100ms, 2us);
    CHECK(capacity.wanted() == 2001);
}
