// A BrokerCore among peers that do anything at all, and what must hold whatever they do.
//
// The peers are models: each knows from what it really sent what it may be sent. It reads its own bodies for that, so that
// bytes that the fuzzer makes up count as what they are. Much leaner than tests/support/broker_bench.hpp: no text, no JSON.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/broker_core.hpp"
#include "common/message.hpp"
#include "tests/fuzz/input.hpp"

namespace rpcbroker::fuzz {

/// A call as its client sent it, known at the worker by its number.
struct Asked {
    TimePoint deadline;
    unsigned sent = 0;
    unsigned runs = 0;
    bool once = true;  ///< nobody said that running it twice does no harm
};

class BrokerWorld;

/// A connection.
class Peer {
public:
    explicit Peer(BrokerWorld& world) noexcept : world_(&world) {}

    PeerId id{};
    bool connected = false;
    bool reading = true;
    bool late = false;    ///< it reads what may have been sent long ago
    std::string draft{};  ///< what the next body begins with

protected:
    BrokerWorld* world_;
};

class ClientPeer : public Peer {
public:
    using Peer::Peer;

    void connect(PeerId as);
    void send(std::string_view envelope);
    void close();
    void receive(const Outgoing& body);
    /// Questions that the broker owes an answer.
    [[nodiscard]] bool waits() const noexcept { return !open_.empty() && !may_be_given_up_; }

private:
    using Question = std::pair<std::string, std::int64_t>;  ///< envelope and msgid; -1: one that could not be read
    void note(const MessageView& message, std::string_view envelope);
    void note_credit(const MessageView& message);
    void check(const MessageView& message, std::string_view envelope);
    void answered(std::string_view envelope, std::int64_t msgid);

    std::map<Question, unsigned> open_;
    std::map<std::uint32_t, std::uint64_t> granted_;  ///< items that may come yet, by msgid
    bool takes_batches_ = false;                      ///< it asked for them once
    bool may_be_given_up_ = false;                    ///< it asked for heartbeats once
};

class WorkerPeer : public Peer {
public:
    using Peer::Peer;

    void connect(PeerId as);
    void send(std::string_view envelope);
    void close();
    void receive(const Outgoing& body);

    /// Calls that it has, and knows of, in the order in which they came.
    [[nodiscard]] const std::vector<std::uint32_t>& calls() const noexcept { return calls_; }

    [[nodiscard]] const std::string& worker_id() const noexcept { return worker_id_; }
    /// Whether the broker must have as many places of it taken as it has calls().
    [[nodiscard]] bool counts() const noexcept { return connected && guessed_.empty(); }

private:
    void note(const MessageView& message);
    void note_registration(const MessageView& message);
    void note_heartbeat(const MessageView& message);
    void note_return(const MessageView& message);
    void note_item(std::uint32_t msgid);
    void over(std::uint32_t msgid, bool ran);
    void check(const MessageView& message);
    void check_call(const MessageView& message);
    void check_credit(const MessageView& message);
    void check_answer(const MessageView& message);
    void grant(std::uint32_t msgid, std::uint64_t items);
    void forget_calls();

    std::vector<std::uint32_t> calls_;
    std::map<std::uint32_t, std::uint64_t> numbers_;  ///< of calls that say one, by msgid
    std::map<std::uint32_t, std::uint64_t> credit_;   ///< items that it may send yet, at least
    std::set<std::uint32_t> guessed_;                 ///< msgids that it spoke of before it had such a call
    std::string worker_id_;
    std::uint32_t capacity_ = 0;
    std::uint32_t before_ = 0;    ///< the largest before registrations that were not answered yet
    std::uint32_t most_ = 0;      ///< the largest capacity since its last body
    bool takes_batches_ = false;  ///< it asked for them once
    bool left_ = false;
};

class BrokerWorld {
public:
    static constexpr std::size_t most_clients = 4;
    static constexpr std::size_t most_workers = 4;

    BrokerWorld();

    ClientPeer& client(std::size_t at) { return *clients_[at]; }
    WorkerPeer& worker(std::size_t at) { return *workers_[at]; }
    broker::BrokerCore& core() noexcept { return core_; }
    [[nodiscard]] TimePoint now() const noexcept { return now_; }
    [[nodiscard]] static const BrokerLimits& limits();

    /// A place among the peers is taken by another connection, under the same slot.
    void connect_client(std::size_t at);
    void connect_worker(std::size_t at);
    /// Parameters that tell the worker which call it has: two numbers, the second to make no other message look so.
    std::string numbered_params();
    /// Time passes without anybody running.
    void stall(Duration time) noexcept { now_ += time; }
    /// The broker's loop comes round.
    void turn(bool drained);
    /// Time passes as a loop lets it.
    void pass(Duration time);
    /// From now on the peer reads, or no longer; what it is sent meanwhile waits.
    void set_reading(Peer& peer, bool reading);
    /// Hands out what the core sent, and checks what holds after every step.
    void after_step();
    /// Everybody reads, and nobody does anything: what is left must end by itself.
    void settle();

private:
    friend class ClientPeer;
    friend class WorkerPeer;
    Asked* asked(std::string_view params);
    void deliver();
    template <class Some>
    void deliver(Outbox& outbox, std::vector<std::unique_ptr<Some>>& peers);
    template <class Check>
    void ask(std::string_view method, const Check& check);
    void check_places();
    void check_places(std::string_view shown);
    void check_stats();
    void check_gauges(std::string_view stats);

    TimePoint now_{std::chrono::hours(1)};
    broker::BrokerCore core_;
    std::vector<std::unique_ptr<ClientPeer>> clients_;
    std::vector<std::unique_ptr<WorkerPeer>> workers_;
    std::vector<Asked> asked_;
    std::uint32_t generation_ = 0;
    bool idempotent_methods_ = false;  ///< somebody registered one
};

}  // namespace rpcbroker::fuzz
