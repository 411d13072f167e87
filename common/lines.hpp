// Texts that people write: lines of words parted by blanks.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace rpcbroker {

/// The lines of a text that say something: empty ones are passed over, and those whose first word begins with #. A # further
/// on is a character like any other, as it may be part of a key. Views: the text must outlive it.
class Lines {
public:
    explicit Lines(std::string_view text) noexcept : rest_(text) {}

    /// The words of the next line; nothing at the end.
    std::optional<std::vector<std::string_view>> next();
    /// Of the line that came last, from 1.
    [[nodiscard]] std::size_t number() const noexcept { return number_; }

private:
    std::string_view rest_;
    std::size_t number_ = 0;
};

}  // namespace rpcbroker
