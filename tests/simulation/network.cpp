#include "tests/simulation/network.hpp"

#include <algorithm>

namespace rpcbroker::simulation {
namespace {

using namespace std::chrono_literals;

}  // namespace

// ---- the side that connects

Dealer::Dealer(Network& network, Place from, Place to, bool backend, std::function<void()> wake)
    : network_(network), from_(from), to_(to), backend_(backend), wake_(std::move(wake)) {
    connect_later(0us);
}

Dealer::~Dealer() {
    *alive_ = false;
    if (connection_) network_.hang_up(connection_, true, false);
    network_.for_each_made([this](Connection& connection) {
        if (connection.dealer == this) connection.dealer = nullptr;
    });
}

void Dealer::connect_later(Duration pause) {
    network_.events_.after(pause, [this, alive = alive_] {
        if (*alive && !connection_) network_.attempt(*this);
    });
}

Dealer::Event Dealer::receive() {
    auto [event, connection] = std::move(events_.front());
    events_.pop_front();
    if (event.what == What::body) --connection->to_dealer.unread;
    return std::move(event);
}

Sent Dealer::send(Packet packet) {
    // A connection that is there, but not told of yet, takes nothing.
    const bool told = std::ranges::none_of(events_, [](const auto& e) { return e.first.what == What::connected; });
    if (!connection_ || !told) return Sent::would_block;
    return network_.send(connection_, true, std::move(packet));
}

// ---- the side that is connected to

Router::Router(Network& network, Place place, bool backend, std::function<void()> wake)
    : network_(network), place_(place), backend_(backend), wake_(std::move(wake)) {
    network_.routers_[{place, backend}] = this;
}

Router::~Router() {
    network_.routers_.erase({place_, backend_});
    const auto connections = network_.connections_;
    for (const auto& connection : connections)
        if (connection->router == this) network_.hang_up(connection, false, false);
    network_.for_each_made([this](Connection& connection) {
        if (connection.router == this) connection.router = nullptr;
    });
}

PeerId Router::name() {
    if (unused_.empty()) {
        unused_.push_back(static_cast<std::uint32_t>(generations_.size()));
        generations_.push_back(0);
    }
    const auto slot = unused_.back();
    unused_.pop_back();
    return {slot, ++generations_[slot]};
}

bool Router::receive(PeerId& peer, Packet& packet) {
    if (arrived_.empty()) return false;
    auto connection = std::move(arrived_.front().first);
    packet = std::move(arrived_.front().second);
    arrived_.pop_front();
    --connection->to_router.unread;
    if (!connection->peer) {
        connection->peer = name();
        peers_[connection->peer->slot] = connection;
    }
    peer = *connection->peer;
    return true;
}

bool Router::next_closed(PeerId& peer) {
    while (arrived_.empty() && !over_.empty()) {
        const auto connection = std::move(over_.front());
        over_.pop_front();
        if (!connection->peer) continue;  // never heard of
        peer = *connection->peer;
        peers_.erase(peer.slot);
        unused_.push_back(peer.slot);
        return true;
    }
    return false;
}

Connection* Router::find(PeerId peer) const {
    const auto found = peers_.find(peer.slot);
    return found != peers_.end() && found->second->peer == peer ? found->second.get() : nullptr;
}

std::optional<Place> Router::place_of(PeerId peer) const {
    const Connection* connection = find(peer);
    return connection ? std::optional{connection->dealer_place} : std::nullopt;
}

Sent Router::send(PeerId peer, Packet packet) {
    const Connection* connection = find(peer);
    if (!connection || std::ranges::any_of(over_, [&](const auto& c) { return c.get() == connection; }))
        return Sent::gone;
    return network_.send(peers_.at(peer.slot), false, std::move(packet));
}

void Router::disconnect(PeerId peer) {
    if (find(peer)) network_.hang_up(peers_.at(peer.slot), false, true);
}

// ---- what lies between

void Network::set_delay(Duration least, Duration jitter, std::size_t pipe) noexcept {
    least_ = least;
    jitter_ = jitter;
    pipe_ = pipe;
}

Duration Network::delay() { return slowness_ * random_.between(least_, least_ + jitter_); }

void Network::cut(Place from, Place to, TimePoint until) { cuts_[{from, to}] = until; }

/// A body is looked at once more where a cut was to end; there is nothing there then, or the next one arrives early.
void Network::heal_all() {
    cuts_.clear();
    for (const auto& connection : connections_) {
        for (std::size_t i = 0; i < connection->to_router.on_the_way.size(); ++i)
            expect(connection, true, connection->to_router.last_arrival);
        for (std::size_t i = 0; i < connection->to_dealer.on_the_way.size(); ++i)
            expect(connection, false, connection->to_dealer.last_arrival);
    }
}

std::optional<TimePoint> Network::cut_until(Place from, Place to) const {
    const auto found = cuts_.find({from, to});
    return found != cuts_.end() && found->second > events_.now() ? std::optional{found->second} : std::nullopt;
}

void Network::set_running(Place place, bool running) {
    if (running)
        stopped_.erase(place);
    else
        stopped_.insert(place);
}

void Network::attempt(Dealer& dealer) {
    const auto router = routers_.find({dealer.to_, dealer.backend_});
    const bool there = router != routers_.end() && router->second->open_ && is_running(dealer.to_) &&
                       !cut_until(dealer.from_, dealer.to_) && !cut_until(dealer.to_, dealer.from_);
    if (!there) return dealer.connect_later(random_.between(10ms, 100ms));
    const auto made = std::make_shared<Connection>();
    made->dealer = &dealer;
    made->router = router->second;
    made->dealer_place = dealer.from_;
    made->router_place = dealer.to_;
    made->number = ++connections_made_;
    dealer.connection_ = made;
    connections_.push_back(made);
    made_.push_back(made);
    dealer.events_.emplace_back(Dealer::Event{Dealer::What::connected}, made);
    dealer.wake_();
}

Sent Network::send(const Link& connection, bool to_router, Packet packet) {
    auto& flow = to_router ? connection->to_router : connection->to_dealer;
    if (flow.on_the_way.size() + flow.unread >= pipe_ && !connection->broken) return Sent::would_block;
    if (connection->broken) {
        ++lost_;
        return Sent::yes;
    }
    flow.on_the_way.push_back(std::move(packet));
    flow.last_arrival = std::max(flow.last_arrival, events_.now() + delay());
    expect(connection, to_router, flow.last_arrival);
    return Sent::yes;
}

void Network::expect(const Link& connection, bool to_router, TimePoint when) {
    events_.at(when, [this, connection, to_router] { arrive(connection, to_router); });
}

/// One event for each body; the first one that is on its way arrives.
void Network::arrive(const Link& connection, bool to_router) {
    auto& flow = to_router ? connection->to_router : connection->to_dealer;
    if (flow.on_the_way.empty()) return;
    const auto [from, to] = to_router ? std::pair{connection->dealer_place, connection->router_place}
                                      : std::pair{connection->router_place, connection->dealer_place};
    if (const auto until = cut_until(from, to)) return expect(connection, to_router, *until + least_);
    Packet packet = std::move(flow.on_the_way.front());
    flow.on_the_way.pop_front();
    if (to_router ? !connection->router : !connection->dealer) {
        ++lost_;
        return;
    }
    ++flow.unread;
    if (to_router) {
        connection->router->arrived_.emplace_back(connection, std::move(packet));
        connection->router->wake_();
    } else {
        connection->dealer->events_.emplace_back(Dealer::Event{Dealer::What::body, std::move(packet)}, connection);
        connection->dealer->wake_();
    }
}

void Network::lose(Connection::Flow& flow) {
    lost_ += flow.on_the_way.size();
    if (!flow.on_the_way.empty())
        trace_.note("network", std::to_string(flow.on_the_way.size()) + " bodies on their way are lost");
    flow.on_the_way.clear();
}

/// What the one that hangs up had sent still arrives, unless it all ends abruptly.
void Network::hang_up(const Link& connection, bool by_dealer, bool abrupt) {
    if (by_dealer && !abrupt) connection->dealer = nullptr;
    if (!by_dealer && !abrupt) connection->router = nullptr;
    if (std::exchange(connection->broken, true)) return;
    std::erase(connections_, connection);
    if (abrupt || !by_dealer) lose(connection->to_router);
    if (abrupt || by_dealer) lose(connection->to_dealer);
    untold_ += 2;
    const auto now = events_.now();
    const bool soon = random_.chance(700);
    const Duration most = soon ? 2 * least_ + 1ms : Duration{300ms};
    const auto told = [&](const Connection::Flow& flow) {
        return std::max(now, flow.last_arrival) + random_.between(0us, most);
    };
    events_.at(told(connection->to_dealer), [this, connection] { tell_dealer(connection); });
    events_.at(told(connection->to_router), [this, connection] { tell_router(connection); });
}

void Network::tell_dealer(const Link& connection) {
    --untold_;
    Dealer* dealer = connection->dealer;
    if (!dealer) return;
    // What a cut still holds up is waited for no longer.
    lose(connection->to_dealer);
    dealer->events_.emplace_back(Dealer::Event{Dealer::What::closed}, connection);
    dealer->connection_.reset();
    dealer->wake_();
    dealer->connect_later(random_.between(1ms, 100ms));
}

void Network::tell_router(const Link& connection) {
    --untold_;
    if (!connection->router) return;
    lose(connection->to_router);
    connection->router->over_.push_back(connection);
    connection->router->wake_();
}

void Network::break_any() {
    if (connections_.empty()) return;
    const auto connection = random_.of(connections_);
    trace_.note("network", "connection of " + std::to_string(connection->dealer_place) + " to " +
                               std::to_string(connection->router_place) + " breaks");
    hang_up(connection, random_.chance(500), true);
}

}  // namespace rpcbroker::simulation
