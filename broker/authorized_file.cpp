#include "broker/authorized_file.hpp"

#include <poll.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigaction is POSIX's, not in <csignal>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>
#include <tuple>
#include <utility>

namespace rpcbroker {
namespace {

constexpr std::chrono::milliseconds look_every{250};
constexpr mode_t others_write = 022;
constexpr off_t largest = off_t{16} << 20;

std::atomic<int> hangup_descriptor{-1};

int make_event() {
    const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor < 0) throw std::system_error{errno, std::generic_category(), "eventfd"};
    return descriptor;
}

void set_off(int descriptor) noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(descriptor, &one, sizeof one);
}

void on_hangup(int /*number*/) noexcept {
    const int error = errno;
    set_off(hangup_descriptor.load());
    errno = error;
}

void set_hangup(void (*action)(int)) noexcept {
    struct sigaction change {};
    change.sa_handler = action;
    change.sa_flags = SA_RESTART;
    ::sigaction(SIGHUP, &change, nullptr);
}

// What changes when a file does. All zero: it is not there.
using Look = std::tuple<dev_t, ino_t, off_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

Look look_at(const std::string& path) noexcept {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return {};
    return {status.st_dev,          status.st_ino,         status.st_size,        status.st_mtim.tv_sec,
            status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec};
}

}  // namespace

Result<std::vector<AuthorizedKey>> read_authorized(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return Error(Code::not_found, path + ": " + std::strerror(errno));
    if (!S_ISREG(status.st_mode)) return Error(Code::invalid_argument, path + ": this is no file");
    if (status.st_size > largest) return Error(Code::invalid_argument, path + ": too long for a list of keys");
    if ((status.st_mode & others_write) != 0)
        return Error(Code::permission_denied,
                     path + ": others than its owner may write it, and let in whom they like; chmod go-w " + path);
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file || file.bad()) return Error(Code::not_found, path + ": cannot be read");
    auto keys = parse_authorized(text);
    if (!keys) return Error(keys.error().code(), path + ": " + keys.error().message());
    return keys;
}

AuthorizedFile::AuthorizedFile(std::string path, Changed changed)
    : path_(std::move(path)), changed_(std::move(changed)), hangup_(make_event()), quit_(make_event()) {
    hangup_descriptor = hangup_;
    set_hangup(on_hangup);
    thread_ = std::thread{[this] { watch(); }};
}

AuthorizedFile::~AuthorizedFile() {
    set_hangup(SIG_IGN);
    hangup_descriptor = -1;
    set_off(quit_);
    thread_.join();
    ::close(quit_);
    ::close(hangup_);
}

void AuthorizedFile::watch() {
    std::array<pollfd, 2> watched{{{hangup_, POLLIN, 0}, {quit_, POLLIN, 0}}};
    Look taken{};  // it may have changed since the program read it, so it is read once more
    for (Look before = look_at(path_);;) {
        const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(look_every.count()));
        if (ready < 0) continue;
        if (watched[1].revents != 0) return;
        std::uint64_t hangups = 0;
        const bool asked = ready > 0 && ::read(hangup_, &hangups, sizeof hangups) > 0;
        const Look now = look_at(path_);
        const bool still = now == std::exchange(before, now);
        if (!asked && (!still || now == taken)) continue;
        taken = now;
        changed_(read_authorized(path_));
    }
}

}  // namespace rpcbroker
