// Watches all that goes into one broker and all that comes out of it, and says when it does what it must not.
//
// It knows only the wire and the protocol. It keeps what the broker owes each peer, which calls are at which worker, and
// when each was heard.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rpcbroker/broker_options.hpp>

#include "broker/counters.hpp"
#include "common/message.hpp"
#include "common/peer.hpp"
#include "tests/simulation/history.hpp"
#include "tests/simulation/trace.hpp"

namespace rpcbroker::simulation {

/// Not thread-safe. All functions may throw a Violation.
class BrokerWatch {
public:
    BrokerWatch(History& history, Trace& trace, const BrokerLimits& limits, std::string name, TimePoint now);

    /// Before the core is called in a turn. `blocked`: workers to which something is still to be sent.
    void begin_turn(TimePoint now, const std::set<PeerId>& blocked);
    void from_client(PeerId peer, std::string_view envelope, std::string_view body, bool honest);
    void from_worker(PeerId peer, std::string_view body, bool honest);
    void client_closed(PeerId peer);
    void worker_closed(PeerId peer);
    /// Of what is sent at the end of a turn. `fresh`: nothing waited for the peer when the turn began, so that it was
    /// decided on in this turn.
    void to_client(PeerId peer, std::string_view envelope, std::string_view body);
    void to_worker(PeerId peer, std::string_view body, bool fresh);
    /// The broker says that it gave this worker up because it was silent; and a client.
    void gave_up_worker(const std::string& id);
    void gave_up_client(PeerId peer);

    /// Compares with what the broker counted, at the end of a turn.
    void check_counters(const broker::Counters& counters, std::size_t in_system) const;
    /// `listed`: the workers that the broker has, by the id it gave them.
    void check_workers(const std::set<std::string>& listed) const;
    /// Nothing is owed, nothing is at a worker.
    void check_idle() const;

    /// Places that are taken at workers; and the most at once so far.
    [[nodiscard]] std::size_t places() const noexcept { return places_; }
    [[nodiscard]] std::size_t most_places() const noexcept { return most_places_; }
    /// Ids of workers that are there.
    [[nodiscard]] std::vector<std::string> worker_ids() const;

private:
    struct Owed {
        std::optional<std::uint64_t> call;  ///< its number, if an honest client's
        std::string envelope;
        bool given_up = false;  ///< with its client: it may be answered still, or not
    };
    struct ClientView {
        std::multimap<std::uint32_t, Owed> owed;  ///< responses, by msgid
        std::size_t errors_owed = 0;              ///< for what was malformed, or nothing that a client sends
        bool honest = true;
        Duration heard{};  ///< on the broker's running time
    };
    struct WorkerView {
        std::map<std::uint32_t, std::optional<std::uint64_t>> calls;  ///< at it, by the id on the wire
        std::optional<std::string> id;
        /// Msgids and capacities of registrations that are not answered yet.
        std::deque<std::pair<std::uint32_t, std::uint64_t>> asked_for;
        std::uint64_t capacity = 0;
        std::uint64_t most_capacity = 0;  ///< since all that was decided on was sent
        bool heartbeat = false;
        bool honest = true;
        Duration heard{};
    };
    struct Admission {
        std::vector<TimePoint> deadlines;  ///< one for each time that it was read
        std::uint64_t granted = 0;         ///< stream items, to the broker
        std::uint64_t passed_on = 0;       ///< of them, to the worker that has it
    };

    void from_client(PeerId peer, ClientView& client, std::string_view envelope, const MessageView& message);
    void request(ClientView& client, std::string_view envelope, const MessageView& message);
    void admitted(std::uint64_t call, const MessageView& message);
    void notification(ClientView& client, const MessageView& message);
    void from_worker(WorkerView& worker, const MessageView& message);
    void registration(WorkerView& worker, const MessageView& message);
    void returned(WorkerView& worker, const MessageView& message);
    void response(PeerId peer, ClientView& client, std::string_view envelope, const MessageView& message);
    void to_worker(PeerId peer, WorkerView& worker, const MessageView& message, bool fresh);
    void answered(PeerId peer, WorkerView& worker, const MessageView& message);
    void dispatched(PeerId peer, WorkerView& worker, const MessageView& message, bool fresh);
    void granted(const WorkerView& worker, const MessageView& message);
    void check_answer(const Owed& owed, const MessageView& message) const;
    void check_timeout(std::uint64_t call, const MessageView& message) const;
    void note(std::string_view what) const { trace_.note(name_, what); }
    [[nodiscard]] Duration running() const noexcept { return now_ - start_ - stalled_; }
    [[noreturn]] void fail(std::string invariant, const std::string& what) const;

    History& history_;
    Trace& trace_;
    BrokerLimits limits_;
    std::string name_;
    TimePoint start_;
    TimePoint now_;
    Duration stalled_{};
    std::map<PeerId, ClientView> clients_;
    std::map<PeerId, WorkerView> workers_;
    std::map<std::uint64_t, Admission> admissions_;
    std::size_t places_ = 0;
    std::size_t most_places_ = 0;
    // What the counters must come to.
    std::uint64_t requests_ = 0;
    std::uint64_t rpc_requests_ = 0;
    std::uint64_t malformed_ = 0;
    std::uint64_t from_workers_ = 0;  ///< responses, items and returned calls
    std::uint64_t dispatches_ = 0;
};

}  // namespace rpcbroker::simulation
