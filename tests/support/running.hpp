// A broker, a worker or what else has run() and stop(), beside the test.
#pragma once

#include <thread>

namespace rpcbroker::test {

/// Runs `served` on a thread of its own, and stops it in the end. It outlives this.
template <class T>
class Running {
public:
    explicit Running(T& served) : served_(served), thread_([&served] { served.run(); }) {}
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() {
        served_.stop();
        thread_.join();
    }

private:
    T& served_;
    std::thread thread_;
};

}  // namespace rpcbroker::test
