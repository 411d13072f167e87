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
    change.sa_flags = SA_RESTART;
    sigaction(number, &change, nullptr);
}

void restore_defaults() noexcept {
    set_action(SIGTERM, SIG_DFL);
    set_action(SIGINT, SIG_DFL);
}

void on_signal(int number) noexcept {
    const int error = errno;
    restore_defaults();
    received_signal.store(number);
    set_off(handler_descriptor.load());
    errno = error;
}

}  // namespace

StopSignal::StopSignal() : descriptor_(make_event()) {
    received_signal.store(0);
    handler_descriptor.store(descriptor_);
    set_action(SIGPIPE, SIG_IGN);
    set_action(SIGTERM, on_signal);
    set_action(SIGINT, on_signal);
}

StopSignal::~StopSignal() {
    restore_defaults();
    handler_descriptor.store(-1);
    close(descriptor_);
}

int StopSignal::received() const noexcept { return received_signal.load(); }

void StopSignal::raise(int signal) const noexcept { on_signal(signal); }

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
