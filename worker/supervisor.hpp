// Runs the same thing in several processes, and starts again what crashed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/program/signals.hpp"
#include "common/time.hpp"

namespace rpcbroker {

/// How long to wait before a process that crashed is started again: 100 ms, and twice as long each time up to 5 s. One
/// that had lived for a minute begins anew.
class RestartPause {
public:
    Duration after(Duration lived) noexcept;

private:
    Duration next_ = first;
    static constexpr Duration first = std::chrono::milliseconds{100};
    static constexpr Duration longest = std::chrono::seconds{5};
    static constexpr Duration long_life = std::chrono::minutes{1};
};

struct SupervisorOptions {
    unsigned processes = 1;
    /// Runs in each of the processes, with a StopSignal of its own; returns the exit status. To call `ready` once it serves.
    std::function<int(const StopSignal& stop, const std::function<void()>& ready)> serve;
    /// In the supervisor, once every process has been ready.
    std::function<void()> on_ready;
    /// In the supervisor, once it was told to stop.
    std::function<void()> on_stop;
};

/// Forks, so the process must have one thread only, and keep it so. Each process is in a process group of its own (a
/// Ctrl-C reaches the supervisor alone, which passes it on) and is killed if the supervisor dies. Logs what crashed.
class Supervisor {
public:
    explicit Supervisor(SupervisorOptions options);
    /// Only run() starts processes, and it leaves none.
    ~Supervisor();
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    /// Until `stop` came and all processes ended on SIGTERM, or all of them ended with 0 by themselves: these are not
    /// started again. Returns the exit status. Throws std::system_error where the system cannot fork.
    int run(const StopSignal& stop);

private:
    struct Process {
        pid_t pid = 0;       ///< 0: does not run
        int pipe = -1;       ///< a byte comes when it is ready, the end when it has died
        bool ready = false;  ///< was so once
        TimePoint started;
        std::optional<TimePoint> start_at;
        RestartPause pause;
    };

    void start(Process& process, const StopSignal& stop);
    [[nodiscard]] const char* fork(Process& process, const StopSignal& stop);
    [[noreturn]] void become(int pipe, const StopSignal& stop);
    void start_due(const StopSignal& stop);
    void wait(const StopSignal& stop);
    [[nodiscard]] int milliseconds_to_wait() const;
    void read(Process& process);
    void reap(Process& process);
    void stop_all();
    [[nodiscard]] bool all_ended() const noexcept;

    SupervisorOptions options_;
    std::vector<Process> processes_;
    bool stopping_ = false;
    bool was_ready_ = false;
};

}  // namespace rpcbroker
