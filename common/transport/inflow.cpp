#include "common/transport/inflow.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
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

/// Whoever was silent for so long does not send just now.
constexpr std::chrono::milliseconds pause{50};
constexpr std::chrono::milliseconds idle_after{100};

/// Small frames take up to 32 times their bytes in libzmq, and those of a kilobyte still half as much again. A stream of frames that all
/// say that more will come is suspicious where the process grows by what they would take, and by more than all that came elsewhere
/// explains: a body may look like such frames inside (an array of ones does), but then it takes its bytes and no more.
constexpr std::size_t unexplained = std::size_t{6} << 20;
constexpr std::uint64_t kept_frame = 64;  ///< what libzmq takes for a frame, at least
constexpr std::uint64_t most_of_others = std::uint64_t{128}
                                         << 20;  ///< of their bytes is in memory, so that none hides behind them
constexpr std::size_t least_suspicious = std::size_t{64} << 10;  ///< who is silent is not looked at closely

/// Bytes that were seen to come on all connections of the process, whose memory it is held against, too.
std::atomic<std::uint64_t> total{0};

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
    flows_[index] = {.open = true, .based = true, .generation = ++generation_, .memory = resident(), .total = total};
    ++open_;
    active_ = true;
}

void Inflow::closed(int descriptor) noexcept {
    const auto index = static_cast<std::size_t>(descriptor);
    if (index >= flows_.size() || !flows_[index].open) return;
    flows_[index] = {};
    --open_;
}

Duration Inflow::interval() const noexcept {
    if (near_.empty() && !watch_.is_busy()) return looked_ < idle_from_ ? period : idle_period;
    return short_period + near_.size() * rest_for_each;
}

bool Inflow::is_time_for_all() const noexcept {
    return looked_ >= rest_until_ && (memory_ >= memory_then_ + growth || looked_ >= all_looked_at_ + seldom);
}

bool Inflow::is_due(TimePoint now) noexcept {
    if (open_ == 0) return true;
    if (now >= looked_ + interval() / 2) {
        looked_ = now;
        if (std::exchange(active_, false)) idle_from_ = now + idle_after;
        memory_ = resident();
        memory_then_ = std::min(memory_then_, memory_);
        due_ = watch_.is_busy() || !near_.empty() || is_time_for_all();
    }
    return due_ || !suspects_.empty();
}

std::optional<TimePoint> Inflow::next_look() const noexcept {
    if (open_ == 0) return std::nullopt;
    if (!suspects_.empty()) return looked_;
    return looked_ + interval();
}

void Inflow::look(const Peers& peers, bool drained) {
    convict(peers, drained);
    if (!std::exchange(due_, false)) return;
    const auto answers = watch_.take_answers();
    for (const auto& answer : answers) count(answer);
    for (const auto& answer : answers) judge(peers, answer);
    std::erase_if(near_, [this](int descriptor) { return !flows_[static_cast<std::size_t>(descriptor)].near; });
    if (watch_.is_busy()) return;
    std::vector<ConnectionWatch::Question> questions;
    if (is_time_for_all()) {
        all_looked_at_ = looked_;
        memory_then_ = memory_;
        rest_until_ = looked_ + std::min<Duration>(open_ * rest_for_each, longest_rest);
        for (std::size_t i = 0; i < flows_.size(); ++i) add_question(peers, static_cast<int>(i), questions);
    } else {
        for (const int descriptor : near_) add_question(peers, descriptor, questions);
    }
    asked_memory_ = memory_;
    if (!questions.empty()) watch_.ask(std::move(questions));
}

void Inflow::add_question(const Peers& peers, int descriptor, std::vector<ConnectionWatch::Question>& questions) const {
    const Flow& flow = flows_[static_cast<std::size_t>(descriptor)];
    if (flow.open) questions.push_back({descriptor, flow.generation, messages_of(peers, descriptor), flow.costly});
}

void Inflow::count(const ConnectionWatch::Answer& answer) {
    Flow& flow = flows_[static_cast<std::size_t>(answer.question.descriptor)];
    if (!flow.open || flow.generation != answer.question.generation || !answer.taken || *answer.taken <= flow.seen)
        return;
    total += *answer.taken - flow.seen;
    flow.seen = *answer.taken;
    flow.grew = looked_;
}

/// What came is held against messages only where none was read between the question and now.
void Inflow::judge(const Peers& peers, const ConnectionWatch::Answer& answer) {
    const auto& [descriptor, generation, messages, frames] = answer.question;
    Flow& flow = flows_[static_cast<std::size_t>(descriptor)];
    if (!flow.open || flow.generation != generation || !answer.taken) return;
    const auto bytes = *answer.taken;
    const bool was_read = messages != messages_of(peers, descriptor);
    const bool anew = was_read || !flow.based || flow.messages != messages || bytes < flow.bytes;
    if (anew) {
        flow = {.open = true,
                .based = !was_read,
                .generation = generation,
                .messages = messages,
                .bytes = bytes,
                .memory = asked_memory_,
                .total = total,
                .seen = bytes,
                .grew = flow.grew};
        return;
    }
    const auto came = bytes - flow.bytes;
    if (came == 0) {
        flow.memory = asked_memory_;
        flow.total = total;
    }
    const bool endless = came > most_;
    const bool looks_costly = came >= least_suspicious && !explains(flow, came, kept_frame);
    flow.costly = std::exchange(flow.old, true) && looks_costly;
    const bool near = (came > most_ / 2 || looks_costly) && looked_ < flow.grew + pause;
    if (!std::exchange(flow.near, near) && near) near_.push_back(descriptor);
    const bool is_frames =
        flow.costly && answer.unfinished_frame != 0 && !explains(flow, came, answer.unfinished_frame);
    if (flow.suspect || !(endless || is_frames)) return;
    flow.suspect = true;
    flow.read = peers.messages_read();
    suspects_.push_back(descriptor);
}

/// Whether the process may have grown so without frames of that size in the message: by bodies, one of the others' and a copy of it.
bool Inflow::explains(const Flow& flow, std::uint64_t came, std::size_t frame) const noexcept {
    const auto came_in_all = std::max(total - flow.total, came);
    const auto others = std::min(most_of_others, came_in_all - came);
    const auto own = std::max(came + came / 4, came * kept_frame / 2 / frame);
    return asked_memory_ <= flow.memory + unexplained + 2 * others + own;
}

/// Whoever is suspected since an earlier turn, and had no message among all those that were read since then.
void Inflow::convict(const Peers& peers, bool drained) {
    std::erase_if(suspects_, [&](int descriptor) {
        Flow& flow = flows_[static_cast<std::size_t>(descriptor)];
        if (flow.suspect && !drained && !peers.all_had_turns_since(flow.read)) return false;
        if (!std::exchange(flow.suspect, false) || flow.messages != messages_of(peers, descriptor)) return true;
        watch_.cut(descriptor);
        closed(descriptor);  // to be cut may take a while, and is once only
        return true;
    });
}

std::uint32_t Inflow::messages_of(const Peers& peers, int descriptor) const noexcept {
    const auto slot = peers.slot_at(descriptor);
    return slot && *slot < messages_.size() ? messages_[*slot] : 0;
}

}  // namespace rpcbroker::transport
