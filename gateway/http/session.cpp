#include "gateway/http/session.hpp"

#include <utility>

#include "gateway/http/reply.hpp"

namespace rpcbroker::http {

/// The response of one exchange, in pieces.
class HttpSession::Stream final : public Pieces {
public:
    Stream(HttpSession& session, std::uint64_t number, bool chunks, Fields fields)
        : session_(session), number_(number), chunks_(chunks), fields_(std::move(fields)) {}

    [[nodiscard]] bool ready() const override {
        return session_.waiting_.front().number == number_ && !session_.link_.is_full();
    }
    void begin(Response head) override {
        head.fields.insert(head.fields.end(), fields_.begin(), fields_.end());
        session_.link_.send(head_to_wire(head, chunks_));
    }
    void send(std::string_view piece) override {
        session_.link_.send(chunks_ ? chunk_to_wire(piece) : std::string{piece});
    }
    void end() override {
        session_.waiting_.front().keep_alive &= chunks_;
        session_.answer(number_, std::string{chunks_ ? last_chunk() : ""});
    }

private:
    HttpSession& session_;
    std::uint64_t number_;
    bool chunks_;
    Fields fields_;
};

HttpSession::HttpSession(Link& link, Calls& calls, Catalog& catalog, const MethodFilter& filter, const Guard& guard,
                         const RouteSettings& routes, const Figures& figures, MessageLimits limits)
    : link_(link), guard_(guard), parser_(limits), routes_(calls, catalog, filter, routes, figures) {}

void HttpSession::receive(std::string_view bytes) {
    if (over_) return;
    if (unread_.empty()) {
        unread_ = bytes.substr(take_requests(bytes));
    } else {
        unread_ += bytes;
        unread_.erase(0, take_requests(unread_));
    }
    if (over_) unread_ = {};
}

/// How many bytes are done with.
std::size_t HttpSession::take_requests(std::string_view bytes) {
    using Is = Parser::Is;
    std::size_t taken = 0;
    while (!over_ && taken < bytes.size()) {
        const auto is = parser_.read(bytes.substr(taken));
        taken += parser_.taken();
        switch (is) {
        case Is::whole: take(parser_.take()); break;
        case Is::cut_off: return taken;
        case Is::head: take_head(); break;
        case Is::malformed: refuse(failure(400, Code::invalid_argument, "this is no HTTP/1.1")); break;
        case Is::header_too_large: refuse(failure(431, Code::resource_exhausted, "the head is too large")); break;
        case Is::body_too_large: refuse(failure(413, Code::resource_exhausted, "the body is too large")); break;
        }
    }
    return taken;
}

/// Who may not ask has no body kept for him.
void HttpSession::take_head() {
    const auto head = parser_.head();
    if (auto refused = guard_.check(head)) {
        guard_.add_cors(head, *refused);
        return refuse(*refused);
    }
    if (parser_.waits_to_go_on()) link_.send("HTTP/1.1 100 Continue\r\n\r\n");
}

void HttpSession::take(Request request) {
    const auto number = next_number_++;
    waiting_.push_back({number, request.keep_alive});
    over_ = !request.keep_alive;
    const bool is_head = request.method == "HEAD";
    const auto keep_alive = request.keep_alive;
    Response cors;
    guard_.add_cors(request, cors);
    const auto pieces = std::make_shared<Stream>(*this, number, request.chunks, cors.fields);
    const auto respond = [this, number, is_head, keep_alive, fields = std::move(cors.fields)](Response response) {
        response.fields.insert(response.fields.end(), fields.begin(), fields.end());
        answer(number, to_wire(response, keep_alive, is_head));
    };
    if (auto refused = guard_.check(request)) return respond(std::move(*refused));
    routes_.handle(request, respond, pieces);
}

/// What follows makes no sense.
void HttpSession::refuse(const Response& response) {
    over_ = true;
    waiting_.push_back({next_number_, false, to_wire(response, false)});
    held_ += waiting_.back().response->size();
    send_ready();
}

bool HttpSession::refuse_message() {
    if (!waiting_.empty() || !parser_.within()) return false;
    auto response = failure(503, Code::resource_exhausted, "the gateway holds too much for its clients: try it later");
    response.fields.emplace_back("Retry-After", "1");
    refuse(response);
    return true;
}

void HttpSession::answer(std::uint64_t number, std::string response) {
    if (waiting_.empty()) return;
    held_ += response.size();
    waiting_[number - waiting_.front().number].response = std::move(response);
    send_ready();
}

void HttpSession::send_ready() {
    while (!waiting_.empty() && waiting_.front().response) {
        const auto exchange = std::move(waiting_.front());
        waiting_.pop_front();
        held_ -= exchange.response->size();
        link_.send(*exchange.response);
        if (!exchange.keep_alive) return link_.finish();
    }
}

}  // namespace rpcbroker::http
