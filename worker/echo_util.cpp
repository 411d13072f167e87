#include "worker/echo_util.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <clocale>
#include <cwctype>
#include <optional>

namespace rpcbroker {
namespace {

struct Identity {
    std::string name;
    std::int64_t pid = 0;
    std::string host;
};

}  // namespace

template <>
struct Convert<Identity> {
    static void pack(Packer& packer, const Identity& identity) {
        packer.map(3);
        packer.string("name").string(identity.name);
        packer.string("pid").integer(identity.pid);
        packer.string("host").string(identity.host);
    }
    static std::string type_name() { return "map"; }
};

namespace echo_util {
namespace {

constexpr int code_count = static_cast<int>(Code::unauthenticated) + 1;

/// Bytes of the character that `text` begins with; nothing when that is no valid UTF-8. `text` is not empty.
std::optional<std::size_t> character_size(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (size > text.size() || !is_utf8(text.substr(0, size))) return std::nullopt;
    return size;
}

std::int64_t count_characters(std::string_view text) {
    std::int64_t characters = 0;
    for (; !text.empty(); ++characters) text.remove_prefix(character_size(text).value_or(1));
    return characters;
}

/// `character` is valid UTF-8.
char32_t decode(std::string_view character) {
    const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(character[i])); };
    if (character.size() == 1) return byte(0);
    char32_t code = byte(0) & (0x7fU >> character.size());
    for (std::size_t i = 1; i < character.size(); ++i) code = code << 6 | (byte(i) & 0x3fU);
    return code;
}

void append_encoded(std::string& out, char32_t code) {
    const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
    const auto put_rest = [&](unsigned shift) { put(0x80U | (code >> shift & 0x3fU)); };
    if (code < 0x80) return put(code);
    if (code < 0x800) {
        put(0xc0U | code >> 6);
    } else if (code < 0x10000) {
        put(0xe0U | code >> 12);
        put_rest(6);
    } else {
        put(0xf0U | code >> 18);
        put_rest(12);
        put_rest(6);
    }
    put_rest(0);
}

/// A locale of our own that knows all of Unicode, whatever the process runs in. Lives as long as the process.
locale_t unicode() {
    static const locale_t locale = [] {
        const locale_t found = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
        return found ? found : ::newlocale(LC_CTYPE_MASK, "C", nullptr);
    }();
    return locale;
}

Error invalid_utf8() { return {Code::invalid_argument, "parameter 1 (text) is not valid UTF-8"}; }

Error negative(const std::string& name, std::int64_t value) {
    return {Code::invalid_argument, "parameter 1 (" + name + "): expected 0 or more, got " + std::to_string(value)};
}

std::string all_codes() {
    std::string names;
    for (int code = 0; code < code_count; ++code) {
        names += (code == 0 ? "" : ", ") + std::string{name_of(static_cast<Code>(code))};
    }
    return names;
}

Identity whoami(Context& context) {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    return {context.worker_name(), ::getpid(), host.data()};
}

}  // namespace

std::int64_t count_string(std::string_view text) { return std::ranges::count(text, 's'); }

std::int64_t count(std::string_view text, std::string_view part) {
    if (part.empty()) return count_characters(text) + 1;
    std::int64_t found = 0;
    for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++found;
    return found;
}

Result<std::string> reverse(std::string_view text) {
    if (!is_utf8(text)) return invalid_utf8();
    std::string reversed(text.size(), '\0');
    auto end = reversed.end();
    while (!text.empty()) {
        const auto size = character_size(text).value_or(1);
        end -= static_cast<std::ptrdiff_t>(size);
        std::copy_n(text.begin(), size, end);
        text.remove_prefix(size);
    }
    return reversed;
}

Result<std::string> upper(std::string_view text) {
    if (!is_utf8(text)) return invalid_utf8();
    std::string raised;
    raised.reserve(text.size());
    while (!text.empty()) {
        const auto size = character_size(text).value_or(1);
        const auto code = static_cast<std::wint_t>(decode(text.substr(0, size)));
        append_encoded(raised, static_cast<char32_t>(::towupper_l(code, unicode())));
        text.remove_prefix(size);
    }
    return raised;
}

Result<std::int64_t> sleep(Context& context, std::int64_t ms) {
    constexpr std::int64_t longest = 1000LL * 60 * 60 * 24 * 365;
    if (ms < 0) return negative("ms", ms);
    if (context.wait_for(std::chrono::milliseconds{std::min(ms, longest)})) return ms;
    return Error{Code::cancelled, "cancelled while it slept"};
}

Result<std::int64_t> range(StreamContext<std::int64_t>& stream, std::int64_t n) {
    if (n < 0) return negative("n", n);
    for (std::int64_t i = 0; i < n; ++i) {
        if (!stream.send(i)) return Error{Code::cancelled, "cancelled after " + std::to_string(i) + " items"};
    }
    return n;
}

Result<void> fail(std::string_view code, const std::string& message) {
    if (const auto known = code_named(code)) return Error{*known, message};
    return Error{Code::invalid_argument, "parameter 1 (code): expected one of " + all_codes()};
}

void serve(Service& service) {
    const auto about = [](const char* doc, std::vector<std::string> params, bool idempotent = true) {
        return MethodOptions{.doc = doc, .params = std::move(params), .idempotent = idempotent};
    };
    service.method("CountString", count_string, about("how many times s occurs in text", {"text"}))
        .method("Count", count, about("how many times part occurs in text, without overlaps", {"text", "part"}))
        .method(
            "Echo", [](RawView value) { return value; }, about("the value as it came", {"value"}))
        .method("Reverse", reverse, about("the characters of text from the last to the first", {"text"}))
        .method("Upper", upper, about("text in capitals", {"text"}))
        .method("Sleep", sleep, about("ms, after that time; ends early when cancelled", {"ms"}, false))
        .method("Fail", fail, about("fails with that code and message", {"code", "message"}, false))
        .method("Range", range, about("a stream of 0 to n - 1, then n", {"n"}))
        .method("Whoami", whoami, about("the worker's name, process id and host", {}));
}

}  // namespace echo_util
}  // namespace rpcbroker
