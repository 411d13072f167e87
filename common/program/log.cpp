#include "common/program/log.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/units.hpp"

namespace rpcbroker::log {
namespace {

constexpr std::array<std::string_view, 6> level_names = {"trace", "debug", "info", "warn", "error", "off"};

std::atomic<Level> least_level{Level::info};
std::atomic<Format> line_format{Format::text};

// In quotes and escaped; only printable ASCII is left as it is.
std::string json_string(std::string_view text) {
    using Json = nlohmann::json;
    constexpr bool ascii_only = true;
    return Json(text).dump(-1, ' ', ascii_only, Json::error_handler_t::replace);
}

bool is_plain(std::string_view text) {
    return !text.empty() &&
           std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '='; });
}

std::string text_of(double number) {
    std::array<char, 32> buffer{};
    const auto size = std::snprintf(buffer.data(), buffer.size(), "%.9g", number);
    return {buffer.data(), static_cast<std::size_t>(size)};
}

// Numbers of JSON; what is none there goes as a text.
struct AsJson {
    std::string operator()(std::string_view text) const { return json_string(text); }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(double number) const {
        return std::isfinite(number) ? text_of(number) : json_string(text_of(number));
    }
    std::string operator()(std::chrono::microseconds duration) const { return json_string(format_duration(duration)); }
    template <std::integral T>
    std::string operator()(T number) const {
        return std::to_string(number);
    }
};

struct AsText : AsJson {
    using AsJson::operator();
    std::string operator()(std::string_view text) const {
        return is_plain(text) ? std::string{text} : json_string(text);
    }
    std::string operator()(double number) const { return text_of(number); }
    std::string operator()(std::chrono::microseconds duration) const { return format_duration(duration); }
};

// In UTC, with milliseconds.
std::string text_of(std::chrono::system_clock::time_point time) {
    const auto since = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    const std::time_t stamp = seconds.count();
    std::tm parts{};
    gmtime_r(&stamp, &parts);
    std::array<char, 40> buffer{};
    const auto size = std::strftime(buffer.data(), buffer.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    auto millis = std::to_string((since - seconds).count());
    millis.insert(0, 3 - millis.size(), '0');
    return std::string{buffer.data(), size}.append(".").append(millis).append("Z");
}

// As one string, without its quotes: a message is the program's own, but may quote a stranger's.
std::string escaped(std::string_view text) {
    const auto in_quotes = json_string(text);
    return in_quotes.substr(1, in_quotes.size() - 2);
}

std::string text_line(const std::string& time, Level level, std::string_view message, FieldView fields) {
    auto line = time + " " + std::string{name_of(level)} + " " + escaped(message);
    for (const auto& field : fields) {
        line.append(" ").append(AsText{}(field.name)).append("=").append(std::visit(AsText{}, field.value));
    }
    return line;
}

std::string json_line(const std::string& time, Level level, std::string_view message, FieldView fields) {
    auto line = "{\"time\":" + json_string(time) + ",\"level\":" + json_string(name_of(level)) +
                ",\"message\":" + json_string(message);
    for (const auto& field : fields) {
        line.append(",").append(json_string(field.name)).append(":").append(std::visit(AsJson{}, field.value));
    }
    return line + "}";
}

// One write a line, so that lines of several threads and processes do not mix. A log that cannot be written is no
// reason to end.
void write_all(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto written = ::write(STDERR_FILENO, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

}  // namespace

std::string_view name_of(Level level) noexcept {
    const auto index = static_cast<std::size_t>(level);
    return index < level_names.size() ? level_names[index] : "off";
}

std::optional<Level> level_named(std::string_view name) noexcept {
    const auto* const found = std::ranges::find(level_names, name);
    if (found == level_names.end()) return std::nullopt;
    return static_cast<Level>(found - level_names.begin());
}

void configure(Level level, Format format) noexcept {
    least_level.store(level, std::memory_order_relaxed);
    line_format.store(format, std::memory_order_relaxed);
}

bool enabled(Level level) noexcept {
    return level != Level::off && level >= least_level.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view message, FieldView fields) {
    if (!enabled(level)) return;
    const auto format = line_format.load(std::memory_order_relaxed);
    write_all(format_line(format, std::chrono::system_clock::now(), level, message, fields) + "\n");
}

std::string format_line(Format format, std::chrono::system_clock::time_point time, Level level,
                        std::string_view message, FieldView fields) {
    return format == Format::json ? json_line(text_of(time), level, message, fields)
                                  : text_line(text_of(time), level, message, fields);
}

std::optional<std::uint64_t> RateLimit::admit(TimePoint now) noexcept {
    if (!second_begun_ || now - *second_begun_ >= std::chrono::seconds{1}) {
        second_begun_ = now;
        admitted_ = 0;
    }
    if (admitted_ >= per_second_) {
        ++left_out_;
        return std::nullopt;
    }
    ++admitted_;
    return std::exchange(left_out_, 0);
}

}  // namespace rpcbroker::log
