// The only source that includes Boost.Beast.
#include "gateway/http/parser.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>

namespace rpcbroker::http {

namespace beast = boost::beast::http;

struct Parser::State {
    std::optional<beast::request_parser<beast::string_body>> parser;
};

namespace {

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
}

Request without_body(const beast::request<beast::string_body>& message) {
    Request request;
    const auto target = view(message.target());
    const auto mark = std::min(target.find('?'), target.size());
    request.method = view(message.method_string());
    request.path = decoded(target.substr(0, mark), false);
    request.query = target.substr(std::min(mark + 1, target.size()));
    for (const auto& field : message) request.fields.emplace_back(view(field.name_string()), view(field.value()));
    request.keep_alive = message.keep_alive();
    request.chunks = message.version() >= 11;
    return request;
}

/// Beast's own way by streams takes longer than reading the request did.
std::string head_of(const Response& response, bool keep_alive, std::size_t room) {
    std::string out;
    out.reserve(256 + room);
    out.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
    out.append(view(beast::obsolete_reason(beast::int_to_status(response.status)))).append("\r\n");
    if (!keep_alive) append_field(out, "Connection", "close");
    if (!response.type.empty()) append_field(out, "Content-Type", response.type);
    for (const auto& [name, value] : response.fields) append_field(out, name, value);
    return out;
}

}  // namespace

Parser::Parser(MessageLimits limits) : limits_(limits), state_(std::make_unique<State>()) { reset(); }
Parser::~Parser() = default;

void Parser::reset() {
    auto& parser = state_->parser.emplace();
    parser.header_limit(static_cast<std::uint32_t>(limits_.header));
    parser.body_limit(limits_.body);
    parser.eager(true);
    begun_ = head_told_ = false;
}

Parser::Is Parser::read(std::string_view bytes) {
    auto& parser = *state_->parser;
    boost::system::error_code error;
    taken_ = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
    begun_ = begun_ || !bytes.empty();
    if (error == beast::error::header_limit) return Is::header_too_large;
    if (error == beast::error::body_limit) return Is::body_too_large;
    if (error && error != beast::error::need_more) return Is::malformed;
    if (parser.is_done()) return Is::whole;
    if (!parser.is_header_done() || std::exchange(head_told_, true)) return Is::cut_off;
    return Is::head;
}

Request Parser::head() const { return without_body(state_->parser->get()); }

bool Parser::waits_to_go_on() const {
    return same_name(view(state_->parser->get()[beast::field::expect]), "100-continue");
}

Request Parser::take() {
    auto message = state_->parser->release();
    auto request = without_body(message);
    request.body = std::move(message.body());
    reset();
    return request;
}

std::string to_wire(const Response& response, bool keep_alive, bool head_only) {
    auto out = head_of(response, keep_alive, head_only ? 0 : response.body.size());
    if (response.status != 204) append_field(out, "Content-Length", std::to_string(response.body.size()));
    out += "\r\n";
    if (!head_only) out += response.body;
    return out;
}

std::string head_to_wire(const Response& response, bool chunks) {
    auto out = head_of(response, chunks, 0);
    if (chunks) append_field(out, "Transfer-Encoding", "chunked");
    return out += "\r\n";
}

std::string chunk_to_wire(std::string_view piece) {
    std::array<char, 2 * sizeof(std::size_t)> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), piece.size(), 16).ptr;
    std::string out;
    out.reserve(piece.size() + digits.size() + 4);
    out.append(digits.data(), end).append("\r\n").append(piece).append("\r\n");
    return out;
}

std::string_view last_chunk() noexcept { return "0\r\n\r\n"; }

}  // namespace rpcbroker::http
