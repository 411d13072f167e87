#include <algorithm>
#include <array>
#include <cstring>

#include <rpcbroker/pack.hpp>

#include "common/message.hpp"

namespace rpcbroker {
namespace {

using std::chrono::milliseconds;

/// What is said to be longer is no advice any more, and near the limits of the clock's arithmetic.
constexpr milliseconds longest_retry_after = std::chrono::hours{24 * 365};

void write_u32(char* at, std::uint32_t value) noexcept {
    const std::array<char, 4> bytes{static_cast<char>(value >> 24 & 0xff), static_cast<char>(value >> 16 & 0xff),
                                    static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
    std::memcpy(at, bytes.data(), bytes.size());
}

/// The array's head, the type and the msgid in five-byte form.
void append_head(std::string& out, unsigned elements, MessageType type, std::uint32_t msgid) {
    std::array<char, 7> head{static_cast<char>(0x90 | elements), static_cast<char>(type), '\xce'};
    write_u32(head.data() + 3, msgid);
    out.append(head.data(), head.size());
}

std::size_t count(const RequestOptions& options) noexcept {
    return std::size_t{options.timeout_ms.has_value()} + options.idempotent.has_value() + options.stream.has_value() +
           !options.trace.empty() + !options.meta.empty() + options.key.has_value() + !options.worker.empty() +
           options.timing;
}

void append_call(std::string& out, std::string_view method, std::string_view params, const RequestOptions& options) {
    Packer(out).string(method).raw(params);
    if (!options.empty()) append_options(out, options);
}

std::optional<By> by_named(std::string_view name) noexcept {
    for (const auto by : {By::broker, By::worker, By::client}) {
        if (name == name_of(by)) return by;
    }
    return std::nullopt;
}

std::optional<Ran> ran_named(std::string_view name) noexcept {
    for (const auto ran : {Ran::no, Ran::maybe}) {
        if (name == name_of(ran)) return ran;
    }
    return std::nullopt;
}

/// What an error object says, key by key.
struct ErrorFields {
    std::optional<Code> code;
    std::optional<std::string_view> message;
    By by = By::handler;
    Ran ran = Ran::unsaid;
    std::optional<milliseconds> retry_after;
    std::string_view data;
};

void read_field(ErrorFields& fields, std::string_view key, std::string_view value) {
    Unpacker in(value);
    if (key == "code") {
        fields.code = code_named(in.take_string().value_or(""));
    } else if (key == "message") {
        fields.message = in.take_string();
    } else if (key == "by") {
        fields.by = by_named(in.take_string().value_or("")).value_or(By::handler);
    } else if (key == "ran") {
        fields.ran = ran_named(in.take_string().value_or("")).value_or(Ran::unsaid);
    } else if (key == "retry_after") {
        const auto ms = in.take_unsigned();
        if (ms && *ms <= std::uint64_t{longest_retry_after.count()}) fields.retry_after = milliseconds{*ms};
    } else if (key == "data") {
        fields.data = value;
    }
}

/// False when `object` is not one whole map.
bool read_fields(ErrorFields& fields, std::string_view object) {
    Unpacker in(object);
    const auto pairs = in.take_map();
    if (!pairs) return false;
    for (std::uint32_t i = 0; i < *pairs; ++i) {
        const auto key = in.take_value();
        const auto value = in.take_value();
        if (!key || !value) return false;
        if (const auto name = Unpacker(*key).take_string()) read_field(fields, *name, *value);
    }
    return in.at_end();
}

}  // namespace

bool RequestOptions::empty() const noexcept { return count(*this) == 0; }

void append_options(std::string& out, const RequestOptions& options) {
    Packer packer(out);
    packer.map(count(options));
    if (options.timeout_ms) packer.string("timeout").fixed_u32(*options.timeout_ms);
    if (options.idempotent) packer.string("idempotent").boolean(*options.idempotent);
    if (options.stream) packer.string("stream").unsigned_integer(*options.stream);
    if (!options.trace.empty()) packer.string("trace").string(options.trace);
    if (!options.meta.empty()) packer.string("meta").raw(options.meta);
    if (options.key) packer.string("key").string(*options.key);
    if (!options.worker.empty()) packer.string("worker").string(options.worker);
    if (options.timing) packer.string("timing").boolean(true);
}

void append_request(std::string& out, std::uint32_t msgid, std::string_view method, std::string_view params,
                    const RequestOptions& options) {
    append_head(out, options.empty() ? 4 : 5, MessageType::request, msgid);
    append_call(out, method, params, options);
}

void append_notification(std::string& out, std::string_view method, std::string_view params,
                         const RequestOptions& options) {
    Packer(out).array(options.empty() ? 3 : 4).unsigned_integer(static_cast<unsigned>(MessageType::notification));
    append_call(out, method, params, options);
}

void append_result(std::string& out, std::uint32_t msgid, std::string_view result) {
    append_head(out, 4, MessageType::response, msgid);
    Packer(out).nil().raw(result);
}

void append_error(std::string& out, std::optional<std::uint32_t> msgid, const Error& error) {
    if (msgid) {
        append_head(out, 4, MessageType::response, *msgid);
    } else {
        Packer(out).array(4).unsigned_integer(static_cast<unsigned>(MessageType::response)).nil();
    }
    append_error_object(out, error);
    Packer(out).nil();
}

void append_stream_item(std::string& out, std::uint32_t msgid, std::string_view item) {
    append_head(out, 3, MessageType::stream_item, msgid);
    Packer(out).raw(item);
}

void append_with_tail(std::string& out, MessageType type, std::uint32_t msgid, unsigned elements,
                      std::string_view tail) {
    if (type == MessageType::notification) {
        Packer(out).array(elements).unsigned_integer(static_cast<unsigned>(type));
    } else {
        append_head(out, elements, type, msgid);
    }
    out.append(tail);
}

void overwrite_u32(char* at, std::uint32_t value) noexcept { write_u32(at, value); }

void append_error_object(std::string& out, const Error& error) {
    const bool says_by = error.by() != By::handler;
    const bool says_ran = error.ran() != Ran::unsaid;
    const bool has_data = !error.data().empty();
    Packer packer(out);
    packer.map(std::size_t{2} + says_by + says_ran + error.retry_after().has_value() + has_data);
    packer.string("code").string(name_of(error.code()));
    packer.string("message").string(error.message());
    if (says_by) packer.string("by").string(name_of(error.by()));
    if (says_ran) packer.string("ran").string(name_of(error.ran()));
    if (const auto pause = error.retry_after()) {
        const auto ms = std::max(pause->count(), milliseconds::rep{0});
        packer.string("retry_after").unsigned_integer(static_cast<std::uint64_t>(ms));
    }
    if (has_data) packer.string("data").raw(error.data());
}

std::optional<Error> read_error_object(std::string_view object) {
    ErrorFields fields;
    if (!read_fields(fields, object) || !fields.code || !fields.message) return std::nullopt;
    Error error(*fields.code, std::string(*fields.message), fields.by, fields.ran);
    if (fields.retry_after) error.set_retry_after(*fields.retry_after);
    if (!fields.data.empty()) error.set_data(std::string(fields.data));
    return error;
}

}  // namespace rpcbroker
