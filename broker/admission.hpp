// The connections of one side and the keys that they came by: tells the core whose they are, and cuts off those whose key is gone.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <rpcbroker/broker.hpp>

#include "broker/broker_core.hpp"
#include "broker/key_table.hpp"
#include "common/peer.hpp"
#include "common/time.hpp"
#include "common/transport/router.hpp"

namespace rpcbroker::broker {

/// For the thread of the loop. Everything must outlive it. Without keys it lets everything pass, and costs nothing.
class Admission {
public:
    Admission(Side side, const KeyTable* keys, transport::Router& router, BrokerCore& core) noexcept
        : side_(side), keys_(keys), router_(router), core_(core) {}

    /// Of each message that was read, before the core gets it. False: it is not to get it.
    bool passes(const transport::Incoming& incoming, TimePoint now) { return !keys_ || check(incoming, now); }
    /// The keys are others now.
    void look_again(TimePoint now);
    void closed(PeerId peer);
    /// What happened since the last time, for the log.
    std::vector<BrokerEvent> take_events() { return std::exchange(events_, {}); }

private:
    struct Known {
        std::uint64_t number = 0;
        Identity identity;
    };

    bool check(const transport::Incoming& incoming, TimePoint now);
    void introduce(PeerId peer, Known& known, TimePoint now);
    bool tell_core(PeerId peer, const Identity& identity);
    void cut_off(PeerId peer, const std::string& name, TimePoint now);

    Side side_;
    const KeyTable* keys_;
    transport::Router& router_;
    BrokerCore& core_;
    std::map<PeerId, Known> known_;
    std::set<PeerId> cut_off_;  ///< and not reported closed yet: what still comes of them is nobody's
    std::vector<BrokerEvent> events_;
};

}  // namespace rpcbroker::broker
