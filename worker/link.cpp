#include "worker/link.hpp"

#include <utility>

namespace rpcbroker {
namespace {

using namespace std::chrono_literals;

// Bodies taken in before what is ready is sent.
constexpr int bodies_a_turn = 64;
// For what is said last.
constexpr Duration flush_patience = 1s;

/// Whatever limit the broker has, it keeps it: a worker that had a smaller one would lose its connection.
transport::DealerOptions dealer_options(const std::optional<PeerKeys>& keys) {
    transport::DealerOptions options;
    options.max_message = std::size_t{1} << 40;
    options.keys = keys;
    return options;
}

}  // namespace

Link::Link(const transport::Context& context, const Endpoint& endpoint, const std::optional<PeerKeys>& keys,
           SessionOptions options, TimePoint now)
    : endpoint_(endpoint.text()), dealer_(context, dealer_options(keys)), session_(std::move(options), now) {
    dealer_.connect(endpoint).value();
}

void Link::receive(Bodies bodies, TimePoint now) {
    // Events first: the session has to know of a new connection before it hears from it.
    transport::ConnectionEvent event;
    while (dealer_.may_have_events() && dealer_.next_event(event)) on_event(event, now);
    const int most = bodies == Bodies::one ? 1 : bodies_a_turn;
    for (int i = 0; i < most && dealer_.may_have_bodies(); ++i) {
        const auto received = dealer_.receive(incoming_);
        if (received == transport::Received::nothing) break;
        if (received == transport::Received::body) session_.on_body(std::move(incoming_.body), now);
    }
}

void Link::on_event(transport::ConnectionEvent& event, TimePoint now) {
    using What = transport::ConnectionEvent::What;
    switch (event.what) {
    case What::connected: return session_.on_connected(now);
    case What::closed: return session_.on_closed(now);
    case What::refused: refusal_ = std::move(event.detail); return;
    }
}

void Link::flush() {
    blocked_ = false;
    Outbox& outbox = session_.outbox();
    while (Outgoing* body = outbox.front(WorkerSession::broker)) {
        const auto sent = body->large.empty() ? dealer_.send(std::string_view{body->bytes}) : dealer_.send(body->large);
        if (sent == transport::Sent::would_block) {
            blocked_ = true;
            return;
        }
        outbox.pop_front(WorkerSession::broker);
    }
}

bool Link::finished(TimePoint now) {
    if (!session_.finished()) return false;
    if (!finished_at_) finished_at_ = now;
    return session_.outbox().waiting_bytes() == 0 || now - *finished_at_ >= flush_patience;
}

std::optional<std::string> Link::next_refusal() { return std::exchange(refusal_, std::nullopt); }

}  // namespace rpcbroker
