#include "common/lines.hpp"

#include <algorithm>

namespace rpcbroker {
namespace {

constexpr std::string_view blanks = " \t\r";

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    for (auto begin = line.find_first_not_of(blanks); begin != std::string_view::npos;) {
        const auto end = std::min(line.find_first_of(blanks, begin), line.size());
        words.push_back(line.substr(begin, end - begin));
        begin = line.find_first_not_of(blanks, end);
    }
    return words;
}

}  // namespace

std::optional<std::vector<std::string_view>> Lines::next() {
    while (!rest_.empty()) {
        const auto end = rest_.find('\n');
        auto words = words_of(rest_.substr(0, end));
        rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
        ++number_;
        if (!words.empty() && words.front().front() != '#') return words;
    }
    return std::nullopt;
}

}  // namespace rpcbroker
