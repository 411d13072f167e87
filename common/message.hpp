// A message of the protocol: read in place from a body, written by appending, its msgid rewritten on the way.
//
// Layouts and rules: docs/PROTOCOL.md, "Messages". Nothing here allocates but where a string grows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <rpcbroker/error.hpp>

namespace rpcbroker {

enum class MessageType : std::uint8_t { request = 0, response = 1, notification = 2, stream_item = 3 };

/// The options of a request or notification, as views into its bytes. Keys that are missing have no value.
struct OptionsView {
    std::optional<std::uint64_t> timeout_ms;
    std::optional<bool> idempotent;
    std::optional<std::uint64_t> stream;
    std::optional<std::string_view> trace;
    std::optional<std::string_view> meta;  ///< the map of str to str as MessagePack, checked
    std::optional<std::string_view> key;
    std::optional<std::string_view> worker;
    std::optional<std::string_view> caller;  ///< written by the broker only; from a client it is to be removed
    bool timing = false;
    /// Where the four bytes of a five-byte `timeout` stand, counted from the start of `tail`; 0: not in that form.
    std::uint32_t timeout_at = 0;

    bool operator==(const OptionsView&) const = default;
};

/// Bytes before the tail of a request or response in the form that this project writes: the array's head, the type, and a
/// msgid of five bytes.
inline constexpr std::size_t usual_head_size = 7;
inline constexpr std::uint32_t usual_msgid_at = 3;

/// One message, as views into the body that it was read from.
struct MessageView {
    MessageType type = MessageType::request;
    std::uint32_t msgid = 0;       ///< not of a notification
    std::string_view method;       ///< of a request or notification
    std::string_view params;       ///< the array, as MessagePack
    std::string_view options_map;  ///< as MessagePack; empty when missing
    OptionsView options;
    /// A request or notification whose options hold a known key with a value of the wrong type (or twice): what is
    /// wrong, to be answered INVALID_ARGUMENT. The messages after it are not affected. Null when all is well.
    const char* bad_option = nullptr;
    std::string_view error;   ///< of a response: nil or the error, as MessagePack
    std::string_view result;  ///< of a response or a stream item, as MessagePack
    std::string_view timing;  ///< of a response: the map, as MessagePack; empty when missing
    /// Everything after type and msgid, to the end of the message: what every hop passes on untouched.
    std::string_view tail;
    std::string_view bytes;  ///< the whole message
    /// Where the four bytes of a five-byte msgid stand in `bytes`; 0 when it has another width.
    std::uint32_t msgid_at = 0;
    std::uint8_t elements = 0;  ///< of the message's array

    bool operator==(const MessageView&) const = default;
    /// The service of `method`: what stands before its last dot.
    [[nodiscard]] std::string_view service() const noexcept { return method.substr(0, method.rfind('.')); }
};

/// Reads the messages of a body one after the other, up to the first malformed one. What a view holds is well-formed
/// MessagePack; of the 64 levels that values may be nested, the message's own array is the first.
class BodyReader {
public:
    enum class Step : std::uint8_t { message, end, malformed };

    /// `body` must outlive the reader and the views that it fills in. An empty body is malformed.
    explicit BodyReader(std::string_view body) noexcept : body_(body), rest_(body) {}

    /// Reads the next message into `message`. After `malformed`, `problem()` says what is wrong, and
    /// `problem_msgid()` holds the msgid if it could be read; there is nothing to read after it.
    Step next(MessageView& message) noexcept;
    /// The same, without the short cut for messages in the form in which this project writes them.
    Step next_general(MessageView& message) noexcept;

    [[nodiscard]] const char* problem() const noexcept { return problem_; }
    [[nodiscard]] std::optional<std::uint32_t> problem_msgid() const noexcept { return problem_msgid_; }
    /// Whether the message just read is all that the body holds.
    [[nodiscard]] bool alone(const MessageView& message) const noexcept { return message.bytes.size() == body_.size(); }

private:
    Step malformed(const char* problem) noexcept;
    std::string_view body_;
    std::string_view rest_;
    const char* problem_ = nullptr;
    std::optional<std::uint32_t> problem_msgid_;
};

/// Whether `method` may be called: 3 to 255 bytes of UTF-8, no control characters, a service and a name parted by the
/// last dot, neither of them empty.
bool is_method_name(std::string_view method) noexcept;

/// What a request is written with. Empty and missing values are left out.
struct RequestOptions {
    std::optional<std::uint32_t>
        timeout_ms{};  ///< written first and in five-byte form, so that hops rewrite it in place
    std::optional<bool> idempotent{};
    std::optional<std::uint32_t> stream{};
    std::string_view trace{};
    std::string_view meta{};  ///< a map of str to str, as MessagePack; empty: none
    std::optional<std::string_view> key{};
    std::string_view worker{};
    bool timing = false;

    [[nodiscard]] bool empty() const noexcept;
};

/// Append one message each. msgids are written in five-byte form. `params`, `result`, … are complete MessagePack values.
void append_request(std::string& out, std::uint32_t msgid, std::string_view method, std::string_view params,
                    const RequestOptions& options = {});
void append_notification(std::string& out, std::string_view method, std::string_view params,
                         const RequestOptions& options = {});
/// The map alone that both end with.
void append_options(std::string& out, const RequestOptions& options);
void append_result(std::string& out, std::uint32_t msgid, std::string_view result);
/// `msgid` is nothing when the request's could not be read: it is written as nil.
void append_error(std::string& out, std::optional<std::uint32_t> msgid, const Error& error);
void append_stream_item(std::string& out, std::uint32_t msgid, std::string_view item);

/// Appends a message with the `tail` of another: type, msgid and the number of elements (3 to 5) are new, the tail is
/// copied. Turns a notification into a request, too. A notification is written without the msgid.
void append_with_tail(std::string& out, MessageType type, std::uint32_t msgid, unsigned elements,
                      std::string_view tail);
/// Writes a msgid, or the four bytes of a five-byte timeout, over the one that stands at `at`.
void overwrite_u32(char* at, std::uint32_t value) noexcept;

/// One error object, as MessagePack.
void append_error_object(std::string& out, const Error& error);
/// The error that an error object says, or nothing if `object` is not one (no map, no canonical code, no message).
/// Unknown keys are passed over, and so are `by`, `ran` and `retry_after` where they make no sense.
std::optional<Error> read_error_object(std::string_view object);

}  // namespace rpcbroker
