#include "common/program/signals.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <future>

#include "common/program/systemd.hpp"

using namespace rpcbroker;

namespace {

bool is_readable(int descriptor) {
    pollfd watched{descriptor, POLLIN, 0};
    return poll(&watched, 1, 0) == 1;
}

bool has_default_action(int number) {
    struct sigaction action {};
    sigaction(number, nullptr, &action);
    return action.sa_handler == SIG_DFL;
}

// How a process of its own ends that runs `body`.
template <class F>
int status_of(F body) {
    const auto child = fork();
    if (child == 0) {
        body();
        _exit(0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return status;
}

}  // namespace

TEST_CASE("the first signal makes the descriptor readable, and stays told") {
    for (const int number : {SIGTERM, SIGINT}) {
        const StopSignal stop;
        CHECK_FALSE(is_readable(stop.descriptor()));
        CHECK(stop.received() == 0);
        ::raise(number);
        CHECK(is_readable(stop.descriptor()));
        CHECK(is_readable(stop.descriptor()));
        CHECK(stop.received() == number);
    }
}

TEST_CASE("a second signal ends the process at once") {
    for (const int second : {SIGTERM, SIGINT}) {
        const auto status = status_of([second] {
            const StopSignal stop;
            ::raise(SIGTERM);
            ::raise(second);
        });
        REQUIRE(WIFSIGNALED(status));
        CHECK(WTERMSIG(status) == second);
    }
}

TEST_CASE("writing to a peer that is gone ends nothing") {
    const auto status = status_of([] {
        const StopSignal stop;
        ::raise(SIGPIPE);
    });
    CHECK(WIFEXITED(status));
}

TEST_CASE("its end restores the default actions") {
    { const StopSignal stop; }
    CHECK(has_default_action(SIGTERM));
    CHECK(has_default_action(SIGINT));
}

TEST_CASE("a thread calls back when the signal comes") {
    const StopSignal signal;
    std::promise<void> called;
    const StopThread thread{signal, [&] { called.set_value(); }};
    signal.raise(SIGTERM);
    called.get_future().wait();
    CHECK(signal.received() == SIGTERM);
}

TEST_CASE("a thread that no signal came for ends without calling back") {
    const StopSignal signal;
    bool called = false;
    {
        const StopThread thread{signal, [&] { called = true; }};
    }
    CHECK_FALSE(called);
}

TEST_CASE("outside systemd nothing is told") {
    unsetenv("NOTIFY_SOCKET");
    systemd::notify_ready();
    systemd::notify_stopping();
}
