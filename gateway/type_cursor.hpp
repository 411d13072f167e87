// Words and signs of a declared type, such as "map<str, list<int>>", from the left.
#pragma once

#include <algorithm>
#include <string_view>

namespace rpcbroker {

class TypeCursor {
public:
    explicit TypeCursor(std::string_view text) : left_(text) {}

    /// All up to the next sign; it may be empty.
    std::string_view word() {
        skip_spaces();
        const auto size = std::min(left_.find_first_of("<>{},: "), left_.size());
        const auto name = left_.substr(0, size);
        left_.remove_prefix(size);
        return name;
    }
    /// Whether this sign was next.
    bool take(char wanted) {
        skip_spaces();
        if (!left_.starts_with(wanted)) return false;
        left_.remove_prefix(1);
        return true;
    }
    /// Whether all of it was read.
    [[nodiscard]] bool at_end() {
        skip_spaces();
        return left_.empty();
    }

private:
    void skip_spaces() { left_.remove_prefix(std::min(left_.find_first_not_of(' '), left_.size())); }

    std::string_view left_;
};

}  // namespace rpcbroker
