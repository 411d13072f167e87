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
#include "tests/simulation/fairness.hpp"
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
    /// After what is for workers was sent, before what is for clients is: `blocked` did not take all.
    void sent_to_workers(const std::set<PeerId>& blocked) { turn_.blocked.insert(blocked.begin(), blocked.end()); }
    /// The broker says that it gave this worker up because it was silent; and a client.
    void gave_up_worker(const std::string& id);
    void gave_up_client(PeerId peer);

    /// After all of a turn was sent. `blocked_…`: to whom something is still to be sent, or who went while it was.
    void end_turn(const std::set<PeerId>& blocked_clients, const std::set<PeerId>& blocked_workers);
    /// Compares with what the broker counted, at the end of a turn.
    void check_counters(const broker::Counters& counters, std::size_t in_system) const;
    /// `listed`: the workers that the broker has, by the id it gave them.
    void check_workers(const std::set<std::string>& listed) const;
    /// Nothing is owed to honest clients but those in `blocked`.
    void check_answered(const std::set<PeerId>& blocked) const;
    /// Nothing is owed, nothing is at a worker.
    void check_idle() const;

    /// Places that are taken at workers; and the most at once so far that were, or that workers had room for.
    [[nodiscard]] std::size_t places() const noexcept { return places_; }
    [[nodiscard]] std::size_t most_places() const noexcept { return most_places_; }
    /// Ids of workers that are there.
    [[nodiscard]] std::vector<std::string> worker_ids() const;

private:
    struct Owed {
        std::optional<std::uint64_t> call;  ///< its number, if an honest client's
        std::string envelope;
        bool given_up = false;  ///< with its client: it may be answered still, or not
        TimePoint deadline{};
        bool in_turn = false;  ///< while it waits, it does in the one queue of a service that all workers serve
    };
    struct ClientView {
        std::multimap<std::uint32_t, Owed> owed;  ///< responses, by msgid
        std::size_t errors_owed = 0;              ///< for what was malformed, or nothing that a client sends
        bool honest = true;
        Duration heard{};  ///< on the broker's running time
    };
    struct WorkerView {
        std::map<std::uint32_t, std::optional<std::uint64_t>> calls;  ///< at it, by the id on the wire
        std::set<std::uint32_t> cancelled;                            ///< ids on the wire of which it was told so
        std::optional<std::string> id;
        std::uint64_t registered = 0;  ///< the turn in which it was
        bool leaving = false;          ///< it is to have no more calls soon
        bool left = false;             ///< it was told that none comes any more
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
        PeerId client{};
        bool pinned = false;
        unsigned lost = 0;          ///< how many workers were lost with it
        std::uint64_t lost_in = 0;  ///< the latest turn in which one was
    };
    /// Of this turn.
    struct Turn {
        std::uint64_t number = 0;
        bool workers_changed = false;  ///< one came or went, or is about to
        unsigned workers_lost = 0;
        bool liar_lost = false;
        std::set<PeerId> blocked;      ///< workers, when it began
        std::vector<PeerId> served{};  ///< clients whose calls left the queue
        std::set<PeerId> ended{};      ///< clients whose calls ended in the queue, perhaps
        /// Method and key, and the worker that had the call.
        std::vector<std::pair<std::pair<std::string, std::string>, PeerId>> keyed{};
    };

    void from_client(PeerId peer, ClientView& client, std::string_view envelope, const MessageView& message);
    void request(PeerId peer, ClientView& client, std::string_view envelope, const MessageView& message);
    void drains(const MessageView& message);
    void admitted(PeerId peer, std::uint64_t call, const MessageView& message);
    void notification(PeerId peer, ClientView& client, const MessageView& message);
    void from_worker(WorkerView& worker, const MessageView& message);
    void may_have(WorkerView& worker, std::uint64_t capacity);
    void registration(WorkerView& worker, const MessageView& message);
    void returned(WorkerView& worker, const MessageView& message);
    void answered_by(WorkerView& worker, std::uint32_t msgid);
    void item(PeerId peer, const ClientView& client, std::uint32_t msgid);
    void response(PeerId peer, ClientView& client, std::string_view envelope, const MessageView& message);
    void to_worker(PeerId peer, WorkerView& worker, const MessageView& message, bool fresh);
    void answered(PeerId peer, WorkerView& worker, const MessageView& message);
    void dispatched(PeerId peer, WorkerView& worker, const MessageView& message, bool fresh);
    void granted(const WorkerView& worker, const MessageView& message);
    void check_answer(const Owed& owed, const MessageView& message) const;
    void told(WorkerView& worker, const MessageView& message);
    void check_place(PeerId peer, const WorkerView& worker, const MessageView& message, bool fresh);
    void check_new(std::uint32_t id);
    void lost(WorkerView& worker);
    void check_lost(std::uint64_t call, const MessageView& message) const;
    void check_run_again(std::uint64_t call, const MessageView& message) const;
    [[nodiscard]] std::map<std::uint64_t, std::size_t> open_calls() const;
    void check_deadlines(const std::set<PeerId>& blocked) const;
    void check_cancelled(const std::set<PeerId>& blocked) const;
    [[nodiscard]] std::set<std::uint64_t> calls_at_workers() const;
    [[nodiscard]] bool awaited_by_liar() const;
    [[nodiscard]] std::set<PeerId> waiting_clients() const;
    void check_keys();
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
    Turn turn_;
    Fairness fairness_;
    std::map<std::pair<std::string, std::string>, PeerId> keys_;  ///< which worker has them, since workers last changed
    std::deque<std::uint32_t> latest_ids_;                        ///< on the wire
    std::set<std::uint32_t> latest_;                              ///< the same
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
