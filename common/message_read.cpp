#include <array>
#include <cstring>
#include <limits>

#include <rpcbroker/pack.hpp>

#include "common/message.hpp"
#include "common/message_usual.hpp"

namespace rpcbroker {
namespace {

// Every function that reads a part of a message returns what is wrong with it, or null.
using Problem = const char*;

// The message's own array is the first of the levels that max_nesting counts.
constexpr int element_nesting = max_nesting - 1;
constexpr int option_nesting = max_nesting - 2;

constexpr std::size_t method_min = 3;
constexpr std::size_t method_max = 255;
using usual::five_byte_form;

// --- options ---------------------------------------------------------------------------------------------------------

using ReadOption = bool (*)(std::string_view value, MessageView& message);

template <auto member>
bool read_unsigned(std::string_view value, MessageView& message) noexcept {
    return (message.options.*member = Unpacker(value).take_unsigned()).has_value();
}

template <auto member>
bool read_boolean(std::string_view value, MessageView& message) noexcept {
    return (message.options.*member = Unpacker(value).take_boolean()).has_value();
}

template <auto member>
bool read_string(std::string_view value, MessageView& message) noexcept {
    return (message.options.*member = Unpacker(value).take_string()).has_value();
}

bool read_timeout(std::string_view value, MessageView& message) noexcept {
    const auto at = static_cast<std::size_t>(value.data() - message.tail.data()) + 1;
    const bool in_place = value.front() == five_byte_form && at <= std::numeric_limits<std::uint32_t>::max();
    if (in_place) message.options.timeout_at = static_cast<std::uint32_t>(at);
    return read_unsigned<&OptionsView::timeout_ms>(value, message);
}

bool read_timing(std::string_view value, MessageView& message) noexcept {
    const auto timing = Unpacker(value).take_boolean();
    message.options.timing = timing.value_or(false);
    return timing.has_value();
}

bool read_meta(std::string_view value, MessageView& message) noexcept {
    Unpacker in(value);
    const auto pairs = in.take_map();
    if (!pairs) return false;
    for (std::uint32_t i = 0; i < *pairs; ++i) {
        if (!in.take_string() || !in.take_string()) return false;
    }
    message.options.meta = value;
    return true;
}

struct KnownOption {
    std::string_view name;
    ReadOption read;
    const char* wrong;
    const char* twice;
};

constexpr std::array<KnownOption, 9> known_options{{
    {"timeout", read_timeout, "option timeout: expected an unsigned integer (ms)", "option timeout: given twice"},
    {"idempotent", read_boolean<&OptionsView::idempotent>, "option idempotent: expected a bool",
     "option idempotent: given twice"},
    {"stream", read_unsigned<&OptionsView::stream>, "option stream: expected an unsigned integer (items)",
     "option stream: given twice"},
    {"trace", read_string<&OptionsView::trace>, "option trace: expected a str", "option trace: given twice"},
    {"meta", read_meta, "option meta: expected a map of str to str", "option meta: given twice"},
    {"key", read_string<&OptionsView::key>, "option key: expected a str", "option key: given twice"},
    {"worker", read_string<&OptionsView::worker>, "option worker: expected a str", "option worker: given twice"},
    {"timing", read_timing, "option timing: expected a bool", "option timing: given twice"},
    {"caller", read_string<&OptionsView::caller>, "option caller: expected a str", "option caller: given twice"},
}};

/// `seen` has a bit for each known option that was there before.
void read_option(std::string_view key, std::string_view value, unsigned& seen, MessageView& message) noexcept {
    for (std::size_t i = 0; i < known_options.size(); ++i) {
        const KnownOption& option = known_options[i];
        if (key != option.name) continue;
        const unsigned bit = 1U << i;
        const char* bad = (seen & bit) != 0 ? option.twice : option.read(value, message) ? nullptr : option.wrong;
        if (!message.bad_option) message.bad_option = bad;
        seen |= bit;
        return;
    }
}

Problem read_options(Unpacker& in, MessageView& message) noexcept {
    const char* const start = in.position();
    if (in.peek() != Kind::map) return "options: expected a map with str keys";
    std::uint32_t pairs = 0;
    if (!in.take_map(pairs)) return "options: cut off";
    unsigned seen = 0;
    for (std::uint32_t i = 0; i < pairs; ++i) {
        std::string_view key;
        std::string_view value;
        if (in.peek() != Kind::string) return "options: expected a map with str keys";
        if (!in.take(key) || !in.take_value(value, option_nesting)) {
            return "options: malformed, cut off or nested over 64 levels";
        }
        read_option(key, value, seen, message);
    }
    message.options_map = {start, static_cast<std::size_t>(in.position() - start)};
    return nullptr;
}

// --- elements --------------------------------------------------------------------------------------------------------

Problem read_value(Unpacker& in, std::string_view& out, Problem otherwise) noexcept {
    return in.take_value(out, element_nesting) ? nullptr : otherwise;
}

Problem read_msgid(Unpacker& in, const char* start, MessageView& message) noexcept {
    const bool five_bytes = !in.at_end() && *in.position() == five_byte_form;
    std::uint64_t msgid = 0;
    if (!in.take(msgid) || msgid > std::numeric_limits<std::uint32_t>::max()) {
        return "msgid: expected an unsigned integer up to 4294967295";
    }
    message.msgid = static_cast<std::uint32_t>(msgid);
    if (five_bytes) message.msgid_at = static_cast<std::uint32_t>(in.position() - start) - 4;
    message.tail = in.rest();
    return nullptr;
}

/// Of a request or notification: all from the method on. `with_options`: the array has an element for them.
Problem read_call(Unpacker& in, bool with_options, MessageView& message) noexcept {
    if (!in.take(message.method) || message.method.size() < method_min || message.method.size() > method_max) {
        return "method: expected str of 3 to 255 bytes";
    }
    if (!is_method_name(message.method)) return "method: expected \"Service.Method\", UTF-8 without control characters";
    if (in.peek() != Kind::array) return "params: expected an array";
    if (const auto problem = read_value(in, message.params, "params: malformed, cut off or nested over 64 levels")) {
        return problem;
    }
    return with_options ? read_options(in, message) : nullptr;
}

Problem read_request(Unpacker& in, const char* start, MessageView& message) noexcept {
    if (message.elements != 4 && message.elements != 5) return "request: expected an array of 4 or 5 elements";
    if (const auto problem = read_msgid(in, start, message)) return problem;
    return read_call(in, message.elements == 5, message);
}

Problem read_notification(Unpacker& in, MessageView& message) noexcept {
    if (message.elements != 3 && message.elements != 4) return "notification: expected an array of 3 or 4 elements";
    message.tail = in.rest();
    return read_call(in, message.elements == 4, message);
}

Problem read_response(Unpacker& in, const char* start, MessageView& message) noexcept {
    if (message.elements != 4 && message.elements != 5) return "response: expected an array of 4 or 5 elements";
    if (const auto problem = read_msgid(in, start, message)) return problem;
    const bool failed = in.peek() != Kind::nil;
    if (const auto problem = read_value(in, message.error, "error: malformed, cut off or nested over 64 levels")) {
        return problem;
    }
    if (failed && in.peek() != Kind::nil) return "result: expected nil beside an error";
    if (const auto problem = read_value(in, message.result, "result: malformed, cut off or nested over 64 levels")) {
        return problem;
    }
    if (message.elements == 4) return nullptr;
    if (in.peek() != Kind::map) return "timing: expected a map";
    return read_value(in, message.timing, "timing: malformed, cut off or nested over 64 levels");
}

Problem read_stream_item(Unpacker& in, const char* start, MessageView& message) noexcept {
    if (message.elements != 3) return "stream item: expected an array of 3 elements";
    if (const auto problem = read_msgid(in, start, message)) return problem;
    return read_value(in, message.result, "item: malformed, cut off or nested over 64 levels");
}

// --- messages --------------------------------------------------------------------------------------------------------

Problem read_message(Unpacker& in, MessageView& message) noexcept {
    constexpr Problem wrong_array = "message: expected an array of 3 to 5 elements";
    const char* const start = in.position();
    if (in.peek() != Kind::array) return wrong_array;
    std::uint32_t elements = 0;
    std::uint64_t type = 0;
    if (!in.take_array(elements)) return "message: cut off";
    if (elements < 3 || elements > 5) return wrong_array;
    if (!in.take(type) || type > 3) {
        return "type: expected 0 (request), 1 (response), 2 (notification) or 3 (stream item)";
    }
    message.elements = static_cast<std::uint8_t>(elements);
    message.type = static_cast<MessageType>(type);
    switch (message.type) {
    case MessageType::request: return read_request(in, start, message);
    case MessageType::response: return read_response(in, start, message);
    case MessageType::notification: return read_notification(in, message);
    case MessageType::stream_item: break;
    }
    return read_stream_item(in, start, message);
}

/// The msgid of a malformed message: readable where the head of its array, a type that has one, and it itself are
/// whole, whatever the rest looks like.
std::optional<std::uint32_t> salvage_msgid(std::string_view bytes) noexcept {
    if (Unpacker(bytes).peek() != Kind::array) return std::nullopt;
    const std::size_t head = bytes.front() == '\xdc' ? 3 : bytes.front() == '\xdd' ? 5 : 1;
    if (bytes.size() < head) return std::nullopt;
    Unpacker in(bytes.substr(head));
    std::uint64_t type = 0;
    std::uint64_t msgid = 0;
    if (!in.take(type) || type > 3 || static_cast<MessageType>(type) == MessageType::notification) return std::nullopt;
    if (!in.take(msgid) || msgid > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    return static_cast<std::uint32_t>(msgid);
}

// --- method names ----------------------------------------------------------------------------------------------------

/// Whether the UTF-8 `text` holds a control character: U+0000 to U+001F or U+007F to U+009F.
bool has_control(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto code = static_cast<std::uint8_t>(text[i]);
        if (code < 0x20 || code == 0x7f) return true;
        if (code == 0xc2 && static_cast<std::uint8_t>(text[i + 1]) < 0xa0) return true;
    }
    return false;
}

}  // namespace

bool is_method_name(std::string_view method) noexcept {
    if (method.size() < method_min || method.size() > method_max) return false;
    if (usual::is_method_name(method)) return true;
    // Then its last dot has something on either side.
    if (method.back() == '.' || method.find('.', 1) == std::string_view::npos) return false;
    return is_utf8(method) && !has_control(method);
}

BodyReader::Step BodyReader::next(MessageView& message) noexcept {
    message = MessageView{};
    if (problem_ || !usual::read(rest_, message)) return next_general(message);
    rest_.remove_prefix(message.bytes.size());
    return Step::message;
}

BodyReader::Step BodyReader::next_general(MessageView& message) noexcept {
    message = MessageView{};
    if (problem_) return Step::malformed;
    if (rest_.empty()) return body_.empty() ? malformed("body: expected a message, got no bytes") : Step::end;
    Unpacker in(rest_);
    if (const auto problem = read_message(in, message)) {
        message = MessageView{};
        return malformed(problem);
    }
    const auto size = static_cast<std::size_t>(in.position() - rest_.data());
    message.bytes = rest_.substr(0, size);
    message.tail = message.bytes.substr(static_cast<std::size_t>(message.tail.data() - rest_.data()));
    rest_.remove_prefix(size);
    return Step::message;
}

BodyReader::Step BodyReader::malformed(const char* problem) noexcept {
    problem_ = problem;
    problem_msgid_ = salvage_msgid(rest_);
    return Step::malformed;
}

}  // namespace rpcbroker
