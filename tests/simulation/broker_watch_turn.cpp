// What can be said of a broker only when a turn of it is over, and what it does with calls over several turns.
#include <algorithm>
#include <utility>

#include <rpcbroker/pack.hpp>

#include "tests/simulation/broker_watch.hpp"

namespace rpcbroker::simulation {
namespace {

/// The broker's timers go by the millisecond.
constexpr Duration tick = std::chrono::milliseconds{1};
/// An id on the wire may come again after so many dispatches, not before.
constexpr std::size_t ids_apart = 1000;

std::string text_of(PeerId peer) { return std::to_string(peer.slot) + "/" + std::to_string(peer.generation); }

}  // namespace

void BrokerWatch::end_turn(const std::set<PeerId>& blocked_clients, const std::set<PeerId>& blocked_workers) {
    check_deadlines(blocked_clients);
    check_cancelled(blocked_workers);
    const bool all_sent = blocked_clients.empty() && blocked_workers.empty();
    if (turn_.workers_changed || !all_sent)
        fairness_.forget();
    else
        fairness_.step(waiting_clients(), turn_.served, turn_.ended);
    check_keys();
    const auto number = turn_.number;
    turn_ = Turn{};
    turn_.number = number;
}

void BrokerWatch::check_deadlines(const std::set<PeerId>& blocked) const {
    for (const auto& [peer, client] : clients_) {
        if (!client.honest || blocked.contains(peer)) continue;
        for (const auto& [msgid, owed] : client.owed)
            if (owed.call && !owed.given_up && now_ > owed.deadline + tick)
                fail("a request is answered by its deadline", "#" + std::to_string(*owed.call));
    }
}

/// Calls whose callers wait for the broker's answer, and how many times each.
std::map<std::uint64_t, std::size_t> BrokerWatch::open_calls() const {
    std::map<std::uint64_t, std::size_t> open;
    for (const auto& [peer, client] : clients_)
        for (const auto& [msgid, owed] : client.owed)
            if (owed.call && !owed.given_up) ++open[*owed.call];
    return open;
}

void BrokerWatch::check_cancelled(const std::set<PeerId>& blocked) const {
    auto open = open_calls();
    for (const auto& [peer, worker] : workers_) {
        if (!worker.id || !worker.honest || blocked.contains(peer)) continue;
        for (const auto& [msgid, call] : worker.calls) {
            if (!call || worker.cancelled.contains(msgid) || history_.call(*call).one_way) continue;
            if (open[*call]-- == 0)
                fail("a worker is told that nobody waits for its call any more",
                     "worker " + *worker.id + " has #" + std::to_string(*call));
        }
    }
}

std::set<std::uint64_t> BrokerWatch::calls_at_workers() const {
    std::set<std::uint64_t> placed;
    for (const auto& [peer, worker] : workers_)
        for (const auto& [msgid, call] : worker.calls)
            if (call) placed.insert(*call);
    return placed;
}

/// Those with a call in the queue of the service that all workers serve.
std::set<PeerId> BrokerWatch::waiting_clients() const {
    const auto at_workers = calls_at_workers();
    std::set<PeerId> waiting;
    for (const auto& [peer, client] : clients_)
        for (const auto& [msgid, owed] : client.owed)
            if (owed.in_turn && !owed.given_up && !at_workers.contains(*owed.call)) waiting.insert(peer);
    return waiting;
}

/// A liar may answer what is on its way to it, by a msgid that it guesses; also right before it goes.
bool BrokerWatch::awaited_by_liar() const {
    return turn_.liar_lost || std::ranges::any_of(turn_.blocked, [this](PeerId peer) {
               const auto found = workers_.find(peer);
               return found != workers_.end() && !found->second.honest;
           });
}

void BrokerWatch::check_keys() {
    if (turn_.workers_changed) return keys_.clear();
    for (const auto& [key, peer] : turn_.keyed) {
        const auto [found, is_new] = keys_.try_emplace(key, peer);
        if (found->second != peer)
            fail("calls with a key go to one worker while the workers stay the same", key.first + " " + key.second);
    }
}

void BrokerWatch::check_new(std::uint32_t id) {
    if (!latest_.insert(id).second)
        fail("an id on the wire is new at every dispatch", std::to_string(id) + " was used shortly before");
    latest_ids_.push_back(id);
    if (latest_ids_.size() <= ids_apart) return;
    latest_.erase(latest_ids_.front());
    latest_ids_.pop_front();
}

/// Whether the call is where it may be. `fresh`: decided on in this turn.
void BrokerWatch::check_place(PeerId peer, const WorkerView& worker, const MessageView& message, bool fresh) {
    const auto& options = message.options;
    if (worker.left) fail("a worker that left is sent no calls", "worker " + worker.id.value_or("?"));
    if (worker.id && options.worker && *options.worker != *worker.id)
        fail("a call for one worker goes to that one",
             "one for " + std::string{*options.worker} + " goes to " + *worker.id);
    if (!fresh) return;
    if (options.key && !options.worker)
        turn_.keyed.push_back({{std::string{message.method}, std::string{*options.key}}, peer});
    const auto number = read_number(message.params);
    const auto found = number ? admissions_.find(*number) : admissions_.end();
    const bool in_turn = !options.key && !options.worker && message.method.starts_with("A.");
    if (found != admissions_.end() && in_turn) turn_.served.push_back(found->second.client);
}

/// What a worker is told by a notification.
void BrokerWatch::told(WorkerView& worker, const MessageView& message) {
    if (message.method == "rpc.credit") return granted(worker, message);
    if (message.method == "rpc.drain") turn_.workers_changed = worker.leaving = true;
    if (message.method == "rpc.left") worker.left = worker.leaving = true;
    if (message.method != "rpc.cancel") return;
    Unpacker in{message.params};
    in.take_array();
    worker.cancelled.insert(static_cast<std::uint32_t>(in.take_unsigned().value_or(0)));
}

/// The broker has it no more: what was at it is elsewhere, or ends.
void BrokerWatch::lost(WorkerView& worker) {
    turn_.workers_changed = true;
    ++turn_.workers_lost;
    turn_.liar_lost |= !worker.honest;
    for (const auto& [msgid, call] : worker.calls) {
        if (!call || worker.cancelled.contains(msgid)) continue;
        Admission& admission = admissions_[*call];
        ++admission.lost;
        admission.lost_in = turn_.number;
    }
    places_ -= std::exchange(worker.calls, {}).size();
    worker.id.reset();
}

/// A call that no lost worker was sent goes to another one, and is not given up with any.
void BrokerWatch::check_lost(std::uint64_t number, const MessageView& message) const {
    const auto error = read_error_object(message.error);
    if (!error || error->by() != By::broker || error->message().find("was lost with the call") == std::string::npos)
        return;
    if (admissions_.at(number).lost == 0)
        fail("a call is lost with a worker that it was sent to", "#" + std::to_string(number) + ": " + error->what());
}

/// Where another worker was there all the while, an idempotent call is not over because the first one is lost.
void BrokerWatch::check_run_again(std::uint64_t number, const MessageView& message) const {
    const CallRecord& call = history_.call(number);
    const Admission& admission = admissions_.at(number);
    if (!call.idempotent || call.streams || call.lied_about || admission.pinned) return;
    if (admission.lost != 1 || admission.lost_in != turn_.number || turn_.workers_lost != 1) return;
    if (admission.deadlines.size() != 1 || !call.method.starts_with("A.")) return;
    const bool another = std::ranges::any_of(workers_, [this](const auto& each) {
        const WorkerView& worker = each.second;
        return worker.id && worker.honest && !worker.leaving && worker.registered < turn_.number;
    });
    const auto error = read_error_object(message.error);
    if (another && error && error->code() == Code::unavailable && error->by() == By::broker)
        fail("an idempotent call is run once more when its worker is lost",
             "#" + std::to_string(number) + ": " + error->what());
}

// ---- sums

void BrokerWatch::check_counters(const broker::Counters& counters, std::size_t in_system) const {
    using broker::Counter;
    const auto equal = [this](std::uint64_t counted, std::uint64_t expected, const char* what) {
        if (counted != expected)
            fail("counters add up", std::string{what} + ": " + std::to_string(counted) + " are counted, " +
                                        std::to_string(expected) + " were seen");
    };
    equal(counters[Counter::calls_accepted],
          counters[Counter::calls_answered] + counters[Counter::calls_failed] + counters[Counter::calls_orphaned] +
              in_system,
          "calls accepted");
    equal(counters[Counter::calls_accepted] + counters[Counter::calls_refused], requests_, "requests");
    equal(counters[Counter::rpc_calls], rpc_requests_, "requests of rpc");
    equal(counters[Counter::malformed_bodies], malformed_, "malformed bodies");
    if (counters[Counter::calls_answered] + counters[Counter::late_responses] > from_workers_)
        fail("counters add up", "more answers were counted than came");
    if (counters[Counter::calls_dispatched] < dispatches_)
        fail("counters add up", "fewer calls were counted as dispatched than were");
}

void BrokerWatch::check_answered(const std::set<PeerId>& blocked) const {
    for (const auto& [peer, client] : clients_)
        for (const auto& [msgid, owed] : client.owed)
            if (client.honest && !owed.given_up && !blocked.contains(peer))
                fail("every request is answered", "client " + text_of(peer) + " waits for " + std::to_string(msgid));
}

void BrokerWatch::check_idle() const {
    check_answered({});
    for (const auto& [peer, worker] : workers_)
        if (worker.honest && !worker.calls.empty())
            fail("all places are free in the end",
                 "worker " + text_of(peer) + " has call " + std::to_string(worker.calls.begin()->first));
}

}  // namespace rpcbroker::simulation
