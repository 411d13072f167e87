#include "client/broker_sockets.hpp"

#include <utility>

namespace rpcbroker::detail {

namespace {

/// Bodies from one broker in a turn; callers whose results have come are not kept waiting for more than these.
constexpr int bodies_a_turn = 64;

/// What one call left unread that ended just now need not be looked for before the next one is sent: it could as well
/// come a moment later.
constexpr std::chrono::microseconds look_again{100};

}  // namespace

BrokerSockets::BrokerSockets(const transport::Context& context, const ClientOptions& options) {
    if (options.brokers.empty())
        throw Error{Code::invalid_argument, "a client needs the endpoint of a broker", By::client, Ran::no};
    transport::DealerOptions dealer_options;
    dealer_options.max_message = options.max_message;
    dealer_options.keys = options.keys;
    for (const auto& text : options.brokers) {
        const auto endpoint = Endpoint::parse(text, Endpoint::Use::connect).value();
        dealers_.push_back(std::make_unique<transport::Dealer>(context, dealer_options));
        dealers_.back()->connect(endpoint).value();
        poller_.add(*dealers_.back());
    }
    poller_.add(wakeup_);
}

bool BrokerSockets::receive(ClientSession& session, TimePoint now) {
    bool all = true;
    if (!look(session, now)) return all;
    for (BrokerIndex broker = 0; broker < dealers_.size(); ++broker) {
        // What came before a connection closed is read before that is told.
        if (receive_bodies(broker, session, now))
            receive_events(broker, session, now);
        else
            all = false;
    }
    return all;
}

/// Makes sure that it is known which sockets have something. False: it was so a moment ago, and they were read since.
bool BrokerSockets::look(const ClientSession& session, TimePoint now) {
    const bool waited = std::exchange(waited_, false);
    if (!waited && now - looked_at_ < look_again) return false;
    // No call and no broker is given up while a word of it is there already.
    const auto due = session.next_deadline();
    if (!waited || (due && *due <= now)) poller_.wait(Duration::zero());
    looked_at_ = now;
    return true;
}

/// False: there may be more. Where no call waits for more, that is not found out, as it costs two system calls.
bool BrokerSockets::receive_bodies(BrokerIndex broker, ClientSession& session, TimePoint now) {
    auto& dealer = *dealers_[broker];
    for (int i = 0; i < bodies_a_turn && dealer.may_have_bodies(); ++i) {
        switch (dealer.receive(incoming_)) {
        case transport::Received::body: session.on_body(broker, incoming_.body.bytes(), now); break;
        case transport::Received::nothing: return true;
        case transport::Received::bad_frames:
        case transport::Received::unauthenticated:
        case transport::Received::nameless: session.on_bad_frames(broker, now); break;
        }
        if (session.in_flight(broker) == 0) break;
    }
    return !dealer.may_have_bodies();
}

void BrokerSockets::receive_events(BrokerIndex broker, ClientSession& session, TimePoint now) {
    using What = transport::ConnectionEvent::What;
    auto& dealer = *dealers_[broker];
    transport::ConnectionEvent event;
    while (dealer.may_have_events() && dealer.next_event(event)) {
        switch (event.what) {
        case What::connected: session.on_connected(broker, now); break;
        case What::closed: session.on_closed(broker, event.detail, now); break;
        case What::refused: session.on_refused(broker, event.detail, event.keys, now); break;
        }
    }
}

bool BrokerSockets::send(ClientSession& session) {
    bool all = true;
    for (BrokerIndex broker = 0; broker < dealers_.size(); ++broker) all = send_to(broker, session) && all;
    return all;
}

bool BrokerSockets::send_to(BrokerIndex broker, ClientSession& session) {
    while (Outgoing* body = session.next_outgoing(broker)) {
        auto& dealer = *dealers_[broker];
        const auto sent = body->large.empty() ? dealer.send(body->bytes) : dealer.send(body->large);
        if (sent != transport::Sent::yes) return false;
        session.on_sent(broker);
    }
    return true;
}

}  // namespace rpcbroker::detail
