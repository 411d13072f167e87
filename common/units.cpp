#include "common/units.hpp"

#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <variant>

namespace rpcbroker {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t size;
};

// Largest first, as formatting wants them.
constexpr std::array<Unit, 5> durations = {{
    {"h", 3'600'000'000},
    {"m", 60'000'000},
    {"s", 1'000'000},
    {"ms", 1'000},
    {"us", 1},
}};
constexpr std::array<Unit, 4> binary_sizes = {{
    {"GiB", 1ULL << 30},
    {"MiB", 1ULL << 20},
    {"KiB", 1ULL << 10},
    {"B", 1},
}};
constexpr std::array<Unit, 7> sizes = {{
    {"GiB", 1ULL << 30},
    {"MiB", 1ULL << 20},
    {"KiB", 1ULL << 10},
    {"B", 1},
    {"GB", 1'000'000'000},
    {"MB", 1'000'000},
    {"KB", 1'000},
}};

// A decimal number as digits and the power of ten that they are to be divided by, so that 1.5s is exact.
struct Number {
    std::uint64_t digits = 0;
    std::uint64_t divisor = 1;
    std::string_view rest;
};

std::optional<Number> read_number(std::string_view text) {
    constexpr std::size_t max_digits = 19;  // so many has the largest value that is taken, and no overflow
    Number number;
    std::size_t at = 0;
    std::size_t digits = 0;
    bool fraction = false;
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '.' && !fraction && digits > 0) {
            fraction = true;
            continue;
        }
        if (c < '0' || c > '9') break;
        if (++digits > max_digits) return std::nullopt;
        number.digits = number.digits * 10 + static_cast<std::uint64_t>(c - '0');
        if (fraction) number.divisor *= 10;
    }
    if (digits == 0 || text[at - 1] == '.') return std::nullopt;
    number.rest = text.substr(at);
    return number;
}

const Unit* find_unit(std::span<const Unit> units, std::string_view name) {
    for (const auto& unit : units) {
        if (unit.name == name) return &unit;
    }
    return nullptr;
}

enum class Fault : std::uint8_t { malformed, too_fine, too_large };

std::variant<std::uint64_t, Fault> scale(const Number& number, std::uint64_t unit) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(number.digits) * unit;
    if (product % number.divisor != 0) return Fault::too_fine;
    const Wide value = product / number.divisor;
    if (value > static_cast<Wide>(std::numeric_limits<std::int64_t>::max())) return Fault::too_large;
    return static_cast<std::uint64_t>(value);
}

// `bare`: the unit of a number without one; an empty name takes none but 0.
std::variant<std::uint64_t, Fault> parse(std::string_view text, std::span<const Unit> units, std::string_view bare) {
    const auto number = read_number(text);
    if (!number) return Fault::malformed;
    if (number->rest.empty() && number->digits == 0) return std::uint64_t{0};
    const auto* const unit = find_unit(units, number->rest.empty() ? bare : number->rest);
    if (unit == nullptr) return Fault::malformed;
    return scale(*number, unit->size);
}

Error wrong(std::string_view text, Fault fault, std::string_view what, std::string_view smallest) {
    std::string message = "\"" + std::string{text} + "\" ";
    if (fault == Fault::malformed) message.append("is no ").append(what);
    if (fault == Fault::too_fine) message.append("is finer than ").append(smallest);
    if (fault == Fault::too_large) message.append("is too large");
    return {Code::invalid_argument, message};
}

std::string format(std::uint64_t value, std::span<const Unit> units) {
    for (const auto& unit : units) {
        if (value != 0 && value % unit.size == 0) return std::to_string(value / unit.size).append(unit.name);
    }
    return "0" + std::string{units.back().name};
}

}  // namespace

Result<std::chrono::microseconds> parse_duration(std::string_view text) {
    const auto parsed = parse(text, durations, "");
    if (const auto* value = std::get_if<std::uint64_t>(&parsed)) {
        return std::chrono::microseconds{static_cast<std::int64_t>(*value)};
    }
    return wrong(text, std::get<Fault>(parsed), "duration; write it as in 250ms, 5s, 2m or 24h", "1us");
}

std::string format_duration(std::chrono::microseconds duration) {
    if (duration.count() == 0) return "0s";
    if (duration.count() > 0) return format(static_cast<std::uint64_t>(duration.count()), durations);
    return "-" + format(0 - static_cast<std::uint64_t>(duration.count()), durations);
}

Result<std::uint64_t> parse_size(std::string_view text) {
    const auto parsed = parse(text, sizes, "B");
    if (const auto* value = std::get_if<std::uint64_t>(&parsed)) return *value;
    return wrong(text, std::get<Fault>(parsed), "size; write it as in 512B, 64KiB, 16MiB or 1GiB", "1B");
}

std::string format_size(std::uint64_t bytes) { return format(bytes, binary_sizes); }

}  // namespace rpcbroker
