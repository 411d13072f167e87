// The programs' log: lines on standard error, structured, as text or as JSON. The libraries and cores do not log.
//
//     log::info("worker registered", {{"worker", id}, {"name", name}});
//     2026-11-23T08:39:26.123Z info worker registered worker=3 name="a b"
//     {"time":"2026-11-23T08:39:26.123Z","level":"info","message":"worker registered","worker":3,"name":"a b"}
//
// Values and names may come from strangers: whatever is not printable ASCII is escaped, so nobody forges a line or moves a
// terminal's cursor. Every function may be called from any thread; a line is written with one write.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "common/time.hpp"

namespace rpcbroker::log {

enum class Level : std::uint8_t { trace, debug, info, warn, error, off };
enum class Format : std::uint8_t { text, json };

/// "trace" … "off".
std::string_view name_of(Level level) noexcept;
std::optional<Level> level_named(std::string_view name) noexcept;

/// A name and a value, as views: good for the one call that they are handed to.
struct Field {
    using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool, std::chrono::microseconds>;

    Field(std::string_view field, std::string_view text) : name(field), value(text) {}
    Field(std::string_view field, const char* text) : name(field), value(std::string_view{text}) {}
    Field(std::string_view field, const std::string& text) : name(field), value(std::string_view{text}) {}
    template <class T>
    requires std::is_arithmetic_v<T> Field(std::string_view field, T number) : name(field), value(widen(number)) {}
    template <class Rep, class Period>
    Field(std::string_view field, std::chrono::duration<Rep, Period> duration)
        : name(field), value(std::chrono::duration_cast<std::chrono::microseconds>(duration)) {}

    std::string_view name;
    Value value;

private:
    template <class T>
    static Value widen(T number) {
        if constexpr (std::same_as<T, bool>)
            return number;
        else if constexpr (std::floating_point<T>)
            return static_cast<double>(number);
        else if constexpr (std::signed_integral<T>)
            return static_cast<std::int64_t>(number);
        else
            return static_cast<std::uint64_t>(number);
    }
};
using Fields = std::initializer_list<Field>;
using FieldView = std::span<const Field>;

/// Lines below `level` are left out. Before the first call: info, as text.
void configure(Level level, Format format) noexcept;
[[nodiscard]] bool enabled(Level level) noexcept;

void write(Level level, std::string_view message, FieldView fields);
inline void write(Level level, std::string_view message, Fields fields = {}) {
    write(level, message, FieldView{fields.begin(), fields.size()});
}
inline void trace(std::string_view message, Fields fields = {}) { write(Level::trace, message, fields); }
inline void debug(std::string_view message, Fields fields = {}) { write(Level::debug, message, fields); }
inline void info(std::string_view message, Fields fields = {}) { write(Level::info, message, fields); }
inline void warn(std::string_view message, Fields fields = {}) { write(Level::warn, message, fields); }
inline void error(std::string_view message, Fields fields = {}) { write(Level::error, message, fields); }

/// The line that write() would write, without its newline.
std::string format_line(Format format, std::chrono::system_clock::time_point time, Level level,
                        std::string_view message, FieldView fields);
inline std::string format_line(Format format, std::chrono::system_clock::time_point time, Level level,
                               std::string_view message, Fields fields) {
    return format_line(format, time, level, message, FieldView{fields.begin(), fields.size()});
}

/// Lets at most so many through a second, for lines that strangers can cause. It is told the time. Not thread-safe.
class RateLimit {
public:
    explicit RateLimit(unsigned per_second) noexcept : per_second_(per_second) {}

    /// Nothing when this line is one too many; else how many were left out since the last one that was let through.
    std::optional<std::uint64_t> admit(TimePoint now) noexcept;

private:
    unsigned per_second_;
    unsigned admitted_ = 0;
    std::uint64_t left_out_ = 0;
    std::optional<TimePoint> second_begun_;
};

}  // namespace rpcbroker::log
