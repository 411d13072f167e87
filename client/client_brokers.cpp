// Brokers, from the client's side: greeted, chosen, judged silent, lost.
#include <algorithm>

#include <rpcbroker/pack.hpp>

#include "client/client_core.hpp"

namespace rpcbroker {

namespace {

constexpr int silent_heartbeats = 3;

// So many handshakes, one after the other, that the broker ends mean that our key is not the right one.
constexpr unsigned convincing_refusals = 2;

void append_hello(std::string& out, const std::string& name) {
    std::string params;
    Packer packer{params};
    packer.array(1).map(name.empty() ? 3 : 4);
    packer.string("protocol").unsigned_integer(1).string("batch").boolean(true).string("heartbeat").boolean(true);
    if (!name.empty()) packer.string("name").string(name);
    append_request(out, ClientSession::hello_msgid, "rpc.hello", params);
}

}  // namespace

/// The usable one with the least in flight; where several are equal, they take turns. One that has answered is taken
/// before one that was only greeted.
std::optional<BrokerIndex> ClientSession::choose(std::size_t bytes) noexcept {
    const bool small = bytes <= unasked_bytes;
    const auto count = static_cast<BrokerIndex>(links_.size());
    std::optional<BrokerIndex> best;
    BrokerIndex at = last_chosen_;
    for (BrokerIndex step = 0; step < count; ++step) {
        if (++at >= count) at = 0;
        const Link& link = links_[at];
        if (link.leaving || !(link.state == LinkState::up || (small && link.state == LinkState::greeting))) continue;
        const auto rank = [](const Link& l) { return std::pair{l.state != LinkState::up, l.in_flight}; };
        if (!best || rank(link) < rank(links_[*best])) best = at;
    }
    if (best) last_chosen_ = *best;
    return best;
}

bool ClientSession::every_broker_refuses() const noexcept {
    return std::all_of(links_.begin(), links_.end(), [](const Link& l) { return l.state == LinkState::refused; });
}

Error ClientSession::refused_error(bool may_have_run) const {
    const Link& link = links_.front();
    return Error{link.refusal, "the broker at " + link.endpoint + " refuses: " + link.trouble, By::client,
                 may_have_run ? Ran::maybe : Ran::no};
}

bool ClientSession::every_broker_keeps_out() const noexcept {
    return std::all_of(links_.begin(), links_.end(), [](const Link& link) {
        return link.state == LinkState::refused || link.key_refusals >= convincing_refusals;
    });
}

Error ClientSession::kept_out_error(bool may_have_run) const {
    std::string text = "no broker lets us in: ";
    for (const Link& link : links_) {
        if (&link != &links_.front()) text += "; ";
        text.append(link.endpoint).append(": ").append(link.trouble);
    }
    return Error{Code::unauthenticated, text, By::client, may_have_run ? Ran::maybe : Ran::no};
}

/// What is heard of when a call has just begun may have been said long before. So it ends for a refusal that came while it waited.
void ClientSession::end_kept_out() {
    const bool again = std::exchange(refused_again_, false);
    const CallId newest = std::exchange(waited_before_, waiting_.empty() ? 0 : *waiting_.rbegin());
    if (!again || !every_broker_keeps_out()) return;
    while (!waiting_.empty() && *waiting_.begin() <= newest) {
        const CallId id = *waiting_.begin();
        end(id, kept_out_error(calls_.at(id).may_have_run));
    }
}

bool ClientSession::awaits_word(const Link& link) noexcept {
    return link.in_flight > 0 && (link.state == LinkState::greeting || link.state == LinkState::up);
}

bool ClientSession::is_heard(const Link& link, TimePoint now) noexcept {
    return now - link.quiet_since < silent_heartbeats * link.heartbeat;
}

/// The first call is on its way there: from now on an answer is due.
void ClientSession::expect_word(Link& link, TimePoint now) noexcept {
    link.quiet_since = std::max(link.quiet_since, now);
    link.checked = now;
    link.next_heartbeat = now + link.heartbeat;
}

std::string ClientSession::nobody_answers() const {
    std::string text = "no broker answers at ";
    for (const Link& link : links_) {
        if (&link != &links_.front()) text += ", ";
        text += link.endpoint;
        if (!link.trouble.empty()) text += " (" + link.trouble + ")";
    }
    return text;
}

std::string& ClientSession::write_to(BrokerIndex broker) {
    ++links_[broker].written;
    return outbox_.add(peer_of(broker));
}

void ClientSession::say_hello(BrokerIndex broker, LinkState state, TimePoint now) {
    Link& link = links_[broker];
    link.state = state;
    link.leaving = false;
    link.quiet_since = now;
    // A body over max_message would close the connection: below this, messages go one by one.
    outbox_.set_batching(peer_of(broker), link.max_message >= Outbox::batch_bytes);
    append_hello(write_to(broker), options_.name);
}

void ClientSession::on_connected(BrokerIndex broker, TimePoint now) {
    if (links_[broker].state != LinkState::down) on_closed(broker, "it was made again", now);
    links_[broker].trouble.clear();
    links_[broker].key_refusals = 0;
    say_hello(broker, LinkState::greeting, now);
    dispatch_waiting(now);
}

void ClientSession::on_closed(BrokerIndex broker, std::string_view reason, TimePoint now) {
    Link& link = links_[broker];
    if (link.state == LinkState::down) return;
    link.state = LinkState::down;
    link.trouble.clear();
    std::string text = "the connection to " + link.endpoint + " closed";
    if (!reason.empty()) text.append(": ").append(reason);
    lose(broker, text, now);
    dispatch_waiting(now);
}

void ClientSession::on_refused(BrokerIndex broker, std::string_view reason, KeyTrouble keys, TimePoint now) {
    on_closed(broker, reason, now);
    Link& link = links_[broker];
    note_key_trouble(link, keys);
    refused_again_ = true;
    const std::string named = link.endpoint + ": ";
    if (reason.starts_with(named)) reason.remove_prefix(named.size());
    link.trouble = reason;
}

/// A broker that ends just then looks the same, once.
void ClientSession::note_key_trouble(Link& link, KeyTrouble keys) noexcept {
    if (keys == KeyTrouble::none) {
        link.key_refusals = 0;
    } else if (keys == KeyTrouble::certain) {
        link.key_refusals = convincing_refusals;
    } else if (link.key_refusals < convincing_refusals) {
        ++link.key_refusals;
    }
}

/// Time in which nobody ran this session is not the broker's silence: it is taken out.
void ClientSession::forgive_unattended(Link& link, TimePoint now) noexcept {
    if (!awaits_word(link)) return;
    const Duration unattended = now - std::exchange(link.checked, now);
    if (unattended > 2 * link.heartbeat) link.quiet_since = std::min(now, link.quiet_since + unattended);
}

void ClientSession::judge_silence(BrokerIndex broker, TimePoint now) {
    Link& link = links_[broker];
    if (!awaits_word(link)) return;
    if (!is_heard(link, now)) {
        link.trouble = "connected, but silent";
        lose(broker, "the broker at " + link.endpoint + " went silent", now);
        say_hello(broker, LinkState::silent, now);
        dispatch_waiting(now);
    } else if (link.state == LinkState::up && now >= link.next_heartbeat) {
        std::string params;
        Packer{params}.array(0);
        append_notification(write_to(broker), "rpc.heartbeat", params);
        link.next_heartbeat = now + link.heartbeat;
    }
}

/// Whatever is under way there ends or waits again, and a new generation begins.
void ClientSession::lose(BrokerIndex broker, const std::string& reason, TimePoint now) {
    ++counters_.brokers_lost;
    take_back_unsent(broker);
    auto all = calls_.numbers();
    std::sort(all.begin(), all.end());
    for (const CallId id : all) {
        Call& call = calls_.at(id);
        if (call.sent && call.broker == broker) end_lost(id, call, reason, now);
    }
    Link& link = links_[broker];
    outbox_.forget(peer_of(broker));
    ++link.generation;
    link.written = link.sent = 0;
}

/// What is still in the outbox was certainly not sent.
void ClientSession::take_back_unsent(BrokerIndex broker) {
    const PeerId peer = peer_of(broker);
    for (; Outgoing* body = outbox_.front(peer); outbox_.pop_front(peer)) {
        BodyReader reader{body->large.empty() ? std::string_view{body->bytes} : body->large.bytes()};
        MessageView message;
        while (reader.next(message) == BodyReader::Step::message) {
            const CallId* id = message.type == MessageType::request ? msgids_.find(message.msgid) : nullptr;
            if (!id) continue;
            Call& call = calls_.at(*id);
            keep(call, std::string{message.bytes});
            take_back(*id, call);
        }
    }
    for (const auto& [sequence, id] : std::exchange(links_[broker].one_ways, {}))
        if (Call* call = calls_.find(id)) take_back(id, *call);
}

void ClientSession::end_lost(CallId id, Call& call, const std::string& reason, TimePoint now) {
    if (!call.idempotent || call.stream || now >= call.deadline)
        return fail(id, Error{Code::unavailable, reason + "; the call may have run", By::client, Ran::maybe}, now);
    ++counters_.calls_run_again;
    call.may_have_run = true;
    take_back(id, call);
}

}  // namespace rpcbroker
