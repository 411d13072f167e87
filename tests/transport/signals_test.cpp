// Signals with handlers, as a worker gets one that is to leave: they interrupt system calls, libzmq's own too, and nothing of ours.
#include <pthread.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigaction is POSIX's, not in <csignal>

#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "tests/transport/support.hpp"

namespace rpcbroker::transport::test {
namespace {

/// While it lives, the thread that made it has hardly a moment without a signal.
class Signals {
public:
    Signals() {
        struct sigaction change {};
        change.sa_handler = [](int) {};  // without SA_RESTART
        ::sigaction(SIGUSR1, &change, &before_);
        thread_ = std::thread{[this, target = ::pthread_self()] {
            while (!done_) ::pthread_kill(target, SIGUSR1);
        }};
    }
    ~Signals() {
        done_ = true;
        thread_.join();
        ::sigaction(SIGUSR1, &before_, nullptr);
    }
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

private:
    std::atomic<bool> done_{false};
    std::thread thread_;
    struct sigaction before_ {};
};

TEST_CASE("signals interrupt neither a bind, nor a connect, nor what is said then") {
    const Signals signals;
    for (int round = 0; round < 100; ++round) {
        Bound bound;
        Connected connected(bound.endpoint);
        if (round % 10 != 0) continue;  // with all their signals, messages take their time
        connected.send("question");
        REQUIRE(bound.body() == "question");
        bound.answer("answer");
        REQUIRE(connected.body() == "answer");
    }
}

}  // namespace
}  // namespace rpcbroker::transport::test
