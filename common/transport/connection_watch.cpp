#include "common/transport/connection_watch.hpp"

#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "common/transport/address.hpp"

namespace rpcbroker::transport {
namespace {

constexpr std::size_t least_frames = 24;
constexpr std::size_t looked_at = std::size_t{256} << 10;  ///< bytes that libzmq has not taken yet

/// Memory of what libzmq has not taken yet; at least as much as its bytes. Unlike FIONREAD this does not wait for who reads from
/// the socket just now, which of a large frame are tens of milliseconds.
std::uint64_t unread(int descriptor) noexcept {
    std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
    socklen_t size = sizeof memory;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, memory.data(), &size) != 0)
        return std::numeric_limits<std::uint64_t>::max();
    return memory[SK_MEMINFO_RMEM_ALLOC];
}

/// Bytes that libzmq has taken from the connection since it began, at least.
std::optional<std::uint64_t> taken(int descriptor) noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
    if (size < offsetof(tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received) return std::nullopt;
    return info.tcpi_bytes_received - std::min<std::uint64_t>(info.tcpi_bytes_received, unread(descriptor));
}

using Bytes = std::basic_string_view<unsigned char>;

/// Bytes of the frame that begins there (ZMTP 3: flags, length, content) if it says that more will come; else 0.
std::size_t unfinished_frame(Bytes bytes) noexcept {
    constexpr unsigned char more = 1;
    constexpr unsigned char more_and_long = 3;
    constexpr std::size_t long_head = 9;
    if (bytes.size() < 2) return 0;
    if (bytes[0] == more) return 2 + std::size_t{bytes[1]};
    if (bytes[0] != more_and_long || bytes.size() < long_head) return 0;
    std::size_t length = 0;
    for (std::size_t i = 1; i < long_head; ++i) length = (length << 8) | bytes[i];
    return length < looked_at ? long_head + length : 0;
}

/// If `bytes` are many such frames, from some place on to the end: their size, on average; else 0.
std::size_t size_of_unfinished_frames(Bytes bytes) noexcept {
    const auto first_begins_before = bytes.size() / least_frames;
    for (std::size_t begin = 0; begin < first_begins_before; ++begin) {
        std::size_t frames = 0;
        std::size_t at = begin;
        for (std::size_t size = 1; at < bytes.size() && size != 0; at += size) {
            size = unfinished_frame(bytes.substr(at));
            frames += size != 0 ? 1 : 0;
        }
        const bool cut_in_head = at < bytes.size() && bytes.size() - at < 9;
        if (frames >= least_frames && (at >= bytes.size() || cut_in_head)) return (at - begin) / frames;
    }
    return 0;
}

/// Looks at what libzmq has not taken yet.
std::size_t waiting_unfinished_frames(int descriptor) noexcept {
    std::vector<unsigned char> waiting(looked_at);
    const auto size = ::recv(descriptor, waiting.data(), waiting.size(), MSG_PEEK | MSG_DONTWAIT);
    return size > 0 ? size_of_unfinished_frames({waiting.data(), static_cast<std::size_t>(size)}) : 0;
}

// What came and libzmq has not taken: it would, before it notices that the connection was cut.
void discard_waiting(int descriptor) noexcept {
    std::array<char, std::size_t{64} << 10> unused;  // NOLINT(*-member-init): MSG_TRUNC copies nothing
    constexpr int most = 1000;                       // who still sends is not waited for
    for (int i = 0; i < most; ++i)
        if (::recv(descriptor, unused.data(), unused.size(), MSG_DONTWAIT | MSG_TRUNC) <= 0) return;
}

}  // namespace

void cut(int descriptor) noexcept {
    const linger at_once{1, 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::shutdown(descriptor, SHUT_RDWR);
}

ConnectionWatch::~ConnectionWatch() {
    {
        const std::lock_guard lock{mutex_};
        quit_ = true;
    }
    work_.notify_one();
    thread_.join();
}

void ConnectionWatch::ask(std::vector<Question> questions) {
    busy_ = true;
    {
        const std::lock_guard lock{mutex_};
        questions_ = std::move(questions);
    }
    work_.notify_one();
}

std::vector<ConnectionWatch::Answer> ConnectionWatch::take_answers() {
    if (!has_answers_.load(std::memory_order_relaxed)) return {};
    const std::lock_guard lock{mutex_};
    busy_ = false;
    has_answers_ = false;
    return std::exchange(answers_, {});
}

void ConnectionWatch::cut(int descriptor) {
    const int own = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (own < 0) return cut_now(descriptor);
    {
        const std::lock_guard lock{mutex_};
        to_cut_.push_back(own);
    }
    work_.notify_one();
}

std::vector<std::string> ConnectionWatch::take_cut() {
    if (!has_cut_.load(std::memory_order_relaxed)) return {};
    const std::lock_guard lock{mutex_};
    has_cut_ = false;
    return std::exchange(cut_, {});
}

void ConnectionWatch::run() {
    std::unique_lock lock{mutex_};
    while (true) {
        work_.wait(lock, [this] { return quit_ || !to_cut_.empty() || !questions_.empty(); });
        if (!to_cut_.empty()) {
            const auto to_cut = std::exchange(to_cut_, {});
            lock.unlock();
            for (const int descriptor : to_cut) {
                cut_now(descriptor);
                ::close(descriptor);
            }
            lock.lock();
        } else if (quit_) {
            return;
        } else {
            const auto questions = std::exchange(questions_, {});
            lock.unlock();
            std::vector<Answer> answers;
            answers.reserve(questions.size());
            for (const auto& each : questions)
                answers.push_back({each, taken(each.descriptor),
                                   each.frames ? waiting_unfinished_frames(each.descriptor) : std::size_t{0}});
            lock.lock();
            answers_ = std::move(answers);
            has_answers_ = true;
        }
    }
}

void ConnectionWatch::cut_now(int descriptor) {
    {
        auto address = address_of(descriptor);
        const std::lock_guard lock{mutex_};
        cut_.push_back(std::move(address));
        has_cut_ = true;
    }
    transport::cut(descriptor);
    discard_waiting(descriptor);
}

}  // namespace rpcbroker::transport
