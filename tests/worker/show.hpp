// MessagePack and messages as text, so that a test compares what it can read:
//     request 1 rpc.register [{"protocol": 1}]      response 7 nil 3      response 7 CANCELLED(worker, no) nil
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <rpcbroker/pack.hpp>

#include "common/message.hpp"

namespace rpcbroker::test {

inline std::string show(Unpacker& in);

inline std::string show_items(Unpacker& in, std::uint32_t count, bool with_values) {
    std::string text;
    for (std::uint32_t i = 0; i < count; ++i) {
        text += (i > 0 ? ", " : "") + show(in);
        if (with_values) text += ": " + show(in);
    }
    return text;
}

inline std::string show(Unpacker& in) {
    switch (in.peek()) {
    case Kind::nil: return in.take_nil(), "nil";
    case Kind::boolean: return *in.take_boolean() ? "true" : "false";
    case Kind::integer: return std::to_string(*in.take_integer());
    case Kind::string: return "\"" + std::string{*in.take_string()} + "\"";
    case Kind::array: return "[" + show_items(in, *in.take_array(), false) + "]";
    case Kind::map: return "{" + show_items(in, *in.take_map(), true) + "}";
    default:
        return "(" + std::string{name_of(in.peek())} + " of " + std::to_string(in.take_value()->size()) + " bytes)";
    }
}

inline std::string show_packed(std::string_view packed) {
    Unpacker in{packed};
    return show(in);
}

inline std::string show_error(std::string_view packed) {
    const auto error = read_error_object(packed);
    if (!error) return show_packed(packed);
    const auto origin = error->by() == By::handler
                            ? ""
                            : "(" + std::string{name_of(error->by())} + ", " + std::string{name_of(error->ran())} + ")";
    return std::string{name_of(error->code())} + origin;
}

inline std::string show_message(const MessageView& message) {
    const auto id = std::to_string(message.msgid);
    switch (message.type) {
    case MessageType::request:
        return "request " + id + " " + std::string{message.method} + " " + show_packed(message.params);
    case MessageType::notification: return std::string{message.method} + " " + show_packed(message.params);
    case MessageType::response:
        return "response " + id + " " + show_error(message.error) + " " + show_packed(message.result);
    default: return "item " + id + " " + show_packed(message.result);
    }
}

/// One text a message.
inline std::vector<std::string> show_body(std::string_view body) {
    std::vector<std::string> texts;
    BodyReader reader{body};
    MessageView message;
    auto step = reader.next(message);
    for (; step == BodyReader::Step::message; step = reader.next(message)) texts.push_back(show_message(message));
    if (step == BodyReader::Step::malformed) texts.push_back("malformed");
    return texts;
}

}  // namespace rpcbroker::test
