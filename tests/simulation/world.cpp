#include "tests/simulation/world.hpp"

#include <algorithm>
#include <utility>

namespace rpcbroker::simulation {
namespace {

using namespace std::chrono_literals;

constexpr Duration longest_pause = 2s;
constexpr Duration longest_downtime = 700ms;
constexpr Duration supervision = 50ms;
/// From when nothing disturbs any more. A call lasts 4 s at most, and its place at a worker until a stubborn handler of
/// 1.5 s ends that had waited for it; before that a broker may have to be found gone or back: 3 heartbeats of 500 ms, and
/// the second that a worker waits for the answer to its registration.
constexpr Duration longest_unrest = 12s;
constexpr std::uint64_t most_events = 2'000'000;

}  // namespace

World::World(std::uint64_t seed, EventQueue& events, Trace& trace)
    : scene_{Random{seed}, {}, events, trace, Network{events, trace, Random{~seed}}, {}, {}}, keys_(seed ^ 0x6b657973) {
    Random settings = scene_.random.fork();
    scene_.settings = draw_settings(settings);
    scene_.network.set_delay(scene_.settings.delay, scene_.settings.jitter, scene_.settings.pipe);
    add_posts(Role::broker, scene_.settings.brokers, "broker ");
    add_posts(Role::client, scene_.settings.clients, "client ");
    add_posts(Role::worker, scene_.settings.workers, "worker ");
    add_posts(Role::lying_client, scene_.settings.lying_clients, "lying client ");
    add_posts(Role::lying_worker, scene_.settings.lying_workers, "lying worker ");
    if (scene_.settings.keys) give_keys();
}

/// Brokers last: nobody notices any more.
World::~World() {
    for (auto post = posts_.rbegin(); post != posts_.rend(); ++post) post->process.reset();
}

void World::add_posts(Role role, unsigned count, const std::string& name) {
    for (unsigned i = 0; i < count; ++i) posts_.push_back({role, name + std::to_string(i), nullptr});
}

std::vector<Place> World::brokers() const {
    std::vector<Place> places;
    for (Place place = 0; place < scene_.settings.brokers; ++place) places.push_back(place);
    return places;
}

bool World::is_honest(Place place) const {
    return posts_[place].role != Role::lying_client && posts_[place].role != Role::lying_worker;
}

// ---- processes

std::shared_ptr<Process> World::make(Place place) {
    const Post& post = posts_[place];
    switch (post.role) {
    case Role::broker:
        return std::make_shared<BrokerNode>(scene_, place, post.name, [this](Place at) { return is_honest(at); });
    case Role::client: {
        auto client = std::make_shared<ClientNode>(scene_, place, post.name, brokers());
        client->set_workers(&worker_ids_);
        return client;
    }
    case Role::worker: return std::make_shared<WorkerNode>(scene_, place, post.name, brokers());
    case Role::lying_client: return std::make_shared<LyingClient>(scene_, place, post.name, brokers());
    case Role::lying_worker: return std::make_shared<LyingWorker>(scene_, place, post.name, brokers());
    }
    return nullptr;
}

void World::start(Place place) {
    Post& post = posts_[place];
    if (post.process || (calm_ && !is_honest(place))) return;
    scene_.trace.note(post.name, "starts");
    scene_.network.set_running(place, true);
    post.process = make(place);
    post.process->wake();
    if (auto* client = dynamic_cast<ClientNode*>(post.process.get())) client->call_until(disturbed_until_);
}

void World::kill(Place place) {
    Post& post = posts_[place];
    if (!post.process) return;
    if (auto* broker = dynamic_cast<BrokerNode*>(post.process.get()))
        for (std::size_t i = 0; i < broker::counter_names.size(); ++i) {
            const auto counter = static_cast<broker::Counter>(i);
            counters_.add(counter, broker->counters()[counter]);
        }
    post.process.reset();
}

void World::restart_later(Place place, Duration pause) {
    scene_.events.after(pause, [this, place] { start(place); });
}

/// Processes that ended by themselves are started again, and the ids of workers are learned.
void World::supervise() {
    worker_ids_.clear();
    for (Place place = 0; place < posts_.size(); ++place) {
        const auto& process = posts_[place].process;
        if (process && process->ended()) {
            kill(place);
            restart_later(place, scene_.random.between(0us, longest_downtime));
        } else if (const auto* broker = dynamic_cast<BrokerNode*>(process.get())) {
            for (auto& id : broker->watch().worker_ids()) worker_ids_.push_back(std::move(id));
        }
    }
    if (calm_) restart_hopeless();
    scene_.events.after(supervision, [this] { supervise(); });
}

template <class T>
std::vector<T*> World::running() const {
    std::vector<T*> found;
    for (const auto& post : posts_)
        if (auto* process = dynamic_cast<T*>(post.process.get())) found.push_back(process);
    return found;
}

std::vector<Place> World::places(Role role, bool up) const {
    std::vector<Place> found;
    for (Place place = 0; place < posts_.size(); ++place)
        if (posts_[place].role == role && (posts_[place].process != nullptr) == up) found.push_back(place);
    return found;
}

// ---- faults

void World::disturb() {
    if (calm_) return;
    const auto& weights = scene_.settings.fault_weights;
    unsigned total = 0;
    for (const auto weight : weights) total += weight;
    if (total == 0) return;
    auto drawn = scene_.random.below(total);
    std::size_t fault = 0;
    for (; drawn >= weights[fault]; ++fault) drawn -= weights[fault];
    inflict(static_cast<Fault>(fault));
    scene_.events.after(scene_.random.between(0us, 2 * scene_.settings.fault_every), [this] { disturb(); });
}

void World::inflict(Fault fault) {
    switch (fault) {
    case Fault::kill_client: return kill_any(Role::client);
    case Fault::kill_worker: return kill_any(Role::worker);
    case Fault::kill_broker: return kill_any(Role::broker);
    case Fault::pause_client: return pause_any(Role::client);
    case Fault::pause_worker: return pause_any(Role::worker);
    case Fault::pause_broker: return pause_any(Role::broker);
    case Fault::cut_one_way: return cut_any(false);
    case Fault::cut_both_ways: return cut_any(true);
    case Fault::break_connection: return scene_.network.break_any();
    case Fault::slow_network: return slow_down();
    case Fault::stop_worker:
        if (const auto workers = running<WorkerNode>(); !workers.empty()) scene_.random.of(workers)->stop();
        return;
    case Fault::stop_broker:
        if (const auto brokers = running<BrokerNode>(); !brokers.empty()) scene_.random.of(brokers)->stop();
        return;
    case Fault::drain_worker:
        if (const auto brokers = running<BrokerNode>(); !brokers.empty()) scene_.random.of(brokers)->drain_any_worker();
        return;
    case Fault::count: return;
    }
}

void World::kill_any(Role role) {
    const auto up = places(role, true);
    if (up.empty()) return;
    const Place place = scene_.random.of(up);
    scene_.trace.note(posts_[place].name, "is killed");
    kill(place);
    restart_later(place, scene_.random.between(0us, longest_downtime));
}

void World::pause_any(Role role) {
    const auto up = places(role, true);
    if (up.empty()) return;
    const Place place = scene_.random.of(up);
    // Often for about as long as it takes to be given up.
    const Duration given_up = 3 * scene_.settings.limits.heartbeat;
    const Duration pause = scene_.random.chance(300)
                               ? given_up
                               : scene_.random.between(0us, std::min<Duration>(2 * given_up, longest_pause));
    scene_.trace.note(posts_[place].name, "stops running");
    posts_[place].process->pause(scene_.events.now() + pause);
}

void World::cut_any(bool both_ways) {
    const Place broker = scene_.random.of(brokers());
    const Place other = static_cast<Place>(scene_.random.between(scene_.settings.brokers, posts_.size() - 1));
    const auto end =
        scene_.events.now() +
        scene_.random.between(0us, std::min<Duration>(6 * scene_.settings.limits.heartbeat, longest_pause));
    const bool towards = scene_.random.chance(500);
    scene_.trace.note("network", "between " + posts_[broker].name + " and " + posts_[other].name + " is cut" +
                                     (both_ways ? ""
                                      : towards ? ", towards the broker"
                                                : ", from the broker"));
    if (both_ways || towards) scene_.network.cut(other, broker, end);
    if (both_ways || !towards) scene_.network.cut(broker, other, end);
}

void World::slow_down() {
    scene_.trace.note("network", "is slow");
    scene_.network.set_slowness(static_cast<int>(scene_.random.between(5, 50)));
    scene_.events.after(scene_.random.between(0us, Duration{500ms}), [this] { scene_.network.set_slowness(1); });
}

// ---- keys

void World::give_keys() {
    scene_.keys.require();
    for (Place place = scene_.settings.brokers; place < posts_.size(); ++place) {
        const auto role = posts_[place].role;
        const bool is_worker = role == Role::worker || role == Role::lying_worker;
        const bool few = !is_worker && keys_.chance(scene_.settings.few_rights);
        scene_.keys.give(place, posts_[place].name, is_worker ? rpcbroker::Role::worker : rpcbroker::Role::client,
                         few ? "A.*" : "*");
    }
}

/// For a while. Whoever has it tries again and again.
void World::take_a_key_out() {
    if (calm_) return;
    const auto place = static_cast<Place>(keys_.between(scene_.settings.brokers, posts_.size() - 1));
    scene_.trace.note(posts_[place].name, "has no key any more");
    scene_.keys.take_out(place);
    tell_brokers();
    scene_.events.after(keys_.between(0us, longest_downtime), [this, place] { put_in(place); });
    scene_.events.after(keys_.between(0us, 2 * scene_.settings.key_taken_out_every), [this] { take_a_key_out(); });
}

void World::put_in(Place place) {
    scene_.keys.put_in_again(place);
    tell_brokers();
}

void World::tell_brokers() const {
    for (auto* broker : running<BrokerNode>()) broker->wake();
}

// ---- a run

void World::run(std::uint64_t most_events) {
    scene_.trace.note("world", describe(scene_.settings));
    disturbed_until_ = scene_.events.now() + scene_.settings.disturbed_for;
    for (Place place = 0; place < posts_.size(); ++place)
        restart_later(place, scene_.random.between(0us, Duration{5ms}));
    supervise();
    scene_.events.after(scene_.settings.fault_every, [this] { disturb(); });
    if (scene_.settings.keys && scene_.settings.key_taken_out_every > Duration::zero())
        scene_.events.after(scene_.settings.key_taken_out_every, [this] { take_a_key_out(); });
    const auto end = [&] { return most_events > 0 && scene_.events.happened() >= most_events; };
    while (!end() && scene_.events.step(disturbed_until_)) check_steps();
    calm_down();
    come_to_rest();
    call_again();
    come_to_rest();
    for (auto* broker : running<BrokerNode>()) broker->check_idle();
    for (const auto place : places(Role::broker, true)) kill(place);
}

void World::check_steps() const {
    if (scene_.events.happened() > most_events) throw Violation{"nobody runs in circles", "too many events"};
}

void World::until(TimePoint end) {
    while (scene_.events.step(end)) check_steps();
}

/// Nothing more goes wrong, and liars are no more.
void World::calm_down() {
    scene_.trace.note("world", "calms down");
    calm_ = true;
    scene_.network.heal_all();
    scene_.network.set_slowness(1);
    scene_.keys.put_all_in_again();
    tell_brokers();
    for (Place place = 0; place < posts_.size(); ++place) {
        if (!is_honest(place)) kill(place);
        if (posts_[place].process && posts_[place].process->paused()) posts_[place].process->resume();
        if (!posts_[place].process) start(place);
    }
    for (std::uint64_t call = 0; call < scene_.history.calls(); ++call)
        if (scene_.history.call(call).behaviour == Behaviour::for_good)
            scene_.history.call(call).behaviour = Behaviour::until_cancelled;
    restart_hopeless();
    // The brokers learn of the liars' end, and what was on its way when all was slow arrives.
    until(scene_.events.now() + 1s);
}

/// What only an operator can mend: a handler that never ends, and a worker that was drained.
void World::restart_hopeless() {
    for (const Place place : places(Role::worker, true)) {
        const auto& worker = dynamic_cast<const WorkerNode&>(*posts_[place].process);
        if (!worker.is_stuck() && (worker.is_stopping() || !worker.has_left())) continue;
        scene_.trace.note(posts_[place].name, "is killed");
        kill(place);
        start(place);
    }
}

bool World::at_rest() const {
    const auto workers = running<WorkerNode>();
    const auto clients = running<ClientNode>();
    return scene_.network.all_told() &&
           std::ranges::all_of(posts_,
                               [this](const Post& post) {
                                   return !is_honest(static_cast<Place>(&post - posts_.data())) ||
                                          (post.process && !post.process->ended());
                               }) &&
           std::ranges::all_of(workers, [](const auto* worker) { return worker->registered() && worker->idle(); }) &&
           std::ranges::all_of(clients, [](const auto* client) { return client->calls() == 0; }) &&
           std::ranges::all_of(running<BrokerNode>(), [](auto* broker) { return broker->is_idle(); });
}

void World::come_to_rest() {
    const auto end = scene_.events.now() + longest_unrest;
    while (!at_rest()) {
        if (scene_.events.now() >= end) {
            for (auto* broker : running<BrokerNode>()) broker->check_idle();
            throw Violation{"all comes to rest when nothing disturbs it", "it did not"};
        }
        until(scene_.events.now() + 20ms);
    }
    // What is under way arrives.
    until(scene_.events.now() + 4 * (scene_.settings.delay + scene_.settings.jitter) + 100ms);
}

/// From every client, as often as there are brokers, as it goes to them in turn.
void World::call_again() {
    for (auto* client : running<ClientNode>())
        for (unsigned i = 0; i < scene_.settings.brokers; ++i) {
            const auto call = client->call_plainly("A.plain", 1000ms);
            const auto end = scene_.events.now() + 1500ms;
            while (scene_.history.call(call).state == CallRecord::State::open && scene_.events.step(end)) check_steps();
            if (scene_.history.call(call).executions != 1)
                throw Violation{"calls go through when all is well", "call #" + std::to_string(call)};
        }
}

}  // namespace rpcbroker::simulation
