// Sessions and time: who is there, since when, and who is given up.
#include "broker/broker_core.hpp"

#include <algorithm>

#include "broker/rpc_messages.hpp"

namespace rpcbroker::broker {

namespace {

constexpr int missed_heartbeats = 3;
constexpr unsigned timer_kind_shift = 56;

template <class T>
T* at_slot(const std::vector<std::unique_ptr<T>>& table, PeerId peer) noexcept {
    if (peer.slot >= table.size()) return nullptr;
    T* found = table[peer.slot].get();
    return found && found->peer == peer ? found : nullptr;
}

}  // namespace

BrokerCore::BrokerCore(const BrokerLimits& limits, std::string broker_id, TimePoint now)
    : limits_(limits),
      broker_id_(std::move(broker_id)),
      started_(now),
      now_(now),
      deadlines_(now),
      directory_(limits.max_services, limits.max_methods) {}

BrokerCore::~BrokerCore() = default;

/// Timers of peers with heartbeats fire at least once a period. A longer gap means that this process did not run.
void BrokerCore::tick(TimePoint now) noexcept {
    if (now <= now_) return;
    const auto gap = now - now_;
    if (gap > limits_.heartbeat) stalled_ += gap - limits_.heartbeat;
    now_ = now;
}

bool BrokerCore::is_silent(TimePoint last_heard) const noexcept {
    return running_time() - last_heard >= limits_.heartbeat * missed_heartbeats;
}

/// When to ask next whether a peer last heard at `last_heard` is silent: within a period, as tick() counts on it.
TimePoint BrokerCore::silence_check(TimePoint last_heard, bool drained) const noexcept {
    const auto silent = last_heard + stalled_ + limits_.heartbeat * missed_heartbeats;
    const auto soonest = now_ + std::chrono::milliseconds(drained ? 0 : 1);
    return std::clamp(silent, soonest, now_ + std::max(limits_.heartbeat, std::chrono::milliseconds(1)));
}

Deadlines::Handle BrokerCore::add_timer(Timer kind, TimePoint when, std::uint64_t value) {
    return deadlines_.add(when, (static_cast<std::uint64_t>(kind) << timer_kind_shift) | value);
}

std::size_t BrokerCore::on_frontend(PeerId peer, std::string_view envelope, Body& body, TimePoint now, Share share) {
    tick(now);
    large_passed_ |= body.size() > large_body;
    Client& client = client_of(peer);
    client.last_heard = running_time();
    const auto size = body.size();
    BodyReader reader(body.bytes().substr(share.from));
    MessageView message;
    while (true) {
        const auto step = reader.next(message);
        if (step == BodyReader::Step::end) return 0;
        if (step == BodyReader::Step::malformed) {
            counters_.add(Counter::malformed_bodies);
            notice(Notice::Level::warning, "malformed body from a client",
                   {{"client", peer_name(peer)}, {"problem", reader.problem()}});
            answer_malformed(to_clients_, peer, envelope, reader.problem_msgid(), invalid_argument(reader.problem()));
            return 0;
        }
        const bool alone = share.from == 0 && reader.alone(message);
        share.from += message.bytes.size();
        on_client_message(client, envelope, message, alone && body.size() > large_body ? &body : nullptr);
        if (share.from == size) return 0;
        if (--share.most == 0) return share.from;
    }
}

std::size_t BrokerCore::on_backend(PeerId peer, std::string_view envelope, Body& body, TimePoint now, Share share) {
    tick(now);
    large_passed_ |= body.size() > large_body;
    if (Worker* worker = find_worker(peer)) worker->last_heard = running_time();
    if (!envelope.empty()) {
        counters_.add(Counter::malformed_frames);
        append_error(
            to_workers_.add(peer, envelope), std::nullopt,
            {Code::invalid_argument, "a worker's socket is a DEALER, which sends the body alone", By::broker, Ran::no});
        return 0;
    }
    const auto size = body.size();
    BodyReader reader(body.bytes().substr(share.from));
    MessageView message;
    while (true) {
        const auto step = reader.next(message);
        if (step == BodyReader::Step::end) return 0;
        if (step == BodyReader::Step::malformed) {
            counters_.add(Counter::malformed_bodies);
            notice(Notice::Level::warning, "malformed body from a worker",
                   {{"worker", worker_name(find_worker(peer), peer)}, {"problem", reader.problem()}});
            answer_malformed(to_workers_, peer, {}, reader.problem_msgid(), invalid_argument(reader.problem()));
            return 0;
        }
        const bool alone = share.from == 0 && reader.alone(message);
        share.from += message.bytes.size();
        on_worker_message(peer, message, alone && body.size() > large_body ? &body : nullptr);
        if (share.from == size) return 0;
        if (--share.most == 0) return share.from;
    }
}

void BrokerCore::on_frontend_closed(PeerId peer, TimePoint now) {
    tick(now);
    counters_.add(Counter::undeliverable_messages, to_clients_.forget(peer));
    if (Client* client = find_client(peer)) drop_client(*client);
    client_identities_.forget(peer);
}

void BrokerCore::on_backend_closed(PeerId peer, TimePoint now) {
    tick(now);
    if (Worker* worker = find_worker(peer)) drop_worker(*worker, "its connection closed");
    counters_.add(Counter::undeliverable_messages, to_workers_.forget(peer));
    worker_identities_.forget(peer);
}

void BrokerCore::on_time(TimePoint now, Drained drained) {
    tick(now);
    while (const auto due = deadlines_.pop_due(now_)) {
        const auto kind = static_cast<Timer>(*due >> timer_kind_shift);
        const auto value = static_cast<std::uint32_t>(*due);
        switch (kind) {
        case Timer::call: on_call_timer(calls_.at(value)); break;
        case Timer::client: on_client_timer(*clients_[value], drained.clients); break;
        case Timer::worker: on_worker_timer(*workers_[value], drained.workers); break;
        case Timer::streams: on_streams_timer(); break;
        case Timer::trim: on_trim_timer(); break;
        }
    }
    watch_memory();
}

void BrokerCore::on_client_timer(Client& client, bool drained) {
    client.timer = Deadlines::none;
    if (!client.heartbeat || client.awaited == 0) return;
    if (drained && is_silent(client.last_heard)) {
        counters_.add(Counter::clients_lost);
        notice(Notice::Level::warning, "client lost: silent for three heartbeats",
               {{"client", peer_name(client.peer)}, {"calls", std::to_string(client.awaited)}});
        return drop_client(client);
    }
    client.timer = add_timer(Timer::client, silence_check(client.last_heard, drained), client.peer.slot);
}

/// Heartbeats are expected of a client that asked for them, while it waits for answers.
void BrokerCore::watch(Client& client) {
    if (!client.heartbeat || client.awaited == 0 || client.timer != Deadlines::none) return;
    client.timer = add_timer(Timer::client, silence_check(client.last_heard, true), client.peer.slot);
}

void BrokerCore::on_worker_timer(Worker& worker, bool drained) {
    worker.timer = Deadlines::none;
    if (drained && is_silent(worker.last_heard)) return drop_worker(worker, "silent for three heartbeats");
    if (now_ >= worker.next_heartbeat) {
        notify_worker(worker.peer, "rpc.heartbeat", empty_map_parameter);
        worker.next_heartbeat = now_ + limits_.heartbeat;
    }
    const auto check = silence_check(worker.last_heard, drained);
    worker.timer = add_timer(Timer::worker, std::min(worker.next_heartbeat, check), worker.peer.slot);
}

Client* BrokerCore::find_client(PeerId peer) noexcept { return at_slot(clients_, peer); }
Worker* BrokerCore::find_worker(PeerId peer) noexcept { return at_slot(workers_, peer); }

Client& BrokerCore::client_of(PeerId peer) {
    if (Client* known = find_client(peer)) return *known;
    if (peer.slot >= clients_.size()) clients_.resize(peer.slot + std::size_t{1});
    auto& slot = clients_[peer.slot];
    if (slot) drop_client(*slot);
    slot = std::make_unique<Client>();
    slot->peer = peer;
    if (needs_keys_) slot->identity = client_identities_.find(peer);
    return *slot;
}

/// Ends the calls of a client that is gone; its one-way calls go on.
void BrokerCore::drop_client(Client& client) {
    deadlines_.remove(client.timer);
    while (Call* call = client.calls) {
        detach(*call);
        if (call->one_way) continue;
        counters_.add(Counter::calls_orphaned);
        give_up(*call);
    }
    clients_[client.peer.slot].reset();
}

Worker& BrokerCore::make_worker(PeerId peer) {
    if (peer.slot >= workers_.size()) workers_.resize(peer.slot + std::size_t{1});
    if (workers_[peer.slot]) drop_worker(*workers_[peer.slot], "its connection closed");
    auto& worker = *(workers_[peer.slot] = std::make_unique<Worker>());
    worker.peer = peer;
    worker.serial = ++last_serial_;
    worker.id = broker_id_.substr(0, 4) + "-" + std::to_string(worker.serial);
    worker.registered = now_;
    worker.last_heard = running_time();
    workers_by_serial_.emplace(worker.serial, &worker);
    without_address_.push_back(peer);
    return worker;
}

std::vector<Service*> BrokerCore::services_of(const Worker& worker) {
    std::vector<Service*> services;
    for (const auto& membership : worker.memberships) services.push_back(membership->service);
    return services;
}

void BrokerCore::drop_worker(Worker& worker, std::string_view why) {
    const bool left = worker.draining && worker.running == nullptr;
    counters_.add(left ? Counter::workers_left : Counter::workers_lost);
    notice(left ? Notice::Level::info : Notice::Level::warning, left ? "worker left" : "worker lost",
           {{"worker", worker.id},
            {"name", worker.name},
            {"why", std::string(why)},
            {"in_flight", std::to_string(worker.in_flight)}});

    auto unsent = take_unsent(worker);
    // Out of the tables first, so that none of its calls comes back to it.
    deadlines_.remove(worker.timer);
    const auto gone = std::move(workers_[worker.peer.slot]);
    workers_by_serial_.erase(worker.serial);
    const auto services = services_of(worker);
    directory_.leave(worker, now_);

    start_over(std::move(unsent), worker);  // before what is older, and goes before them where it has to wait
    while (Call* call = worker.running) {
        release_place(*call);
        if (call->state == Call::State::abandoned)
            free_call(*call);
        else
            lose(*call, worker.id, why);
    }
    for (Service* service : services) settle(*service);
    reroute_own(worker);
}

std::optional<PeerId> BrokerCore::next_without_address() {
    if (without_address_.empty()) return std::nullopt;
    const PeerId peer = without_address_.back();
    without_address_.pop_back();
    return peer;
}

void BrokerCore::set_worker_address(PeerId peer, std::string address) {
    if (Worker* worker = find_worker(peer)) worker->address = std::move(address);
}

void BrokerCore::begin_drain(TimePoint now) {
    tick(now);
    if (draining_) return;
    draining_ = true;
    for (const auto& client : clients_)
        if (client && client->hello) append_notification(to_clients_.add(client->peer), "rpc.goaway", no_parameters);
}

void BrokerCore::end_all(TimePoint now) {
    tick(now);
    const std::string going = "the broker is shutting down; try another one, or again later";
    std::vector<Call*> left;
    calls_.for_each([&](Call& call) {
        if (call.state != Call::State::abandoned) left.push_back(&call);
    });
    for (Call* call : left) end(*call, {Code::unavailable, going, By::broker, call->ran()});
}

void BrokerCore::notice(Notice::Level level, std::string text,
                        std::vector<std::pair<std::string, std::string>> fields) {
    if (notices_.size() >= max_notices) {
        ++notices_left_out_;
        return;
    }
    notices_.push_back({level, std::move(text), std::move(fields)});
}

std::vector<Notice> BrokerCore::take_notices() {
    auto taken = std::exchange(notices_, {});
    if (const auto left_out = std::exchange(notices_left_out_, 0))
        taken.push_back({Notice::Level::warning, "notices left out", {{"count", std::to_string(left_out)}}});
    return taken;
}

}  // namespace rpcbroker::broker
