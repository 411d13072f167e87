#include "worker/supervisor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "common/program/log.hpp"

namespace rpcbroker {
namespace {

/// Holds SIGTERM and SIGINT back, so that none is lost between fork() and the child's own StopSignal.
class HeldSignals {
public:
    HeldSignals() {
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        ::sigprocmask(SIG_BLOCK, &signals, &before_);
    }
    ~HeldSignals() { release(); }
    HeldSignals(const HeldSignals&) = delete;
    HeldSignals& operator=(const HeldSignals&) = delete;

    void release() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

std::string describe(int status) {
    if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
    return "exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Duration RestartPause::after(Duration lived) noexcept {
    if (lived >= long_life) next_ = first;
    return std::exchange(next_, std::min(next_ * 2, longest));
}

Supervisor::Supervisor(SupervisorOptions options) : options_(std::move(options)), processes_(options_.processes) {}

Supervisor::~Supervisor() {
    for (const auto& process : processes_) {
        if (process.pipe >= 0) ::close(process.pipe);
    }
}

int Supervisor::run(const StopSignal& stop) {
    for (auto& process : processes_) process.start_at = Clock::now();
    while (!all_ended()) {
        start_due(stop);
        wait(stop);
        if (stop.received() != 0) stop_all();
    }
    return 0;
}

void Supervisor::start_due(const StopSignal& stop) {
    const auto now = Clock::now();
    for (auto& process : processes_) {
        if (process.start_at && *process.start_at <= now) start(process, stop);
    }
}

/// What the system does not give at the first start ends all; later it may give it again.
void Supervisor::start(Process& process, const StopSignal& stop) {
    const char* const failed = fork(process, stop);
    if (!failed) return;
    if (!was_ready_) throw std::system_error(errno, std::generic_category(), failed);
    const auto reason = std::string(failed) + ": " + std::strerror(errno);
    const auto pause = process.pause.after(Duration::zero());
    process.start_at = Clock::now() + pause;
    log::error("a worker process cannot be started, it is tried again", {{"reason", reason}, {"pause", pause}});
}

/// Names the system call that failed, with errno; nullptr: none did. The child does not return.
const char* Supervisor::fork(Process& process, const StopSignal& stop) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return "pipe";
    HeldSignals held;
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) {
        const int error = errno;
        for (const int end : ends) ::close(end);
        errno = error;
        return "fork";
    }
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(EXIT_FAILURE);
        ::setpgid(0, 0);
        ::close(ends[0]);
        const StopSignal own;
        own.do_not_count(parent);
        held.release();
        become(ends[1], own);
    }
    ::close(ends[1]);
    process.pid = child;
    process.pipe = ends[0];
    process.started = Clock::now();
    process.start_at.reset();
    if (stop.received() != 0) ::kill(process.pid, SIGTERM);
    return nullptr;
}

/// The child's way. It keeps the pipe open for as long as it lives.
void Supervisor::become(int pipe, const StopSignal& stop) {
    const auto ready = [pipe] { [[maybe_unused]] const auto written = ::write(pipe, "r", 1); };
    std::exit(options_.serve(stop, ready));
}

void Supervisor::wait(const StopSignal& stop) {
    std::vector<pollfd> polled;
    for (const auto& process : processes_) polled.push_back({process.pipe, POLLIN, 0});
    // It stays readable once it came.
    polled.push_back({stopping_ ? -1 : stop.descriptor(), POLLIN, 0});
    if (::poll(polled.data(), polled.size(), milliseconds_to_wait()) <= 0) return;
    for (std::size_t i = 0; i < processes_.size(); ++i) {
        if (polled[i].revents != 0) read(processes_[i]);
    }
}

int Supervisor::milliseconds_to_wait() const {
    const auto now = Clock::now();
    std::optional<Duration> left;
    for (const auto& process : processes_) {
        if (process.start_at) left = std::min(left.value_or(Duration::max()), *process.start_at - now);
    }
    if (!left) return -1;
    return static_cast<int>(std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(*left).count()));
}

void Supervisor::read(Process& process) {
    char byte = 0;
    const auto got = ::read(process.pipe, &byte, 1);
    if (got < 0) return;
    if (got == 0) return reap(process);
    process.ready = true;
    if (was_ready_ || !std::ranges::all_of(processes_, &Process::ready)) return;
    was_ready_ = true;
    if (options_.on_ready) options_.on_ready();
}

void Supervisor::reap(Process& process) {
    int status = W_EXITCODE(EXIT_FAILURE, 0);
    while (::waitpid(process.pid, &status, 0) < 0 && errno == EINTR) {
    }
    ::close(std::exchange(process.pipe, -1));
    const auto pid = std::exchange(process.pid, 0);
    if (stopping_ || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) return;
    const auto now = Clock::now();
    const auto pause = process.pause.after(now - process.started);
    process.start_at = now + pause;
    log::error("a worker process crashed, it is started again",
               {{"pid", pid}, {"ended_by", describe(status)}, {"pause", pause}});
}

void Supervisor::stop_all() {
    if (std::exchange(stopping_, true)) return;
    if (options_.on_stop) options_.on_stop();
    for (auto& process : processes_) {
        process.start_at.reset();
        if (process.pid > 0) ::kill(process.pid, SIGTERM);
    }
}

bool Supervisor::all_ended() const noexcept {
    return std::ranges::all_of(processes_, [](const auto& process) { return process.pid == 0 && !process.start_at; });
}

}  // namespace rpcbroker
