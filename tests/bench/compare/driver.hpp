// What the load drivers of all contenders share: their command line, the closed loop's clock and count, and the JSON
// line that they print. compare.py starts them:
//
//     DRIVER --target ADDRESS… --clients 1 --window 1000 --seconds 2 --warm-up 0.5 [--size BYTES] [--batch]
//
// Every client is a connection and a thread of its own that keeps `window` calls in flight. A call is CountString "this
// is test", or, with --size, the echo of a text of so many bytes; its answer is decoded and checked.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <string>
#include <string_view>
#include <vector>

#include "common/histogram.hpp"

namespace rpcbroker::compare {

using Clock = std::chrono::steady_clock;

inline constexpr std::string_view counted_text = "this is test";
inline constexpr int counted_result = 3;
inline constexpr std::string_view count_method = "EchoUtil.CountString";
inline constexpr std::string_view echo_method = "EchoUtil.Echo";

struct Options {
    std::vector<std::string> targets;  ///< client i uses the one at i modulo their number
    unsigned clients = 1;
    std::uint32_t window = 1;
    std::chrono::duration<double> seconds{2};
    std::chrono::duration<double> warm_up{0.5};
    std::size_t size = 0;  ///< of the text to be echoed; 0: CountString
    bool batch = false;    ///< several calls a message, where the contender can

    [[nodiscard]] const std::string& target(unsigned client) const { return targets[client % targets.size()]; }
    [[nodiscard]] std::string_view method() const { return size ? echo_method : count_method; }
    [[nodiscard]] std::string text() const { return size ? std::string(size, 'x') : std::string{counted_text}; }
};

/// The clock and the count of one client; for its thread only. Calls that end within the measured time count; all of
/// them do for the processor time, which is taken from when all clients are connected.
class Meter {
public:
    Meter(const Options& options, std::latch& start);

    /// Once the client is connected: waits for the others, and starts the clock.
    void begin();
    /// A call that was sent then has ended well. True: make the next one.
    bool ended(Clock::time_point sent, Clock::time_point now);

    [[nodiscard]] std::uint64_t all_calls() const noexcept { return all_calls_; }
    [[nodiscard]] const Histogram& nanoseconds() const noexcept { return nanoseconds_; }

private:
    const Options* options_;
    std::latch* start_;
    Clock::time_point measured_from_;
    Clock::time_point end_;
    std::uint64_t all_calls_ = 0;
    Histogram nanoseconds_;
};

/// When the call of each slot was sent; a client has as many slots as its window is wide.
using Sent = std::vector<Clock::time_point>;

/// Connects, calls meter.begin(), and keeps its window full until meter.ended() says no; throws when a call fails.
using Client = std::function<void(const Options&, unsigned index, Meter&)>;

/// main() of a driver: runs the clients, prints what they measured. The exit status.
int drive(int argc, char** argv, const Client& client);

/// Throws: a call that fails ends the driver, so that no figure is of work that was not done.
[[noreturn]] void fail(const std::string& what);
/// For callbacks of C libraries, and where other threads wait for the one that failed: says why, and exits with 1.
[[noreturn]] void end_at_once(const char* what);

}  // namespace rpcbroker::compare
