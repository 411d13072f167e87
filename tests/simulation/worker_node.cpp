#include "tests/simulation/worker_node.hpp"

#include <algorithm>
#include <utility>

#include <rpcbroker/pack.hpp>

#include "tests/simulation/services.hpp"

namespace rpcbroker::simulation {
namespace {

using namespace std::chrono_literals;

constexpr int bodies_a_turn = 64;
constexpr Duration blocked_pause = 5ms;

SessionOptions draw_options(Scene& scene, const std::string& name, unsigned threads) {
    SessionOptions options;
    options.name = name;
    options.services = draw_offer(scene.random);
    options.threads = threads;
    if (scene.random.chance(700)) options.capacity = static_cast<std::uint32_t>(scene.random.between(1, 12));
    options.room = std::make_shared<SharedCapacity>(threads, options.capacity);
    options.idempotent = [](std::string_view method) { return is_idempotent(method); };
    return options;
}

std::uint32_t msgid_in(std::string_view params) {
    Unpacker in{params};
    in.take_array();
    return static_cast<std::uint32_t>(in.take_unsigned().value_or(0));
}

}  // namespace

WorkerNode::WorkerNode(Scene& scene, Place place, std::string name, const std::vector<Place>& brokers)
    : Process(scene, place, std::move(name)),
      threads_(static_cast<unsigned>(scene.random.between(1, 4))),
      links_(brokers.size()) {
    const auto options = draw_options(scene, this->name(), threads_);
    room_ = options.room;
    capacity_ = options.capacity;
    for (std::size_t i = 0; i < brokers.size(); ++i) {
        links_[i].session = std::make_unique<WorkerSession>(options, scene.events.now());
        links_[i].dealer = std::make_unique<Dealer>(scene.network, place, brokers[i], true, [this] { wake(); });
    }
}

void WorkerNode::stop() {
    note("is asked to stop");
    stopping_ = true;
    wake();
}

bool WorkerNode::registered() const {
    return std::ranges::all_of(links_, [](const Link& link) { return link.session->registered(); });
}

bool WorkerNode::is_stuck() const {
    return std::ranges::any_of(running_, [](const auto& each) { return each->behaviour == Behaviour::for_good; });
}

bool WorkerNode::idle() const {
    return running_.empty() && std::ranges::all_of(links_, [](const Link& link) {
               return link.session->waiting() == 0 && link.session->outbox().waiting_bytes() == 0;
           });
}

// ---- turns, as worker/runtime.cpp takes them

std::optional<TimePoint> WorkerNode::turn(TimePoint now) {
    bool more = false;
    for (auto& link : links_) {
        more |= receive(link, now);
        if (stopping_) link.session->leave(now);
        link.session->on_time(now);
        check_silence(link, now);
    }
    if (all_busy())
        for (auto& link : links_) gave_back_ |= link.session->give_back(now);
    collect_events();
    flush();
    start_calls(now);
    flush();
    check_shares();
    if (std::ranges::all_of(links_, [](const Link& link) { return link.session->finished(); })) {
        note("ends");
        if (!running_.empty()) throw Violation{"a worker that leaves finishes what it runs", name()};
        end();
        return std::nullopt;
    }
    return more ? now : next_turn(now);
}

std::optional<TimePoint> WorkerNode::next_turn(TimePoint now) {
    std::optional<TimePoint> next;
    const auto consider = [&next](std::optional<TimePoint> when) {
        if (when) next = next ? std::min(*next, *when) : when;
    };
    for (auto& link : links_) {
        consider(link.session->next_deadline());
        if (all_busy()) consider(link.session->give_back_at());
        if (link.blocked) consider(now + blocked_pause);
    }
    return next;
}

/// Returns whether there is more.
bool WorkerNode::receive(Link& link, TimePoint now) {
    for (int i = 0; i < bodies_a_turn; ++i) {
        if (link.dealer->next() == Dealer::What::nothing) return false;
        take_in(link, link.dealer->receive(), now);
    }
    return true;
}

void WorkerNode::take_in(Link& link, Dealer::Event event, TimePoint now) {
    switch (event.what) {
    case Dealer::What::connected:
        note("connected");
        link.given_back.clear();
        link.connected = true;
        ++link.connections;
        link.heard = now;
        return link.session->on_connected(now);
    case Dealer::What::closed:
        note("closed");
        link.connected = false;
        return link.session->on_closed(now);
    case Dealer::What::body:
        link.heard = now;
        watch_in(link, event.packet.bytes);
        return link.session->on_body(Body{std::move(event.packet.bytes)}, now);
    case Dealer::What::nothing: return;
    }
}

bool WorkerNode::runs(const Link& link, std::uint32_t msgid) const {
    return std::ranges::any_of(running_, [&](const auto& each) {
        return each->link == &link && each->connection == link.connections && each->call.msgid == msgid;
    });
}

/// A call that is cancelled while it waits is never started.
void WorkerNode::watch_in(Link& link, std::string_view body) const {
    BodyReader reader{body};
    MessageView message;
    while (reader.next(message) == BodyReader::Step::message) {
        if (message.type != MessageType::notification) continue;
        link.leaving |= message.method == "rpc.drain";
        if (message.method != "rpc.cancel") continue;
        const auto msgid = msgid_in(message.params);
        if (!runs(link, msgid)) link.given_back.insert(msgid);
    }
}

void WorkerNode::watch_out(Link& link, std::string_view body) {
    BodyReader reader{body};
    MessageView message;
    while (reader.next(message) == BodyReader::Step::message) {
        if (message.type != MessageType::notification || message.method != "rpc.return") continue;
        Unpacker in{message.params};
        in.take_array();
        for (auto left = in.take_array().value_or(0); left > 0; --left) {
            const auto msgid = static_cast<std::uint32_t>(in.take_unsigned().value_or(0));
            note("gives back " + std::to_string(msgid));
            link.given_back.insert(msgid);
            if (runs(link, msgid))
                throw Violation{"a worker runs nothing that it gives back", name() + ": " + std::to_string(msgid)};
        }
    }
}

void WorkerNode::flush() {
    for (auto& link : links_) {
        Outbox& outbox = link.session->outbox();
        link.blocked = false;
        while (const Outgoing* body = outbox.front(WorkerSession::broker)) {
            std::string bytes{body->large.empty() ? std::string_view{body->bytes} : body->large.bytes()};
            watch_out(link, bytes);
            link.blocked = link.dealer->send({{}, std::move(bytes)}) != Sent::yes;
            if (link.blocked) break;
            outbox.pop_front(WorkerSession::broker);
        }
    }
}

void WorkerNode::collect_events() {
    for (auto& link : links_) {
        while (const auto event = link.session->next_event()) {
            if (event->what == SessionEvent::What::registered) note("registered as " + event->detail);
            if (event->what == SessionEvent::What::lost) note("lost: " + event->detail);
            has_left_ |= event->what == SessionEvent::What::left;
            if (event->what == SessionEvent::What::refused) note("refused: " + event->detail);
            const bool cancels = event->what == SessionEvent::What::call_cancelled;
            if (!cancels && event->what != SessionEvent::What::call_credited) continue;
            for (const auto& each : running_) {
                if (each->link != &link || each->call.slot != event->slot) continue;
                each->cancelled |= cancels;
                const bool gives_way =
                    each->behaviour == Behaviour::until_cancelled || each->behaviour == Behaviour::slow;
                if (cancels && gives_way) at(scene_.events.now() + 100us, [this, each] { finish(each); });
                if (std::exchange(each->awaits_credit, false)) plan_item(each, 0us);
            }
        }
    }
}

/// The session looks once a heartbeat, and at most that much later when it did not run.
void WorkerNode::check_silence(const Link& link, TimePoint now) const {
    if (!link.connected || !link.session->registered() || stopping_ || link.leaving) return;
    const Duration latest = 4 * scene_.settings.limits.heartbeat + 2ms;
    if (now - link.heard > latest)
        throw Violation{"a silent broker is given up after three heartbeats", name() + " still is registered"};
}

/// What brokers are told adds up to no more than there is.
void WorkerNode::check_shares() const {
    if (!capacity_ || room_->closed()) return;
    std::uint32_t shares = 0;
    for (std::uint32_t broker = 0; broker < links_.size(); ++broker) shares += room_->share(broker);
    if (shares > *capacity_)
        throw Violation{"a worker's capacity is shared, not multiplied",
                        name() + " offers " + std::to_string(shares) + " places of " + std::to_string(*capacity_)};
}

// ---- handlers

void WorkerNode::start_calls(TimePoint now) {
    for (std::size_t idle = 0; idle < links_.size() && !all_busy();) {
        Link& link = links_[next_link_++ % links_.size()];
        if (auto call = link.session->next_call(now)) {
            start(link, std::move(*call), now);
            idle = 0;
        } else {
            ++idle;
        }
    }
}

void WorkerNode::start(Link& link, Call call, TimePoint now) {
    if (call.deadline && now >= *call.deadline)
        throw Violation{"nothing is started after its deadline", name() + ": " + std::to_string(call.msgid)};
    if (link.given_back.contains(call.msgid))
        throw Violation{"what was given back or cancelled is not started", name() + ": " + std::to_string(call.msgid)};
    auto handler = std::make_shared<Running>();
    handler->link = &link;
    handler->connection = link.connections;
    handler->call = std::move(call);
    describe(*handler);
    note("runs " + std::to_string(handler->call.msgid) +
         (handler->number ? " #" + std::to_string(*handler->number) : " of a stranger"));
    running_.push_back(handler);
    plan(handler, now);
}

void WorkerNode::describe(Running& running) {
    auto& random = scene_.random;
    const auto number = read_number(running.call.params);
    if (!number || !scene_.history.knows(*number)) {
        running.behaviour = draw_behaviour(random, scene_.settings, running.call.method);
        if (running.behaviour == Behaviour::for_good) running.behaviour = Behaviour::slow;
        if (running.behaviour == Behaviour::streams) running.items_left = random.between(0, 20);
        return;
    }
    const CallRecord& record = scene_.history.call(*number);
    if (record.method != running.call.method)
        throw Violation{"a call arrives as it was made", name() + ": " + std::string{running.call.method}};
    running.number = number;
    running.execution = scene_.history.started(*number, name());
    running.behaviour = record.behaviour;
    running.fails = record.fails;
    if (record.streams && running.behaviour != Behaviour::until_cancelled) running.items_left = random.between(0, 20);
}

void WorkerNode::plan(const Handler& handler, TimePoint now) {
    auto& random = scene_.random;
    const auto ends = [&](Duration after) { at(now + after, [this, handler] { finish(handler); }); };
    switch (handler->behaviour) {
    case Behaviour::quick:
        if (handler->items_left > 0) return plan_item(handler, 0us);
        return ends(random.between(0us, 100us));
    case Behaviour::slow: return ends(random.between(Duration{5ms}, Duration{400ms}));
    case Behaviour::stubborn: return ends(random.between(Duration{50ms}, Duration{1500ms}));
    case Behaviour::streams: return plan_item(handler, 0us);
    case Behaviour::until_cancelled:
    case Behaviour::for_good: return;
    }
}

void WorkerNode::plan_item(const Handler& handler, Duration pause) {
    at(scene_.events.now() + pause, [this, handler] { send_item(handler); });
}

void WorkerNode::send_item(const Handler& handler) {
    if (handler->over) return;
    if (handler->items_left == 0) return finish(handler);
    std::string item;
    begin_item(item, handler->call.msgid);
    item += packed(Echo{handler->number.value_or(0), handler->execution, handler->items_sent});
    switch (handler->link->session->send_item(handler->call, item)) {
    case ItemSent::yes:
        --handler->items_left;
        ++handler->items_sent;
        wake();
        return plan_item(handler,
                         scene_.random.chance(800) ? Duration{10us} : scene_.random.between(0us, Duration{20ms}));
    case ItemSent::no_credit: {
        handler->awaits_credit = true;
        if (!handler->call.deadline) return;
        return at(*handler->call.deadline, [this, handler] {
            if (std::exchange(handler->awaits_credit, false)) finish(handler);
        });
    }
    case ItemSent::no_room: return plan_item(handler, 1ms);
    case ItemSent::unwanted:
    case ItemSent::too_large: return finish(handler);
    }
}

std::string WorkerNode::response(const Running& running) const {
    std::string out;
    const auto number = running.number.value_or(0);
    const bool gave_up = running.items_left > 0 || running.cancelled;
    if (running.fails || gave_up) {
        Error error{running.fails ? Code::aborted : Code::data_loss, running.fails ? "as asked for" : "gave up"};
        std::string data;
        Packer{data}.unsigned_integer(number);
        append_error(out, running.call.msgid, error.set_data(data));
    } else {
        begin_result(out, running.call.msgid);
        const bool large = running.number && scene_.history.call(*running.number).large_result;
        out += packed(Echo{number, running.execution, running.items_sent}, large ? 70'000 : 0);
    }
    return out;
}

/// On a thread that is then free for another call.
void WorkerNode::finish(const Handler& handler) {
    if (std::exchange(handler->over, true)) return;
    std::erase(running_, handler);
    std::string bytes = response(*handler);
    handler->link->session->finish(handler->call, bytes);
    if (std::exchange(gave_back_, false))
        for (auto& link : links_) link.session->take_again();
    // A thread that was in a handler looks for another call before anybody is back at the sockets.
    if (scene_.random.chance(300)) start_calls(scene_.events.now());
    collect_events();
    flush();
    wake();
}

}  // namespace rpcbroker::simulation
