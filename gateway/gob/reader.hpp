// The numbers and texts of Go's encoding/gob, read in place: https://pkg.go.dev/encoding/gob, "Encoding Details".
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

namespace rpcbroker::gob {

/// A cursor over bytes that the caller keeps alive. Every take_… moves past one value and returns it, or returns
/// nothing where it is malformed or cut off. It never reads past the end.
class Reader {
public:
    explicit Reader(std::string_view bytes) noexcept : left_(bytes) {}

    [[nodiscard]] bool at_end() const noexcept { return left_.empty(); }
    [[nodiscard]] std::string_view rest() const noexcept { return left_; }

    std::optional<std::uint64_t> take_unsigned() noexcept {
        if (left_.empty()) return std::nullopt;
        const auto first = static_cast<unsigned char>(left_.front());
        if (first < 0x80) return left_.remove_prefix(1), first;
        const std::size_t size = 0x100U - first;
        if (size > sizeof(std::uint64_t) || size >= left_.size()) return std::nullopt;
        std::uint64_t value = 0;
        for (const char c : left_.substr(1, size)) value = value << 8 | static_cast<unsigned char>(c);
        left_.remove_prefix(1 + size);
        return value;
    }
    std::optional<std::int64_t> take_signed() noexcept {
        const auto bits = take_unsigned();
        if (!bits) return std::nullopt;
        return static_cast<std::int64_t>(*bits & 1 ? ~(*bits >> 1) : *bits >> 1);
    }
    std::optional<double> take_real() noexcept {
        const auto bits = take_unsigned();
        if (!bits) return std::nullopt;
        return std::bit_cast<double>(__builtin_bswap64(*bits));
    }
    /// A length and as many bytes.
    std::optional<std::string_view> take_bytes() noexcept {
        const auto size = take_unsigned();
        if (!size || *size > left_.size()) return std::nullopt;
        const auto bytes = left_.substr(0, *size);
        left_.remove_prefix(*size);
        return bytes;
    }

    /// A struct: calls `take(number)` before the value of each field that is there. False where that returns false, or
    /// the struct is malformed.
    template <class Take>
    bool take_fields(Take take) {
        for (std::uint64_t number = 0;;) {
            const auto step = take_unsigned();
            if (!step || *step > most_fields) return false;
            if (*step == 0) return true;
            number += *step;
            if (number > most_fields || !take(static_cast<std::uint32_t>(number - 1))) return false;
        }
    }

    static constexpr std::uint64_t most_fields = 1 << 16;

private:
    std::string_view left_;
};

/// Parts the messages of a stream, each of which its length precedes.
struct Frame {
    enum class Is : std::uint8_t { whole, cut_off, too_long, malformed };
    Is is = Is::cut_off;
    std::string_view message{};
    std::size_t size = 0;  ///< with its length, of a whole one
};

inline Frame first_frame(std::string_view bytes, std::uint64_t longest) noexcept {
    Reader reader{bytes};
    const auto size = reader.take_unsigned();
    if (!size) {
        constexpr std::size_t longest_number = 9;
        const bool may_come =
            bytes.empty() || (static_cast<unsigned char>(bytes[0]) >= 0xf8 && bytes.size() < longest_number);
        return {may_come ? Frame::Is::cut_off : Frame::Is::malformed};
    }
    if (*size > longest) return {Frame::Is::too_long};
    if (*size > reader.rest().size()) return {Frame::Is::cut_off};
    const auto message = reader.rest().substr(0, *size);
    return {Frame::Is::whole, message, bytes.size() - reader.rest().size() + message.size()};
}

}  // namespace rpcbroker::gob
