// A world round one BrokerCore: clients and workers that the test speaks for, and a clock that it turns.
//
//     BrokerBench bench;
//     auto& worker = bench.worker("w");
//     worker.registers({.services = {{"EchoUtil", {"CountString"}}}});
//     auto& client = bench.client("c");
//     client.request(1, "EchoUtil.CountString", {"this is test"});
//     worker.answers(worker.call(), 3);
//     CHECK(client.answer().result == 3);
//
// Everything happens at once and in order: what a peer sends is with the core before the function returns, and what the
// core sends is with its peer. After every step the bench checks what holds always, and throws BenchViolation if it does
// not: every request is answered once, under its envelope; no worker has more calls than it has room for, or two under one
// msgid; nobody is sent what it did not ask for; no client is sent more stream items than it granted; no worker is granted
// more of them than the window; the counters add up.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "broker/broker_core.hpp"
#include "common/message.hpp"

namespace rpcbroker::test {

using broker::BrokerCore;
using broker::Counter;
using nlohmann::json;
using namespace std::chrono_literals;

struct BenchViolation : std::logic_error {
    using std::logic_error::logic_error;
};

inline const json no_params = json::array();

std::string pack(const json& value);
json unpack(std::string_view packed);  ///< null for no bytes; discarded when it is more than JSON can say

/// A message that the broker sent, decoded.
struct Received {
    MessageType type = MessageType::request;
    std::optional<std::uint32_t> msgid;  ///< nothing in the answer to a malformed body whose msgid could not be read
    std::string method;
    json params;
    json options;
    json error;
    json result;
    json timing;
    std::string envelope;
    std::string bytes;
    std::size_t body = 0;  ///< messages that came in one body have the same number

    /// Of the error; empty where there is none.
    [[nodiscard]] std::string code() const { return said("code"); }
    [[nodiscard]] std::string message() const { return said("message"); }
    [[nodiscard]] std::string ran() const { return said("ran"); }

private:
    [[nodiscard]] std::string said(const char* key) const { return error.is_null() ? "" : error.value(key, ""); }
};

class BrokerBench;

/// What clients and workers have in common: a connection.
class BenchPeer {
public:
    BenchPeer(BrokerBench& bench, std::string name, PeerId id) : bench_(bench), name_(std::move(name)), id_(id) {}
    BenchPeer(const BenchPeer&) = delete;
    BenchPeer& operator=(const BenchPeer&) = delete;
    virtual ~BenchPeer() = default;

    /// Sends one body as it stands.
    virtual void sends(std::string body, std::string_view envelope = {}) = 0;
    /// The connection closes. The peer stays, and hears nothing any more.
    virtual void closes() = 0;
    virtual void heartbeat() = 0;
    /// From now on it sends a heartbeat every period of the broker's while time passes; or no longer.
    void keeps_beating(bool beating = true);

    /// Takes what came, all of it.
    std::vector<Received> received();
    /// Takes the notifications that came, and leaves the rest.
    std::vector<Received> notifications();
    std::vector<std::string> notified();  ///< only their methods
    [[nodiscard]] bool heard_nothing() const noexcept { return inbox_.empty(); }
    [[nodiscard]] bool connected() const noexcept { return connected_; }
    [[nodiscard]] PeerId id() const noexcept { return id_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

protected:
    friend class BrokerBench;
    virtual void check_received(const Received& message) = 0;
    [[noreturn]] void violated(const std::string& what) const;
    /// Takes the messages of one type that came, and leaves the rest.
    std::vector<Received> take(MessageType type);
    Received take_one(MessageType type, std::string_view what);

    BrokerBench& bench_;
    std::string name_;
    PeerId id_;
    std::deque<Received> inbox_;
    std::optional<TimePoint> next_beat_;
    bool connected_ = true;
    bool takes_batches_ = false;
    bool reading_ = true;
};

class BenchClient : public BenchPeer {
public:
    using BenchPeer::BenchPeer;

    void request(std::uint32_t msgid, std::string_view method, const json& params = no_params,
                 const RequestOptions& options = {}, std::string_view envelope = {});
    /// `count` requests under msgids from `first` on, with its name as parameter.
    void requests(std::uint32_t first, std::uint32_t count, std::string_view method = "S.m",
                  const RequestOptions& options = {});
    void notify(std::string_view method, const json& params = no_params, const RequestOptions& options = {});
    /// Asks the service `rpc` and takes the answer.
    Received asks(std::string_view method, const json& params = no_params);
    /// Says hello, and returns what the broker answered.
    json hello(json what = json::object());
    void cancel(std::uint32_t msgid) { notify("rpc.cancel", json::array({msgid})); }
    void credit(std::uint32_t msgid, std::uint64_t items) { notify("rpc.credit", json::array({msgid, items})); }
    void heartbeat() override { notify("rpc.heartbeat"); }

    void sends(std::string body, std::string_view envelope = {}) override;
    void closes() override;

