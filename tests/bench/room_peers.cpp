// The peers that room.py measures with.
//
//     room_peers worker BACKEND THREADS CAPACITY        Room.Spin(µs) and Room.Sleep(ms), until it is killed; CAPACITY 0: auto
//     room_peers mix FRONTEND RATE SECONDS SLOW         open loop: calls at random times (Poisson), RATE a second, of which
//                                                       the part SLOW sleeps 500 ms and the others spin 10 µs
//     room_peers pipelined FRONTEND WINDOW SECONDS      closed loop: EchoUtil.CountString, WINDOW calls under way
//
// The latter two print one line of JSON. Latencies count from when a call was due, not from when it could be sent.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <iostream>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <rpcbroker/client.hpp>
#include <rpcbroker/worker.hpp>

namespace {

using namespace rpcbroker;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

constexpr int short_us = 10;
constexpr int long_ms = 500;

void spin(int us) {
    for (const auto end = Clock::now() + std::chrono::microseconds{us}; Clock::now() < end;) continue;
}

int serve(const std::string& broker, unsigned threads, std::uint32_t capacity) {
    Worker worker{{.brokers = {broker},
                   .threads = threads,
                   .capacity = capacity == 0 ? std::nullopt : std::optional{capacity},
                   .on_event = [](const WorkerEvent& event) {
                       if (event.what == WorkerEvent::What::registered) std::cout << "room_peers ready\n" << std::flush;
                   }}};
    worker.service("Room")
        .method("Spin", spin, {.params = {"us"}})
        .method("Sleep", [](int ms) { std::this_thread::sleep_for(std::chrono::milliseconds{ms}); },
                {.params = {"ms"}});
    worker.run();
    return 0;
}

/// What came of calls. Thread-safe.
class Tally {
public:
    void add(Clock::duration took, bool is_short, bool good) {
        const std::lock_guard lock{mutex_};
        if (!good) ++failed_;
        if (good && is_short) took_us_.push_back(Microseconds{took}.count());
        ++ended_;
    }
    [[nodiscard]] std::size_t ended() {
        const std::lock_guard lock{mutex_};
        return ended_;
    }
    void print() {
        std::ranges::sort(took_us_);
        std::cout << "{\"short\": " << took_us_.size() << ", \"failed\": " << failed_
                  << ", \"p50_us\": " << quantile(0.5) << ", \"p99_us\": " << quantile(0.99)
                  << ", \"p999_us\": " << quantile(0.999) << ", \"max_us\": " << quantile(1) << "}\n";
    }

private:
    [[nodiscard]] double quantile(double part) const {
        if (took_us_.empty()) return 0;
        const auto rank = std::ceil(part * static_cast<double>(took_us_.size()));
        return took_us_[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
    }

    std::mutex mutex_;
    std::vector<double> took_us_;
    std::size_t failed_ = 0;
    std::size_t ended_ = 0;
};

int mix(const std::string& broker, double rate, double seconds, double slow) {
    Client client{broker};
    (void)client.call<void>("Room.Spin", 1);
    Tally tally;
    std::mt19937_64 random{std::random_device{}()};
    std::exponential_distribution<double> pause{rate};
    std::bernoulli_distribution is_slow{slow};
    std::size_t made = 0;
    const auto begin = Clock::now();
    for (double due_s = pause(random); due_s < seconds; due_s += pause(random), ++made) {
        const auto due = begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>{due_s});
        std::this_thread::sleep_until(due);
        const bool is_short = !is_slow(random);
        auto later =
            is_short ? client.async_call<void>("Room.Spin", short_us) : client.async_call<void>("Room.Sleep", long_ms);
        std::move(later).then([&tally, due, is_short](const Result<void>& result) {
            tally.add(Clock::now() - due, is_short, static_cast<bool>(result));
        });
    }
    while (tally.ended() < made) std::this_thread::sleep_for(10ms);
    tally.print();
    return 0;
}

/// Keeps calls under way: each that ends makes the next one, on the client's own thread.
class Pipeline {
public:
    Pipeline(const std::string& broker, unsigned window) : client_(broker), window_(window) {}

    void run(double seconds) {
        (void)client_.call<int>("EchoUtil.CountString", text);
        for (unsigned i = 0; i < window_; ++i) call();
        std::this_thread::sleep_for(300ms);  // until everybody has found its pace
        const auto begin = Clock::now();
        const auto before = ended_.load();
        std::this_thread::sleep_for(std::chrono::duration<double>{seconds});
        const auto calls = static_cast<double>(ended_.load() - before);
        std::cout << "{\"calls_per_s\": " << calls / std::chrono::duration<double>(Clock::now() - begin).count()
                  << ", \"failed\": " << failed_.load() << "}\n";
        stopping_ = true;
        while (ended_ < made_) std::this_thread::sleep_for(10ms);
    }

private:
    static constexpr const char* text = "this is test";

    void call() {
        ++made_;
        client_.async_call<int>("EchoUtil.CountString", text).then([this](const Result<int>& result) {
            if (!result && failed_++ == 0) std::cerr << "room_peers: " << result.error().what() << "\n";
            if (!stopping_) call();
            ++ended_;
        });
    }

    std::atomic<std::uint64_t> made_{0};
    std::atomic<std::uint64_t> ended_{0};
    std::atomic<std::uint64_t> failed_{0};
    std::atomic<bool> stopping_{false};
    Client client_;  // the last: its callbacks use the others
    unsigned window_;
};

int run(const std::span<char*> arguments) {
    const std::vector<std::string> words{arguments.begin(), arguments.end()};
    const auto what = words.size() > 1 ? words[1] : "";
    if (what == "worker" && words.size() == 5)
        return serve(words[2], static_cast<unsigned>(std::stoul(words[3])),
                     static_cast<std::uint32_t>(std::stoul(words[4])));
    if (what == "mix" && words.size() == 6)
        return mix(words[2], std::stod(words[3]), std::stod(words[4]), std::stod(words[5]));
    if (what == "pipelined" && words.size() == 5) {
        Pipeline{words[2], static_cast<unsigned>(std::stoul(words[3]))}.run(std::stod(words[4]));
        return 0;
    }
    std::cerr << "room_peers: see the head of room_peers.cpp\n";
    return 2;
}

}  // namespace

int main(int argc, char** argv) try {
    return run({argv, static_cast<std::size_t>(argc)});
} catch (const std::exception& exception) {
    std::cerr << "room_peers: " << exception.what() << "\n";
    return 1;
}
