#include "gateway/http/stream_reply.hpp"

#include <utility>

#include "client/json_msgpack.hpp"
#include "gateway/error_json.hpp"
#include "gateway/http/reply.hpp"

namespace rpcbroker::http {

namespace {

std::string written(StreamForm form, std::string_view what, const std::string& json) {
    if (form == StreamForm::lines) return "{\"" + std::string{what} + "\":" + json + "}\n";
    const auto event = what == "item" ? std::string{} : "event: " + std::string{what} + "\n";
    return event + "data: " + json + "\n\n";
}

}  // namespace

std::optional<StreamForm> wanted_form(const Request& request) {
    const auto stream = request.parameter("stream");
    const auto accept = request.field("accept");
    const auto accepts = [&](std::string_view type) { return accept.find(type) != std::string_view::npos; };
    if (stream == "events" || (stream.empty() && accepts("text/event-stream"))) return StreamForm::events;
    if (stream == "lines" || (stream.empty() && accepts("application/x-ndjson"))) return StreamForm::lines;
    return std::nullopt;
}

StreamReply::StreamReply(StreamForm form, std::shared_ptr<Pieces> pieces, Respond respond)
    : form_(form), pieces_(std::move(pieces)), respond_(std::move(respond)) {}

void StreamReply::begin() {
    if (std::exchange(begun_, true)) return;
    const auto* const type = form_ == StreamForm::events ? "text/event-stream" : "application/x-ndjson";
    pieces_->begin({.type = type, .body = {}, .fields = {{"Cache-Control", "no-store"}}});
}

bool StreamReply::item(std::string_view packed) {
    if (!pieces_->ready()) return false;
    begin();
    pieces_->send(written(form_, "item", msgpack_to_json(packed)));
    return true;
}

void StreamReply::end(const Result<RawReply>& reply) {
    const auto what = reply ? written(form_, "result", msgpack_to_json(reply->result))
                            : written(form_, "error", error_json(reply.error()));
    if (begun_) {
        pieces_->send(what);
        return pieces_->end();
    }
    if (!reply) return respond_(failure(reply.error()));
    const auto* const type = form_ == StreamForm::events ? "text/event-stream" : "application/x-ndjson";
    respond_({.type = type, .body = what});
}

}  // namespace rpcbroker::http
