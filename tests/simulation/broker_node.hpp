// A process with a broker in it: the real BrokerCore, in a loop like that of broker/broker.cpp, and a watch on both sides.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "broker/broker_core.hpp"
#include "tests/simulation/broker_watch.hpp"
#include "tests/simulation/process.hpp"

namespace rpcbroker::simulation {

class BrokerNode final : public Process {
public:
    /// `is_honest` says of a place whether who runs there keeps to the protocol.
    BrokerNode(Scene& scene, Place place, std::string name, std::function<bool(Place)> is_honest);

    /// It takes no more calls, and ends when all have ended, or after a while.
    void stop();
    /// As an operator asks for it.
    void drain_any_worker();

    /// Reads what the broker says of itself, and compares it with what is known otherwise.
    void audit();
    /// No call is under way, and nothing is to be sent.
    [[nodiscard]] bool is_idle();
    /// All is over: nothing is left anywhere.
    void check_idle();
    [[nodiscard]] const BrokerWatch& watch() const noexcept { return watch_; }
    [[nodiscard]] broker::Counters& counters() noexcept { return core_.counters(); }

protected:
    std::optional<TimePoint> turn(TimePoint now) override;

private:
    struct Side {
        Router router;
        std::set<PeerId> blocked{};
        std::set<PeerId> gone{};
        std::map<PeerId, broker::Identity> known{};  ///< with keys: by which they came
        std::set<PeerId> cut_off{};                  ///< as their key is gone; not reported closed yet
    };
    /// One that is connected to the core without a network.
    static constexpr PeerId operator_peer{1'000, 1};

    bool receive(Side& side, bool from_workers, TimePoint now);
    broker::Drained receive_all(TimePoint now);
    void take(Side& side, bool from_workers, PeerId peer, const Packet& packet, TimePoint now);
    bool admits(Side& side, bool from_workers, PeerId peer, TimePoint now);
    void look_at_keys(Side& side, bool from_workers, TimePoint now);
    void cut_off(Side& side, bool from_workers, PeerId peer, TimePoint now);
    void report_closed(Side& side, bool from_workers, TimePoint now);
    void closed(bool from_workers, PeerId peer, TimePoint now);
    void send_all();
    void send(Side& side, Outbox& outbox, bool to_workers);
    void send(Side& side, Outbox& outbox, PeerId peer, bool to_workers);
    static std::set<PeerId> unsent(const Side& side);
    void read_notices();
    void begin_drain(TimePoint now);
    bool finish(TimePoint now);
    void check_limits();
    std::string ask(std::string_view method, std::string_view params);

    broker::BrokerCore core_;
    BrokerWatch watch_;
    Side front_;
    Side back_;
    std::function<bool(Place)> is_honest_;
    std::uint64_t turns_ = 0;
    std::uint64_t seen_changes_ = 0;  ///< of keys
    std::uint32_t last_msgid_ = 0;
    bool stopping_ = false;
    std::optional<TimePoint> drain_end_;
};

}  // namespace rpcbroker::simulation
