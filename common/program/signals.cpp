#include "common/program/signals.hpp"

#include <poll.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigaction is POSIX's, not in <csignal>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace rpcbroker {
namespace {

// What a signal handler may touch. There is one StopSignal in a process.
std::atomic<int> handler_descriptor{-1};
std::atomic<int> received_signal{0};
std::atomic<pid_t> uncounted_sender{0};
std::atomic<bool> was_counted{false};
static_assert(std::atomic<int>::is_always_lock_free);

int make_event() {
    const int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor < 0) throw std::system_error{errno, std::generic_category(), "eventfd"};
    return descriptor;
}

void set_off(int descriptor) noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(descriptor, &one, sizeof one);
}

void set_action(int number, void (*action)(int)) noexcept {
    struct sigaction change {};
    change.sa_handler = action;
    sigaction(number, &change, nullptr);
}

void restore_defaults() noexcept {
    set_action(SIGTERM, SIG_DFL);
    set_action(SIGINT, SIG_DFL);
}

void note(int number) noexcept {
    received_signal.store(number);
    set_off(handler_descriptor.load());
}

void on_signal(int number, siginfo_t* info, void* /*context*/) noexcept {
    const int error = errno;
    const bool counts = info->si_code > 0 || info->si_pid == 0 || info->si_pid != uncounted_sender.load();
    if (counts && was_counted.exchange(true)) {
        restore_defaults();
        static_cast<void>(::raise(number));  // taken when the handler returns
    } else {
        note(number);
    }
    errno = error;
}

void handle(int number) noexcept {
    struct sigaction change {};
    change.sa_sigaction = on_signal;
    change.sa_flags = SA_RESTART | SA_SIGINFO;
    sigaction(number, &change, nullptr);
}

}  // namespace

StopSignal::StopSignal() : descriptor_(make_event()) {
    received_signal.store(0);
    was_counted.store(false);
    uncounted_sender.store(0);
    handler_descriptor.store(descriptor_);
    set_action(SIGPIPE, SIG_IGN);
    handle(SIGTERM);
    handle(SIGINT);
}

StopSignal::~StopSignal() {
    restore_defaults();
    handler_descriptor.store(-1);
    close(descriptor_);
}

int StopSignal::received() const noexcept { return received_signal.load(); }

void StopSignal::raise(int signal) const noexcept {
    was_counted.store(true);
    note(signal);
}

void StopSignal::do_not_count(pid_t sender) const noexcept { uncounted_sender.store(sender); }

StopThread::StopThread(const StopSignal& signal, std::function<void()> stop) : quit_(make_event()) {
    thread_ = std::thread{[asked = signal.descriptor(), quit = quit_, stop = std::move(stop)] {
        std::array<pollfd, 2> watched = {{{asked, POLLIN, 0}, {quit, POLLIN, 0}}};
        while (poll(watched.data(), watched.size(), -1) < 0 && errno == EINTR) {
        }
        if (watched[0].revents != 0) stop();
    }};
}

StopThread::~StopThread() {
    set_off(quit_);
    thread_.join();
    close(quit_);
}

}  // namespace rpcbroker
