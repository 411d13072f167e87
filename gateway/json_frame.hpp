// Parts JSON objects that follow each other, cut anywhere, as net/rpc/jsonrpc sends them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rpcbroker {

/// Looks at each byte once. Any bytes are data: an object that it finds may be no JSON, but its braces match.
class JsonFramer {
public:
    enum class Is : std::uint8_t { cut_off, whole, malformed };

    /// Goes on behind what it has seen of `bytes`, which must begin where the last object ended. When one is whole,
    /// size() says where it ends, and the next call begins with another.
    Is look(std::string_view bytes) noexcept {
        if (done_) *this = {};
        for (; size_ < bytes.size(); ++size_) {
            const auto is = next(bytes[size_]);
            if (is == Is::whole) ++size_, done_ = true;
            if (is != Is::cut_off) return is;
        }
        return Is::cut_off;
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Whether an object has begun.
    [[nodiscard]] bool within() const noexcept { return depth_ > 0; }

private:
    Is next(char c) noexcept {
        if (in_string_) {
            in_string_ = escaped_ || c != '"';
            escaped_ = !escaped_ && c == '\\';
            return Is::cut_off;
        }
        if (depth_ == 0) {
            if (c == ' ' || c == '\n' || c == '\r' || c == '\t') return Is::cut_off;
            if (c != '{') return Is::malformed;
        }
        if (c == '"') in_string_ = true;
        if (c == '{' || c == '[') ++depth_;
        if (c == '}' || c == ']') --depth_;
        return depth_ == 0 ? Is::whole : Is::cut_off;
    }

    std::size_t size_ = 0;
    std::size_t depth_ = 0;
    bool in_string_ = false;
    bool escaped_ = false;
    bool done_ = false;
};

}  // namespace rpcbroker
