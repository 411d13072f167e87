// What the gateway counts of itself, for /metrics.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace rpcbroker {

/// Of one method: how many calls took up to so long, and how many failed.
struct CallTimes {
    /// In seconds; one more bucket has no bound.
    static constexpr std::array<double, 14> bounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                   0.025,  0.05,    0.1,    0.25,  1.0,    5.0,   30.0};
    std::array<std::uint64_t, bounds.size() + 1> buckets{};
    double sum = 0;
    std::uint64_t failed = 0;

    void add(std::chrono::duration<double> time, bool succeeded) noexcept {
        std::size_t bucket = 0;
        while (bucket < bounds.size() && time.count() > bounds[bucket]) ++bucket;
        ++buckets[bucket];
        sum += time.count();
        if (!succeeded) ++failed;
    }
};

/// Clients that did not get through TLS, or broke it.
struct TlsFailures {
    std::uint64_t plain = 0;   ///< spoke something else
    std::uint64_t broken = 0;  ///< the handshake failed, or what came after it was no TLS
    std::uint64_t slow = 0;    ///< the handshake took too long
};

/// Clients that broke a limit.
struct ConnectionsCut {
    std::uint64_t slow = 0;     ///< did not finish a message, or begin one, in time
    std::uint64_t stalled = 0;  ///< took nothing of what they were sent, for too long
    std::uint64_t unsent = 0;   ///< took so little that too much waited
    std::uint64_t memory = 0;   ///< held most when all together held too much
};

/// Not thread-safe.
struct Figures {
    static constexpr std::size_t most_methods = 1000;

    std::map<std::string, CallTimes, std::less<>> methods;
    std::uint64_t connections_taken = 0;
    std::uint64_t connections_refused = 0;
    TlsFailures tls;
    ConnectionsCut cut;
    std::size_t connections = 0;
    std::size_t held = 0;   ///< bytes, by all connections
    std::size_t calls = 0;  ///< under way, with streams

    /// Methods beyond the first thousand are one, "other".
    void add(std::string_view method, std::chrono::duration<double> time, bool succeeded) {
        auto found = methods.find(method);
        if (found == methods.end())
            found = methods.try_emplace(std::string{methods.size() < most_methods ? method : "other"}).first;
        found->second.add(time, succeeded);
    }
};

}  // namespace rpcbroker
