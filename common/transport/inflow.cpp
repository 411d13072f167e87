#include "common/transport/inflow.hpp"

#include <fcntl.h>
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

}  // namespace

void Inflow::accepted(int descriptor) {
    closed(descriptor);
    const auto index = static_cast<std::size_t>(descriptor);
    if (index >= flows_.size()) flows_.resize(index + 1);
    flows_[index] = {.open = true, .based = true, .generation = ++generation_, .memory = resident()};
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
    return looked_ + interval();
}

void Inflow::look(const Peers& peers, bool drained, TimePoint now) {
    if (drained) convict(peers);
    if (open_ == 0 || now < looked_ + interval()) return;
    looked_ = now;
    memory_ = resident();
    memory_then_ = std::min(memory_then_, memory_);
    for (const auto& answer : watch_.take_answers()) judge(peers, answer);
    if (watch_.is_busy()) return;
    const bool all = now >= rest_until_ && (memory_ >= memory_then_ + growth || now >= all_looked_at_ + seldom);
    std::vector<ConnectionWatch::Question> questions;
    if (all) {
        all_looked_at_ = now;
        memory_then_ = memory_;
        rest_until_ = now + std::min<Duration>(open_ * rest_for_each, longest_rest);
        for (std::size_t i = 0; i < flows_.size(); ++i) add_question(peers, static_cast<int>(i), questions);
    } else {
        std::erase_if(near_, [this](int descriptor) { return !flows_[static_cast<std::size_t>(descriptor)].near; });
        for (const int descriptor : near_) add_question(peers, descriptor, questions);
    }
    if (!questions.empty()) watch_.ask(std::move(questions));
}

void Inflow::add_question(const Peers& peers, int descriptor, std::vector<ConnectionWatch::Question>& questions) const {
    const Flow& flow = flows_[static_cast<std::size_t>(descriptor)];
    if (flow.open) questions.push_back({descriptor, flow.generation, messages_of(peers, descriptor), flow.costly});
}

/// What came is held against messages only where none was read between the question and now.
void Inflow::judge(const Peers& peers, const ConnectionWatch::Answer& answer) {
    const auto& [descriptor, generation, messages, frames] = answer.question;
    Flow& flow = flows_[static_cast<std::size_t>(descriptor)];
    if (!flow.open || flow.generation != generation || !answer.taken) return;
    const auto bytes = *answer.taken;
    const bool was_read = messages != messages_of(peers, descriptor);
    if (was_read || !flow.based || flow.messages != messages || bytes < flow.bytes) {
        flow = {.open = true,
                .based = !was_read,
                .generation = generation,
                .messages = messages,
                .bytes = bytes,
                .memory = memory_};
        return;
    }
    const auto came = bytes - flow.bytes;
    const bool endless = came > most_;
    flow.costly = flow.old && came >= least_suspicious && memory_ > flow.memory + unexplained + came + came / 4;
    flow.old = true;
    if ((came > most_ / 2 || flow.costly) && !std::exchange(flow.near, true)) near_.push_back(descriptor);
    if (flow.suspect || (!endless && !(flow.costly && answer.unfinished_frames))) return;
    flow.suspect = true;
    suspects_.push_back(descriptor);
}

/// Whoever is suspected since an earlier turn, and had no message among those that were read in this one.
void Inflow::convict(const Peers& peers) {
    for (const int descriptor : suspects_) {
        Flow& flow = flows_[static_cast<std::size_t>(descriptor)];
        if (!std::exchange(flow.suspect, false) || flow.messages != messages_of(peers, descriptor)) continue;
        watch_.cut(descriptor);
        closed(descriptor);  // to be cut may take a while, and is once only
    }
    suspects_.clear();
}

std::uint32_t Inflow::messages_of(const Peers& peers, int descriptor) const noexcept {
    const auto slot = peers.slot_at(descriptor);
    return slot && *slot < messages_.size() ? messages_[*slot] : 0;
}

}  // namespace rpcbroker::transport
