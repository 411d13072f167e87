// Any bytes as a body: what is read lies within it, and means the same when it is passed on.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>

#include <rpcbroker/pack.hpp>

#include "common/message.hpp"

using namespace rpcbroker;

namespace {

/// Not assert: it must hold in every build type.
void require(bool holds) {
    if (!holds) std::abort();
}

bool within(std::string_view part, std::string_view whole) {
    if (part.empty()) return true;
    const std::less_equal<const char*> not_after;
    return not_after(whole.data(), part.data()) && not_after(part.data() + part.size(), whole.data() + whole.size());
}

void require_value(std::string_view value) {
    if (!value.empty()) require(Unpacker(value).take_value() == value);
}

void check_views(const MessageView& message, std::string_view body) {
    require(within(message.bytes, body) && within(message.tail, message.bytes));
    require(message.tail.data() + message.tail.size() == message.bytes.data() + message.bytes.size());
    for (const auto part :
         {message.method, message.params, message.options_map, message.error, message.result, message.timing}) {
        require(within(part, message.tail));
    }
    for (const auto value :
         {message.bytes, message.params, message.options_map, message.error, message.result, message.timing}) {
        require_value(value);
    }
    for (const auto& option : {message.options.trace, message.options.meta, message.options.key, message.options.worker,
                               message.options.caller}) {
        require(!option || within(*option, message.options_map));
    }
    const bool is_call = message.type == MessageType::request || message.type == MessageType::notification;
    require(message.method.empty() != is_call);
    require(!is_call || is_method_name(message.method));
}

/// What a hop rewrites in place must be what was read.
void check_places(const MessageView& message) {
    const auto u32_at = [](std::string_view bytes, std::size_t at) {
        require(at >= 1 && at + 4 <= bytes.size());
        return Unpacker(bytes.substr(at - 1, 5)).take_unsigned();
    };
    if (message.msgid_at != 0) require(u32_at(message.bytes, message.msgid_at) == message.msgid);
    const auto& options = message.options;
    if (options.timeout_at != 0) require(u32_at(message.tail, options.timeout_at) == options.timeout_ms);
}

/// The short cut for the usual form makes nothing else of it. `body` begins with the message.
void check_general(const MessageView& message, std::string_view body) {
    BodyReader reader(body);
    MessageView again;
    require(reader.next_general(again) == BodyReader::Step::message && again == message);
}

void check_passed_on(const MessageView& message) {
    std::string copy;
    append_with_tail(copy, message.type, message.msgid, message.elements, message.tail);
    BodyReader reader(copy);
    MessageView again;
    require(reader.next(again) == BodyReader::Step::message && reader.alone(again));
    require(again.type == message.type && again.msgid == message.msgid && again.elements == message.elements);
    require(again.method == message.method && again.params == message.params && again.tail == message.tail);
    require(again.error == message.error && again.result == message.result && again.timing == message.timing);
    require(again.options_map == message.options_map && again.bad_option == message.bad_option);
    require(again.options.timeout_ms == message.options.timeout_ms &&
            again.options.timeout_at == message.options.timeout_at);
    require(again.options.key == message.options.key && again.options.meta == message.options.meta);
}

void check_error(std::string_view object) {
    const auto error = read_error_object(object);
    if (!error) return;
    std::string copy;
    append_error_object(copy, *error);
    const auto again = read_error_object(copy);
    require(again && again->code() == error->code() && again->message() == error->message());
    require(again->by() == error->by() && again->ran() == error->ran() && again->data() == error->data());
    require(again->retry_after() == error->retry_after());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view body(reinterpret_cast<const char*>(data), size);
    BodyReader reader(body);
    MessageView message;
    std::size_t read = 0;
    auto step = reader.next(message);
    for (; step == BodyReader::Step::message; step = reader.next(message)) {
        check_general(message, body.substr(read));
        read += message.bytes.size();
        check_views(message, body);
        check_places(message);
        check_passed_on(message);
        check_error(message.error);
    }
    require(step == BodyReader::Step::malformed ? reader.problem() != nullptr : read == size);
    return 0;
}
