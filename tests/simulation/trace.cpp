#include "tests/simulation/trace.hpp"

#include <cstdio>
#include <ostream>

namespace rpcbroker::simulation {
namespace {

std::uint64_t fnv(std::uint64_t hash, std::string_view text) noexcept {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash;
}

}  // namespace

std::string Trace::time() const {
    const auto ns = std::chrono::nanoseconds{events_.now() - start_}.count();
    char text[32];
    std::snprintf(text, sizeof text, "%4lld.%06lld", static_cast<long long>(ns / 1'000'000'000),
                  static_cast<long long>(ns / 1000 % 1'000'000));
    return text;
}

void Trace::note(std::string_view who, std::string_view what) {
    std::string line = time();
    line.append("  ").append(who);
    line.resize(std::max(line.size(), std::size_t{25}), ' ');
    line.append("  ").append(what);
    hash_ = fnv(hash_, line);
    ++lines_;
    if (all_) *all_ << line << '\n';
    if (last_.size() == kept_lines) last_.pop_front();
    last_.push_back(std::move(line));
}

void Trace::print_last(std::ostream& out) const {
    for (const auto& line : last_) out << line << '\n';
}

}  // namespace rpcbroker::simulation
