#include "common/transport/inflow.hpp"

#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace rpcbroker::transport {
namespace {

/// All are looked at when the process has grown by so much, and so often in any case: to look costs a system call or two each.
constexpr std::size_t growth = std::size_t{4} << 20;
constexpr std::chrono::milliseconds seldom{500};
/// After they were, so that those looks take no more than a tenth of the time or so, however many there are.
constexpr std::chrono::microseconds rest_for_each{20};
constexpr std::chrono::milliseconds longest_rest{250};

/// Small frames take up to 32 times their bytes in libzmq, and those of a kilobyte still half as much again. Growth of the process
/// that the bytes do not explain is suspicious, and so is a stream of frames that all say that more will come; a message may
/// look like that inside, and others may make the process grow, but hardly both at once.
constexpr std::size_t unexplained = std::size_t{6} << 20;
constexpr std::size_t least_suspicious = std::size_t{64} << 10;  ///< who is silent is not looked at closely
constexpr std::size_t least_frames = 24;
constexpr std::size_t looked_at = std::size_t{256} << 10;  ///< bytes that libzmq has not taken yet

/// Resident bytes of the process.
std::size_t resident() noexcept {
    static const int statm = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    std::array<char, 64> text{};
    const auto size = ::pread(statm, text.data(), text.size(), 0);
    if (size <= 0) return 0;
    const std::string_view line{text.data(), static_cast<std::size_t>(size)};
    const auto second = std::min(line.find(' ') + 1, line.size());
    std::size_t pages = 0;
    std::from_chars(line.data() + second, line.data() + line.size(), pages);
    return pages * page;
}

/// Memory of what libzmq has not taken yet; at least as much as its bytes. Unlike FIONREAD this does not wait for who reads from
/// the socket just now, which of a large frame are tens of milliseconds.
std::uint64_t unread(int descriptor) noexcept {
    std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
    socklen_t size = sizeof memory;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, memory.data(), &size) != 0) return 0;
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

/// Whether `bytes` are many such frames, from some place on to the end.
bool are_unfinished_frames(Bytes bytes) noexcept {
    const auto first_begins_before = bytes.size() / least_frames;
    for (std::size_t begin = 0; begin < first_begins_before; ++begin) {
        std::size_t frames = 0;
        std::size_t at = begin;
        for (std::size_t size = 1; at < bytes.size() && size != 0; at += size) {
            size = unfinished_frame(bytes.substr(at));
            frames += size != 0 ? 1 : 0;
        }
        const bool cut_in_head = at < bytes.size() && bytes.size() - at < 9;
        if (frames >= least_frames && (at >= bytes.size() || cut_in_head)) return true;
    }
    return false;
}

/// Looks at what libzmq has not taken yet.
bool sends_unfinished_frames(int descriptor) noexcept {
    std::vector<unsigned char> waiting(looked_at);
    const auto size = ::recv(descriptor, waiting.data(), waiting.size(), MSG_PEEK | MSG_DONTWAIT);
    return size > 0 && are_unfinished_frames({waiting.data(), static_cast<std::size_t>(size)});
}

}  // namespace

void Inflow::accepted(int descriptor) {
    closed(descriptor);
    const auto index = static_cast<std::size_t>(descriptor);
    if (index >= flows_.size()) flows_.resize(index + 1);
    flows_[index] = {.open = true, .memory = resident()};
    ++open_;
}

void Inflow::closed(int descriptor) noexcept {
    const auto index = static_cast<std::size_t>(descriptor);
    if (index >= flows_.size() || !flows_[index].open) return;
    flows_[index] = {};
    --open_;
}

std::optional<TimePoint> Inflow::next_look() const noexcept {
    if (open_ == 0) return std::nullopt;
    if (!suspects_.empty()) return looked_;
    return looked_ + (near_.empty() ? period : short_period);
}

const std::vector<int>& Inflow::look(const Peers& peers, bool drained, TimePoint now) {
    guilty_.clear();
    if (drained) convict(peers);
    if (open_ == 0 || now < looked_ + (near_.empty() ? period : short_period)) return guilty_;
    looked_ = now;
    memory_ = resident();
    memory_then_ = std::min(memory_then_, memory_);
    const auto near = std::exchange(near_, {});
    if (now < rest_until_ || (memory_ < memory_then_ + growth && now < all_looked_at_ + seldom)) {
        for (const int descriptor : near) look_at(peers, descriptor);
        return guilty_;
    }
    all_looked_at_ = now;
    memory_then_ = memory_;
    for (std::size_t i = 0; i < flows_.size(); ++i) look_at(peers, static_cast<int>(i));
    rest_until_ = now + std::min<Duration>(open_ * rest_for_each, longest_rest);
    return guilty_;
}

void Inflow::look_at(const Peers& peers, int descriptor) {
    Flow& flow = flows_[static_cast<std::size_t>(descriptor)];
    const auto bytes = flow.open ? taken(descriptor) : std::nullopt;
    if (!bytes) return;
    const auto messages = messages_of(peers, descriptor);
    if (flow.messages != messages || *bytes < flow.bytes) {
        flow = {.open = true, .messages = messages, .bytes = *bytes, .memory = memory_};
        return;
    }
    const auto came = *bytes - flow.bytes;
    if (came > most_ / 2) near_.push_back(descriptor);
    const bool endless = came > most_;
    const bool costly = flow.old && came >= least_suspicious && memory_ > flow.memory + unexplained + came + came / 4;
    flow.old = true;
    if (flow.suspect || (!endless && (!costly || !sends_unfinished_frames(descriptor)))) return;
    flow.suspect = true;
    suspects_.push_back(descriptor);
}

/// Whoever is suspected since an earlier turn, and had no message among those that were read in this one.
void Inflow::convict(const Peers& peers) {
    for (const int descriptor : suspects_) {
        Flow& flow = flows_[static_cast<std::size_t>(descriptor)];
        if (std::exchange(flow.suspect, false) && flow.messages == messages_of(peers, descriptor))
            guilty_.push_back(descriptor);
    }
    suspects_.clear();
}

std::uint32_t Inflow::messages_of(const Peers& peers, int descriptor) const noexcept {
    const auto slot = peers.slot_at(descriptor);
    return slot && *slot < messages_.size() ? messages_[*slot] : 0;
}

}  // namespace rpcbroker::transport
