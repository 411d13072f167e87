#include "gateway/go_session.hpp"

#include <utility>

#include "gateway/arguments.hpp"
#include "gateway/go_errors.hpp"

namespace rpcbroker {

namespace {

/// net/rpc's Response, as it is described to the client.
const gob::Shape& response_shape() {
    using enum gob::ShapeKind;
    static const gob::Shape shape{
        structure, {{string}, {unsigned_integer}, {string}}, {"ServiceMethod", "Seq", "Error"}};
    return shape;
}

const gob::Shape empty_struct{gob::ShapeKind::nothing};
constexpr std::string_view packed_nil = "\xc0";

struct RequestHead {
    std::string method;
    std::uint64_t sequence = 0;
};

std::optional<RequestHead> read_head(std::string_view packed) {
    Unpacker in{packed};
    const auto size = in.take_map();
    std::optional<RequestHead> head;
    for (std::uint32_t i = 0; i < size.value_or(0); ++i) {
        const auto name = in.take_string();
        const auto text = name == "ServiceMethod" ? in.take_string() : std::nullopt;
        const auto number = name == "Seq" ? in.take_unsigned() : std::nullopt;
        if (!text && !number) in.skip_value();
        if (text || number) head = head.value_or(RequestHead{});
        if (text) head->method = *text;
        if (number) head->sequence = *number;
    }
    return head;
}

}  // namespace

GoSession::GoSession(Link& link, Calls& calls, Catalog& catalog, const MethodFilter& filter, MessageLimits limits)
    : link_(link), filter_(filter), limits_(limits), decoder_(limits.body), lane_(calls, catalog) {}

void GoSession::receive(std::string_view bytes) {
    if (over_) return;
    if (unread_.empty()) {
        const auto taken = take_messages(bytes);
        if (!over_) unread_.assign(bytes.substr(taken));
    } else {
        unread_ += bytes;
        const auto taken = take_messages(unread_);
        unread_.erase(0, taken);
    }
}

std::size_t GoSession::take_messages(std::string_view bytes) {
    std::size_t taken = 0;
    while (!over_) {
        const auto frame = gob::first_frame(bytes.substr(taken), limits_.body);
        if (frame.is == gob::Frame::Is::cut_off) break;
        if (frame.is != gob::Frame::Is::whole) {
            give_up();
            break;
        }
        take_message(frame.message);
        taken += frame.size;
    }
    return taken;
}

void GoSession::take_message(std::string_view message) {
    auto value = decoder_.message(message);
    if (value && !*value) return;  // it described a type
    if (!method_.empty()) return take_argument(std::move(value));
    if (!value) return give_up();
    take_request(**value);
}

/// Without a method or a number nobody could be answered. Go's clients leave the first one's number out: it is zero.
void GoSession::take_request(std::string_view packed) {
    auto head = read_head(packed);
    if (!head || head->method.empty()) return give_up();
    method_ = std::move(head->method);
    sequence_ = head->sequence;
}

void GoSession::take_argument(Result<std::optional<std::string>> argument) {
    const auto method = std::exchange(method_, {});
    const auto sequence = sequence_;
    if (!argument) return fail(method, sequence, argument.error().message());
    if (const auto allowed = filter_.check(method); !allowed)
        return fail(method, sequence, go_error(allowed.error(), method));
    lane_.call(
        method, CallOptions{},
        [packed = std::move(**argument)](const MethodInfo& info) { return spread_argument(packed, info); },
        [this, method, sequence](const MethodInfo& info, const Result<RawReply>& reply) {
            answer(method, sequence, info, reply);
        });
}

void GoSession::answer(const std::string& method, std::uint64_t sequence, const MethodInfo& info,
                       const Result<RawReply>& reply) {
    if (!reply) return fail(method, sequence, go_error(reply.error(), method));
    const auto shape =
        info.result.complete() ? Result<gob::Shape>{info.result} : gob::completed(info.result, reply->result);
    if (!shape) return fail(method, sequence, shape.error().what());
    std::string body;
    if (const auto written = encoder_.append(body, *shape, reply->result); !written)
        return fail(method, sequence, written.error().what(), body);
    std::string out;
    append_response(out, method, sequence, {});
    link_.send(out += body);
}

/// `types`: descriptions that the stream must have, as later values count on them.
void GoSession::fail(const std::string& method, std::uint64_t sequence, const std::string& text,
                     std::string_view types) {
    std::string out;
    append_response(out, method, sequence, text.empty() ? "unknown error" : text);
    out += types;
    (void)encoder_.append(out, empty_struct, packed_nil);
    link_.send(out);
}

void GoSession::append_response(std::string& out, std::string_view method, std::uint64_t sequence,
                                std::string_view error) {
    std::string packed;
    Packer packer{packed};
    packer.map(3).string("ServiceMethod").string(method).string("Seq").unsigned_integer(sequence);
    packer.string("Error").string(error);
    (void)encoder_.append(out, response_shape(), packed);
}

void GoSession::give_up() {
    over_ = true;
    method_.clear();
    unread_.clear();
    link_.finish();
}

}  // namespace rpcbroker
