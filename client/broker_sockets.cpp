#include "client/broker_sockets.hpp"

namespace rpcbroker::detail {

namespace {

/// Bodies from one broker in a turn; callers whose results have come are not kept waiting for more than these.
constexpr int bodies_a_turn = 64;

}  // namespace

BrokerSockets::BrokerSockets(const transport::Context& context, const ClientOptions& options) {
    if (options.brokers.empty())
        throw Error{Code::invalid_argument, "a client needs the endpoint of a broker", By::client, Ran::no};
    transport::DealerOptions dealer_options;
    dealer_options.max_message = options.max_message;
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
    for (BrokerIndex broker = 0; broker < dealers_.size(); ++broker) {
        // What came before a connection closed is read before that is told.
        if (receive_bodies(broker, session, now))
            receive_events(broker, session, now);
        else
            all = false;
    }
    return all;
}

bool BrokerSockets::receive_bodies(BrokerIndex broker, ClientSession& session, TimePoint now) {
    for (int i = 0; i < bodies_a_turn; ++i) {
        switch (dealers_[broker]->receive(incoming_)) {
        case transport::Received::body: session.on_body(broker, incoming_.body.bytes(), now); break;
        case transport::Received::nothing: return true;
        case transport::Received::bad_frames:
        case transport::Received::unauthenticated:
        case transport::Received::nameless: session.on_bad_frames(broker, now); break;
        }
    }
    return false;
}

void BrokerSockets::receive_events(BrokerIndex broker, ClientSession& session, TimePoint now) {
    using What = transport::ConnectionEvent::What;
    transport::ConnectionEvent event;
    while (dealers_[broker]->next_event(event)) {
        switch (event.what) {
        case What::connected: session.on_connected(broker, now); break;
        case What::closed: session.on_closed(broker, event.detail, now); break;
        case What::refused: session.on_refused(broker, event.detail, now); break;
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