    /// Takes the responses that came; or the only one.
    std::vector<Received> answers() { return take(MessageType::response); }
    Received answer() { return take_one(MessageType::response, "response"); }
    std::vector<Received> items() { return take(MessageType::stream_item); }
    /// While it does not read, what is for it stays with the broker.
    void reads(bool reading);
    [[nodiscard]] bool is_reading() const noexcept { return reading_; }
    /// The broker had taken it for lost: what it asked before gets no answer any more.
    void was_given_up() {
        open_.clear();
        granted_.clear();
    }
    /// Requests (and malformed bodies) that have no answer yet.
    [[nodiscard]] std::size_t waits_for() const;

private:
    void check_received(const Received& message) override;
    using Question = std::pair<std::string, std::optional<std::uint32_t>>;  ///< envelope, msgid
    void count_grants(const MessageView& message, std::string_view envelope);
    std::map<Question, std::size_t> open_;
    std::map<std::uint32_t, std::uint64_t> granted_;  ///< by msgid: items that it takes yet
    std::uint32_t last_own_msgid_ = 0xf000'0000;
};

/// What a worker registers: services by name, each with the names of its methods.
struct Offer {
    std::map<std::string, std::vector<std::string>> services{{"S", {"m"}}};
    std::uint32_t capacity = 1;
    bool idempotent = false;
    bool stream = false;
    bool heartbeat = false;
    bool batch = false;

    [[nodiscard]] json params(std::string_view name) const;
};

class BenchWorker : public BenchPeer {
public:
    using BenchPeer::BenchPeer;

    /// Registers, which must succeed, and returns what the broker answered.
    json registers(const Offer& offer = {});
    /// Sends rpc.register with these parameters, and takes the answer.
    Received tries_to_register(const json& params);
    void answers(const Received& call, const json& result);
    void answers(std::uint32_t msgid, const json& result);
    void fails(const Received& call, const json& error);
    void streams(const Received& call, const json& item) { streams(call.msgid.value(), item); }
    void streams(std::uint32_t msgid, const json& item);
    void returns(const std::vector<Received>& calls);
    void heartbeat() override;
    void heartbeat(std::uint32_t capacity);
    void leaves() { tells("rpc.leave"); }
    void tells(std::string_view method, const json& params = no_params);

    void sends(std::string body, std::string_view envelope = {}) override;
    void closes() override;
    /// While it does not read, what is for it stays with the broker.
    void reads(bool reading);

    /// Takes the calls that came; or the only one.
    std::vector<Received> calls() { return take(MessageType::request); }
    Received call() { return take_one(MessageType::request, "request"); }
    [[nodiscard]] const std::string& worker_id() const noexcept { return worker_id_; }
    [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_.size(); }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
    /// How many stream items of the call it may send; 0 for one that is no stream.
    [[nodiscard]] std::uint64_t credit(const Received& call) const;
    /// The broker may send more than it was last told, when a test lies to it.
    void lies_about_capacity() { lies_ = true; }

private:
    void check_received(const Received& message) override;
    void registered_as(const std::string& id);
    void check_credit(const Received& message);
    void grant(std::uint32_t msgid, std::uint64_t items);
    void forget(std::uint32_t msgid);
    void forget_all();
    std::string worker_id_;
    std::uint32_t capacity_ = 0;
    std::set<std::uint32_t> in_flight_;
    std::map<std::uint32_t, std::uint64_t> credit_;  ///< of those in flight that take stream items
    bool lies_ = false;
    std::uint32_t last_own_msgid_ = 0;
};

class BrokerBench {
public:
    explicit BrokerBench(BrokerLimits limits = {}, std::string broker_id = "broker-1");

    /// Opens a connection. Slots of closed ones are used again, as a transport does it.
    BenchClient& client(std::string name);
    BenchWorker& worker(std::string name);
    BenchWorker& worker(std::string name, const Offer& offer);  ///< registered, too
    std::vector<BenchClient*> clients() const;                  ///< those that are connected
    std::vector<BenchWorker*> workers() const;

    /// Lets time pass as a loop does: the core is told of it whenever it asked to be, and at the end.
    void passes(Duration time);
    /// Time passes without the broker running; nobody beats either.
    void stalls(Duration time) { now_ += time; }
    /// The loop comes round: the core is told the time.
    void turn(bool drained = true);
    void begin_drain();
    void end_all();

    BrokerCore& core() noexcept { return core_; }
    [[nodiscard]] TimePoint now() const noexcept { return now_; }
    [[nodiscard]] const BrokerLimits& limits() const noexcept { return limits_; }
    std::uint64_t count(Counter counter) { return core_.counters()[counter]; }
    /// Takes the texts of the notices since the last time.
    std::vector<std::string> notices();

private:
    friend class BenchPeer;
    friend class BenchClient;
    friend class BenchWorker;
    void client_sends(PeerId peer, std::string body, std::string_view envelope);
    void worker_sends(PeerId peer, std::string body, std::string_view envelope);
    void client_closes(PeerId peer);
    void worker_closes(PeerId peer);
    /// Hands out what the core sent, and checks.
    void after_step();
    template <class Peer>
    void deliver(Outbox& outbox, std::vector<std::unique_ptr<Peer>>& peers);
    void deliver_all(Outbox& outbox, BenchPeer& peer);
    void deliver_body(BenchPeer& peer, const Outgoing& body);
    [[nodiscard]] std::optional<TimePoint> next_event() const;
    void beat();

    BrokerLimits limits_;
    TimePoint now_{std::chrono::hours(1)};
    BrokerCore core_;
    std::vector<std::unique_ptr<BenchClient>> clients_;
    std::vector<std::unique_ptr<BenchWorker>> workers_;
    std::size_t bodies_ = 0;
};

}  // namespace rpcbroker::test
