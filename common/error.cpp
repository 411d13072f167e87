#include <rpcbroker/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace rpcbroker {
namespace {

// In the order of Code.
constexpr std::array<std::string_view, 16> code_names = {
    "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",   "NOT_FOUND",
    "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
    "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",         "DATA_LOSS",
    "UNAUTHENTICATED",
};

std::string text_of(Code code, const std::string& message) {
    std::string text{name_of(code)};
    return text.append(": ").append(message);
}

}  // namespace

std::string_view name_of(Code code) noexcept {
    const auto index = static_cast<std::size_t>(code);
    return index < code_names.size() ? code_names[index] : "UNKNOWN";
}

std::optional<Code> code_named(std::string_view name) noexcept {
    const auto* const found = std::find(code_names.begin(), code_names.end(), name);
    if (found == code_names.end()) return std::nullopt;
    return static_cast<Code>(found - code_names.begin());
}

std::string_view name_of(By by) noexcept {
    switch (by) {
    case By::handler: return "handler";
    case By::broker: return "broker";
    case By::worker: return "worker";
    case By::client: return "client";
    }
    return "handler";
}

std::string_view name_of(Ran ran) noexcept {
    switch (ran) {
    case Ran::unsaid: return "unsaid";
    case Ran::no: return "no";
    case Ran::maybe: return "maybe";
    }
    return "unsaid";
}

Error::Error(Code code, std::string message) : Error(code, std::move(message), By::handler, Ran::unsaid) {}

Error::Error(Code code, std::string message, By by, Ran ran)
    : code_(code), by_(by), ran_(ran), message_(std::move(message)), text_(text_of(code_, message_)) {}

Error& Error::set_retry_after(std::chrono::milliseconds pause) noexcept {
    retry_after_ = pause;
    return *this;
}

Error& Error::set_ran(Ran ran) noexcept {
    ran_ = ran;
    return *this;
}

Error& Error::set_data(std::string data) noexcept {
    data_ = std::move(data);
    return *this;
}

}  // namespace rpcbroker
