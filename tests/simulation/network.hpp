// A network that is not there: connections between processes that carry bodies, in order, after a while, and that can be
// slow, full, cut or broken.
//
// What is like the transport (common/transport/): a dealer connects again by itself; what arrived before a connection
// closed is read before that is told; a router names its peers by slot and generation, from their first body on, and uses
// slots again; a full connection takes nothing; each end learns of the end of a connection in its own time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/peer.hpp"
#include "tests/simulation/event_queue.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/trace.hpp"

namespace rpcbroker::simulation {

class Dealer;
class Network;
class Router;

/// What a process is called by the network: a number for each place where one runs, dead or alive.
using Place = std::uint32_t;

struct Packet {
    std::string envelope;
    std::string bytes;
};

enum class Sent : std::uint8_t { yes, would_block, gone };

/// Both directions of a connection, and what its two ends know of it.
struct Connection {
    struct Flow {
        std::deque<Packet> on_the_way;
        TimePoint last_arrival{};
        std::size_t unread = 0;  ///< arrived, and not taken
    };
    Dealer* dealer = nullptr;  ///< null once its process is gone
    Router* router = nullptr;
    Place dealer_place = 0;
    Place router_place = 0;
    std::uint64_t number = 0;
    Flow to_router;
    Flow to_dealer;
    bool broken = false;         ///< carries nothing any more; the ends may not know it yet
    std::optional<PeerId> peer;  ///< at the router, from its first body on
};

/// The side that connects, for one process and one broker's socket. Not thread-safe.
class Dealer {
public:
    enum class What : std::uint8_t { nothing, body, connected, closed };
    struct Event {
        What what = What::nothing;
        Packet packet{};
    };

    /// `wake` is called when there is something to receive.
    Dealer(Network& network, Place from, Place to, bool backend, std::function<void()> wake);
    ~Dealer();
    Dealer(const Dealer&) = delete;
    Dealer& operator=(const Dealer&) = delete;

    [[nodiscard]] What next() const noexcept { return events_.empty() ? What::nothing : events_.front().first.what; }
    /// In the order in which it happened.
    Event receive();
    Sent send(Packet packet);
    [[nodiscard]] const Connection* connection() const noexcept { return connection_.get(); }

private:
    friend class Network;
    void connect_later(Duration pause);

    Network& network_;
    Place from_;
    Place to_;
    bool backend_;
    std::function<void()> wake_;
    std::deque<std::pair<Event, std::shared_ptr<Connection>>> events_;
    std::shared_ptr<Connection> connection_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

/// The side that is connected to. Not thread-safe.
class Router {
public:
    Router(Network& network, Place place, bool backend, std::function<void()> wake);
    ~Router();
    Router(const Router&) = delete;
    Router& operator=(const Router&) = delete;

    /// In the order of arrival over all peers. False: nothing is there.
    bool receive(PeerId& peer, Packet& packet);
    /// A peer that is over, each once, and only once all is read.
    bool next_closed(PeerId& peer);
    Sent send(PeerId peer, Packet packet);
    void disconnect(PeerId peer);
    /// No new connections.
    void close() noexcept { open_ = false; }
    /// By whom a peer's connection was made.
    [[nodiscard]] std::optional<Place> place_of(PeerId peer) const;

private:
    friend class Network;
    [[nodiscard]] Connection* find(PeerId peer) const;
    PeerId name();

    Network& network_;
    Place place_;
    bool backend_;
    bool open_ = true;
    std::function<void()> wake_;
    std::deque<std::pair<std::shared_ptr<Connection>, Packet>> arrived_;
    std::deque<std::shared_ptr<Connection>> over_;
    std::map<std::uint32_t, std::shared_ptr<Connection>> peers_;  ///< by slot
    std::vector<std::uint32_t> generations_;                      ///< by slot
    std::vector<std::uint32_t> unused_;
};

/// What lies between. Not thread-safe.
class Network {
public:
    Network(EventQueue& events, Trace& trace, Random random) : events_(events), trace_(trace), random_(random) {}

    void set_delay(Duration least, Duration jitter, std::size_t pipe) noexcept;
    /// Everything takes so many times as long.
    void set_slowness(int factor) noexcept { slowness_ = factor; }
    /// Nothing arrives from one place at the other until then.
    void cut(Place from, Place to, TimePoint until);
    /// There are no cuts any more, and what they held up arrives.
    void heal_all();
    /// Breaks one of the connections that there are, if any.
    void break_any();
    void set_running(Place place, bool running);

    /// Whether everybody knows of every connection that is over that it is.
    [[nodiscard]] bool all_told() const noexcept { return untold_ == 0; }
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

private:
    friend class Dealer;
    friend class Router;
    using Link = std::shared_ptr<Connection>;

    void attempt(Dealer& dealer);
    Sent send(const Link& connection, bool to_router, Packet packet);
    void arrive(const Link& connection, bool to_router);
    void expect(const Link& connection, bool to_router, TimePoint when);
    /// `abrupt`: what is on its way is lost, in both directions.
    void hang_up(const Link& connection, bool by_dealer, bool abrupt);
    void tell_dealer(const Link& connection);
    void tell_router(const Link& connection);
    [[nodiscard]] Duration delay();
    [[nodiscard]] std::optional<TimePoint> cut_until(Place from, Place to) const;
    [[nodiscard]] bool is_running(Place place) const { return !stopped_.contains(place); }
    void lose(Connection::Flow& flow);
    template <class F>
    void for_each_made(F&& f) {
        std::erase_if(made_, [](const auto& weak) { return weak.expired(); });
        for (const auto& weak : made_) f(*weak.lock());
    }

    EventQueue& events_;
    Trace& trace_;
    Random random_;
    Duration least_{};
    Duration jitter_{};
    std::size_t pipe_ = 1000;
    int slowness_ = 1;
    std::uint64_t connections_made_ = 0;
    std::uint64_t lost_ = 0;  ///< bodies
    std::size_t untold_ = 0;  ///< ends of connections that are over, and do not know it
    std::map<std::pair<Place, Place>, TimePoint> cuts_;
    std::set<Place> stopped_;
    std::map<std::pair<Place, bool>, Router*> routers_;
    std::vector<Link> connections_;                ///< that carry something
    std::vector<std::weak_ptr<Connection>> made_;  ///< ever, so that an end that is destroyed is told of no more
};

}  // namespace rpcbroker::simulation
