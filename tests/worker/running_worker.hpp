// A worker under a FakeBroker, and what its handlers are made of.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <utility>

#include <rpcbroker/worker.hpp>

#include "tests/worker/fake_broker.hpp"

namespace rpcbroker::test {

/// A worker that runs on a thread of its own, until the end of the test.
class RunningWorker {
public:
    RunningWorker(FakeBroker& broker, WorkerOptions options, const std::function<void(Service&)>& fill)
        : worker(at(broker, std::move(options))), broker_(broker) {
        fill(worker.service("S"));
        running_ = std::async(std::launch::async, [this] { worker.run(); });
    }
    ~RunningWorker() {
        worker.stop();
        broker_.until([this] { return ended(); });
    }

    [[nodiscard]] bool ended() const { return !running_.valid() || running_.wait_for(0s) == std::future_status::ready; }
    /// Returns, or throws, what run() did.
    void join() { running_.get(); }

    Worker worker;

private:
    static WorkerOptions at(const FakeBroker& broker, WorkerOptions options) {
        options.brokers.front() = broker.endpoint();
        return options;
    }
    FakeBroker& broker_;
    std::future<void> running_;
};

/// Counts handlers that run at once.
class Crowd {
public:
    void enter() {
        const unsigned now = ++inside_;
        for (unsigned most = most_; most < now && !most_.compare_exchange_weak(most, now);) continue;
    }
    void leave() { --inside_; }
    [[nodiscard]] unsigned inside() const { return inside_; }
    [[nodiscard]] unsigned most() const { return most_; }

private:
    std::atomic<unsigned> inside_{0};
    std::atomic<unsigned> most_{0};
};

/// Lets handlers in, and out again when it is told.
struct Gate {
    Crowd crowd;
    std::latch open{1};

    void pass() {
        crowd.enter();
        open.wait();
        crowd.leave();
    }
};

/// Calls that a worker gave back.
inline std::size_t returned_calls(const FakeBroker& broker) {
    std::size_t calls = 0;
    for (const auto& text : broker.log) {
        const auto commas = static_cast<std::size_t>(std::ranges::count(text, ','));
        if (text.starts_with("rpc.return")) calls += commas + 1;
    }
    return calls;
}

}  // namespace rpcbroker::test
