// The broker and the workers that rpc-bench --self starts.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/program/signals.hpp"

namespace rpcbroker::bench {

/// A program beside this one. It is killed when it outlives the thread that started it, and the process, whatever ends
/// that. Ctrl-C does not reach it: it is ended by this.
class ChildProcess {
public:
    /// Starts it. Its standard error is ours; no RPC_… variable reaches it. Throws std::system_error.
    ChildProcess(std::string name, std::string program, std::vector<std::string> arguments);
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    /// Waits for its ready line and returns what follows "PROGRAM ready ". Throws std::runtime_error when it ends
    /// instead, takes too long, or `stop` comes.
    std::string wait_until_ready(const StopSignal& stop);
    /// SIGTERM, once: a second one would cut its end short. Returns at once.
    void ask_to_end() noexcept;
    /// Waits for its end, and kills it when that takes long.
    void end() noexcept;
    /// How it ended by itself ("signal 9"); nothing while it runs.
    std::optional<std::string> how_it_ended();

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }

private:
    [[nodiscard]] bool has_ended() noexcept;
    std::string read_line(const StopSignal& stop) const;

    std::string name_;
    std::string program_;
    pid_t pid_ = 0;
    int output_ = -1;
    bool asked_ = false;
    std::optional<int> status_;  ///< of waitpid(), once it has ended
};

struct FleetOptions {
    unsigned workers = 1;
    std::optional<unsigned> worker_threads;  ///< of each; missing: rpc-worker's default
    bool ipc = false;                        ///< else TCP on loopback
};

/// A broker and its workers, of the same build as this program. One thread.
class Fleet {
public:
    /// Returns once all of them serve. Throws std::runtime_error or std::system_error, with nothing left running.
    Fleet(const FleetOptions& options, const StopSignal& stop);
    /// Ends them.
    ~Fleet();
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    [[nodiscard]] const std::string& frontend() const noexcept { return frontend_; }
    [[nodiscard]] std::vector<const ChildProcess*> processes() const;
    /// Those that ended by themselves, a line each.
    std::vector<std::string> losses();

private:
    void start(const FleetOptions& options, const StopSignal& stop);
    void end() noexcept;

    std::string folder_;  ///< of the ipc sockets; empty: none
    std::string frontend_;
    std::vector<std::unique_ptr<ChildProcess>> processes_;  ///< the broker first
};

}  // namespace rpcbroker::bench
