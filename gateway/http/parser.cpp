// The only source that includes Boost.Beast.
#include "gateway/http/parser.hpp"

#include <sstream>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace rpcbroker::http {

namespace beast = boost::beast::http;

struct Parser::State {
    beast::request_parser<beast::string_body> parser;
};

namespace {

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

template <class Body>
void set_head(beast::response<Body>& message, const Response& response, bool keep_alive) {
    message.result(response.status);
    message.version(11);
    message.keep_alive(keep_alive);
    if (!response.type.empty()) message.set(beast::field::content_type, response.type);
    for (const auto& [name, value] : response.fields) message.insert(name, value);
}

}  // namespace

Parser::Parser(MessageLimits limits) : limits_(limits) { reset(); }
Parser::~Parser() = default;

void Parser::reset() {
    state_ = std::make_unique<State>();
    state_->parser.header_limit(static_cast<std::uint32_t>(limits_.header));
    state_->parser.body_limit(limits_.body);
    state_->parser.eager(true);
    begun_ = continued_ = false;
}

Parser::Is Parser::read(std::string_view bytes) {
    auto& parser = state_->parser;
    boost::system::error_code error;
    taken_ = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
    begun_ = begun_ || !bytes.empty();
    if (error == beast::error::header_limit) return Is::header_too_large;
    if (error == beast::error::body_limit) return Is::body_too_large;
    if (error && error != beast::error::need_more) return Is::malformed;
    if (parser.is_done()) return Is::whole;
    if (!parser.is_header_done() || continued_) return Is::cut_off;
    continued_ = true;
    return same_name(view(parser.get()[beast::field::expect]), "100-continue") ? Is::wants_continue : Is::cut_off;
}

Request Parser::take() {
    auto message = state_->parser.release();
    Request request;
    const auto target = view(message.target());
    const auto mark = std::min(target.find('?'), target.size());
    request.method = view(message.method_string());
    request.path = decoded(target.substr(0, mark), false);
    request.query = target.substr(std::min(mark + 1, target.size()));
    for (const auto& field : message) request.fields.emplace_back(view(field.name_string()), view(field.value()));
    request.keep_alive = message.keep_alive();
    request.chunks = message.version() >= 11;
    request.body = std::move(message.body());
    reset();
    return request;
}

std::string to_wire(const Response& response, bool keep_alive, bool head_only) {
    beast::response<beast::string_body> message;
    set_head(message, response, keep_alive);
    message.body() = response.body;
    message.prepare_payload();
    if (response.status == 204) message.erase(beast::field::content_length);
    if (head_only) message.body().clear();
    std::ostringstream out;
    out << message;
    return std::move(out).str();
}

std::string head_to_wire(const Response& response, bool chunks) {
    beast::response<beast::empty_body> message;
    set_head(message, response, chunks);
    if (chunks) message.chunked(true);
    std::ostringstream out;
    out << message.base();
    return std::move(out).str();
}

std::string chunk_to_wire(std::string_view piece) {
    std::ostringstream size;
    size << std::hex << piece.size();
    return size.str() + "\r\n" + std::string{piece} + "\r\n";
}

std::string_view last_chunk() noexcept { return "0\r\n\r\n"; }

}  // namespace rpcbroker::http
