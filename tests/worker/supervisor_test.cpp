#include "worker/supervisor.hpp"

#include <catch2/catch.hpp>

#include <poll.h>

#include <csignal>
#include <cstdlib>

using namespace rpcbroker;
using namespace std::chrono_literals;

TEST_CASE("the pause before a restart doubles up to five seconds") {
    RestartPause pause;
    for (const auto expected : {100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5000ms, 5000ms}) {
        CHECK(pause.after(59s) == expected);
    }
}

TEST_CASE("a process that had lived for a minute is started again soon") {
    RestartPause pause;
    for (int i = 0; i < 5; ++i) (void)pause.after(0s);
    CHECK(pause.after(60s) == 100ms);
    CHECK(pause.after(0s) == 200ms);
}

// What it does with real crashes and signals is in tests/integration/supervisor_test.py.

TEST_CASE("a supervisor is ready once all processes are, and ends when they ended by themselves") {
    const StopSignal stop;
    int ready_told = 0;
    Supervisor supervisor{{
        .processes = 3,
        .serve =
            [](const StopSignal&, const std::function<void()>& ready) {
                ready();
                std::_Exit(0);
                return 0;
            },
        .on_ready = [&ready_told] { ++ready_told; },
        .on_stop = {},
    }};
    CHECK(supervisor.run(stop) == 0);
    CHECK(ready_told == 1);
}

TEST_CASE("a supervisor that is told to stop stops its processes and starts no more") {
    const StopSignal stop;
    bool stop_told = false;
    Supervisor supervisor{{
        .processes = 2,
        .serve =
            [](const StopSignal& own, const std::function<void()>& ready) {
                ready();
                pollfd stopped{own.descriptor(), POLLIN, 0};
                while (::poll(&stopped, 1, -1) < 0) {
                }
                std::_Exit(1);
                return 0;
            },
        .on_ready = [&stop] { stop.raise(SIGTERM); },
        .on_stop = [&stop_told] { stop_told = true; },
    }};
    CHECK(supervisor.run(stop) == 0);
    CHECK(stop_told);
}
