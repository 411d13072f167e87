// Calls, from start to outcome. Brokers are in client_brokers.cpp, what they say in client_messages.cpp.
#include "client/client_core.hpp"

#include <algorithm>
#include <limits>

#include <rpcbroker/pack.hpp>

namespace rpcbroker {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds longest_timeout{std::numeric_limits<std::uint32_t>::max()};

Error by_client(Code code, std::string message, Ran ran) { return Error{code, std::move(message), By::client, ran}; }

bool is_params(std::string_view params) noexcept {
    Unpacker unpacker{params};
    return unpacker.peek() == Kind::array && unpacker.skip_value(max_nesting - 1) && unpacker.at_end();
}

std::uint32_t milliseconds_left(TimePoint deadline, TimePoint now) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - now);
    return static_cast<std::uint32_t>(std::clamp(left, milliseconds{1}, longest_timeout).count());
}

/// Writes the time that is left into a request or notification that waited. All of ours hold it in five-byte form.
void restamp(std::string& request, TimePoint deadline, TimePoint now) {
    MessageView message;
    BodyReader reader{request};
    if (reader.next(message) != BodyReader::Step::message || message.options.timeout_at == 0) return;
    const auto tail_at = static_cast<std::size_t>(message.tail.data() - request.data());
    overwrite_u32(request.data() + tail_at + message.options.timeout_at, milliseconds_left(deadline, now));
}

}  // namespace

ClientSession::ClientSession(ClientOptions options, TimePoint now, std::uint32_t seed)
    : options_(std::move(options)), links_(options_.brokers.size()), deadlines_(now), random_(seed) {
    for (std::size_t i = 0; i < links_.size(); ++i) {
        links_[i].endpoint = options_.brokers[i];
        links_[i].max_message = options_.max_message;
    }
}

CallId ClientSession::start(const NewCall& request, TimePoint now) {
    const auto timeout = time_for(request, now);
    const CallId id = calls_.add();
    Call& call = calls_.at(id);
    call.owner = request.owner;
    call.deadline = now + timeout;
    call.one_way = request.one_way;
    call.stream = request.stream && !request.one_way;
    call.credit = request.stream.value_or(0);
    call.idempotent = request.options.idempotent.value_or(false);
    const RetryPolicy& retry = request.options.retry ? *request.options.retry : options_.retry;
    if (retry.attempts > 1 && !call.one_way) call.retrying = retrying_by(retry);
    if (!accept(request)) {
        end(id, refusal(request));
    } else if (timeout <= milliseconds::zero()) {
        end(id, by_client(Code::deadline_exceeded, "the call's time was over before it was made", Ran::no));
    } else {
        retry_budget_ = std::min(retry_budget_ + 1, most_retry_budget);
        request_.set_params(request.params);
        request_.set_options(request.options, request.stream, static_cast<std::uint32_t>(timeout.count()));
        call.timer = deadlines_.add(call.deadline, id);
        place(id, call, now);
    }
    return id;
}

milliseconds ClientSession::time_for(const NewCall& call, TimePoint now) const {
    const auto timeout = std::min(call.options.timeout.value_or(options_.timeout), longest_timeout);
    return call.latest ? std::min(timeout, std::chrono::floor<milliseconds>(*call.latest - now)) : timeout;
}

/// Whether it can be made at all. If so, its method is set in the request at hand.
bool ClientSession::accept(const NewCall& call) {
    return request_.set_method(call.method, call.one_way) && is_params(call.params) &&
           calls_.size() <= options_.max_calls;
}

/// Why not.
Error ClientSession::refusal(const NewCall& call) const {
    if (!is_method_name(call.method))
        return by_client(Code::invalid_argument,
                         "a method is called \"Service.Method\", of 3 to 255 bytes: not \"" +
                             std::string{call.method.substr(0, 300)} + "\"",
                         Ran::no);
    if (!is_params(call.params))
        return by_client(Code::invalid_argument,
                         "the parameters are not one MessagePack array, nested less than 64 deep", Ran::no);
    return by_client(Code::resource_exhausted,
                     "this client has " + std::to_string(options_.max_calls) + " calls in flight already", Ran::no);
}

bool ClientSession::has_room_for(std::size_t bytes) const noexcept {
    const std::size_t held = held_bytes_ + outbox_.waiting_bytes();
    return held == 0 || held + bytes <= options_.max_held_bytes;
}

/// Sends the request at hand, or keeps it until it can be sent.
void ClientSession::place(CallId id, Call& call, TimePoint now) {
    const std::size_t size = request_.size();
    if (!has_room_for(size))
        return end(id, by_client(Code::resource_exhausted,
                                 "the requests that this client holds have reached " +
                                     std::to_string(options_.max_held_bytes) + " bytes",
                                 Ran::no));
    const auto broker = choose(size);
    if (!broker && every_broker_refuses()) return end(id, refused_error(call.may_have_run));
    if (broker && size <= Outbox::large_bytes && !may_be_sent_again(call)) {
        if (begin_sending(id, call, size, *broker, now)) request_.append_to(write_to(*broker), call.msgid);
        return;
    }
    std::string whole;
    whole.reserve(size);
    request_.append_to(whole, 0);
    keep(call, std::move(whole));
    if (broker)
        send(id, call, *broker, now);
    else
        waiting_.insert(id);
}

void ClientSession::keep(Call& call, std::string request) {
    held_bytes_ += request.size();
    held_bytes_ -= std::exchange(call.held, request.size());
    call.request = std::move(request);
}

/// False when its request is larger than the broker takes: then it has ended.
bool ClientSession::begin_sending(CallId id, Call& call, std::size_t size, BrokerIndex broker, TimePoint now) {
    Link& link = links_[broker];
    if (size > link.max_message) {
        end(id, by_client(Code::resource_exhausted,
                          "the request has " + std::to_string(size) + " bytes, the broker takes " +
                              std::to_string(link.max_message),
                          call.may_have_run ? Ran::maybe : Ran::no));
        return false;
    }
    wait_no_more(id);
    call.sent = true;
    call.broker = broker;
    if (call.one_way) return true;
    call.msgid = msgids_.add(id);
    if (link.in_flight++ == 0) expect_word(link, now);
    return true;
}

/// The request is the one that the call holds.
void ClientSession::send(CallId id, Call& call, BrokerIndex broker, TimePoint now) {
    if (!begin_sending(id, call, call.request.size(), broker, now)) return;
    if (!call.one_way) overwrite_u32(call.request.data() + usual_msgid_at, call.msgid);
    const bool again = may_be_sent_again(call);
    write(broker, call.request, again);
    if (!again) keep(call, {});
    if (call.one_way) links_[broker].one_ways.emplace_back(links_[broker].written, id);
}

bool ClientSession::may_be_sent_again(const Call& call) noexcept {
    if (call.retrying && call.retrying->left > 0) return true;
    return call.one_way || (call.idempotent && !call.stream);
}

/// A large one is moved if it may be, so that it is copied neither here nor in the transport.
void ClientSession::write(BrokerIndex broker, std::string& request, bool copy) {
    if (request.size() <= Outbox::large_bytes) {
        write_to(broker).append(request);
        return;
    }
    ++links_[broker].written;
    outbox_.add_large(peer_of(broker), {}, Body{copy ? request : std::move(request)});
}

/// A call that waits goes out if a broker can take it.
void ClientSession::dispatch(CallId id, Call& call, TimePoint now) {
    const auto broker = choose(call.request.size());
    if (!broker || call.deadline <= now) return;
    restamp(call.request, call.deadline, now);
    send(id, call, *broker, now);
}

void ClientSession::dispatch_waiting(TimePoint now) {
    for (auto next = waiting_.begin(); next != waiting_.end();) {
        const CallId id = *next++;
        dispatch(id, calls_.at(id), now);
    }
}

/// It is no longer under way at its broker.
void ClientSession::release(Call& call) noexcept {
    if (call.sent && !call.one_way) {
        msgids_.erase(call.msgid);
        --links_[call.broker].in_flight;
    }
    call.sent = false;
}

void ClientSession::take_back(CallId id, Call& call) {
    release(call);
    waiting_.insert(id);
}

void ClientSession::cancel(CallId id) {
    Call* call = calls_.find(id);
    if (!call) return;
    const Ran ran = call->sent || call->may_have_run ? Ran::maybe : Ran::no;
    cancel_at_broker(*call);
    end(id, by_client(Code::cancelled, "the caller cancelled it", ran));
}

void ClientSession::cancel_all() {
    auto all = calls_.numbers();
    std::sort(all.begin(), all.end());
    for (const CallId id : all) cancel(id);
}

void ClientSession::grant(CallId id, std::uint32_t items) {
    Call* call = calls_.find(id);
    if (!call || !call->stream || !call->sent) return;
    call->credit += items;
    tell_broker(*call, "rpc.credit", {call->msgid, items});
}

void ClientSession::tell_broker(const Call& call, std::string_view method,
                                std::initializer_list<std::uint32_t> numbers) {
    std::string params;
    Packer packer{params};
    packer.array(numbers.size());
    for (const auto number : numbers) packer.unsigned_integer(number);
    append_notification(write_to(call.broker), method, params);
}

void ClientSession::cancel_at_broker(const Call& call) {
    if (call.sent && !call.one_way) tell_broker(call, "rpc.cancel", {call.msgid});
}

void ClientSession::on_timer(CallId id, TimePoint now) {
    Call* call = calls_.find(id);
    if (!call) return;
    call->timer = Deadlines::none;
    if (call->resting)
        wake(id, *call, now);
    else
        on_call_deadline(id, *call, now);
}

void ClientSession::on_call_deadline(CallId id, Call& call, TimePoint now) {
    if (!call.sent)
        return end(id, by_client(Code::unavailable, nobody_answers(), call.may_have_run ? Ran::maybe : Ran::no));
    const Link& link = links_[call.broker];
    if (!call.one_way && !call.in_grace && is_heard(link, now)) {
        call.in_grace = true;
        call.timer = deadlines_.add(call.deadline + grace, id);
        return;
    }
    cancel_at_broker(call);
    if (!call.one_way && is_heard(link, now) && link.state != LinkState::greeting)
        return end(id, by_client(Code::deadline_exceeded, "no answer within the call's time", Ran::maybe));
    end(id, by_client(Code::unavailable, "the broker at " + link.endpoint + " is connected, but silent", Ran::maybe));
}

void ClientSession::end(CallId id, Error error) {
    outcomes_.emplace_back(id, calls_.at(id).owner).reply = std::move(error);
    forget(id);
}

void ClientSession::succeed(CallId id, std::string_view result, std::string_view timing) {
    RawReply& reply = *outcomes_.emplace_back(id, calls_.at(id).owner).reply;
    reply.result.assign(result);
    if (!timing.empty()) reply.timing.assign(timing);
    forget(id);
}

void ClientSession::forget(CallId id) {
    Call& call = calls_.at(id);
    deadlines_.remove(call.timer);
    release(call);
    wait_no_more(id);
    held_bytes_ -= call.held;
    calls_.erase(id);
}

Outgoing* ClientSession::next_outgoing(BrokerIndex broker) { return outbox_.front(peer_of(broker)); }

void ClientSession::on_sent(BrokerIndex broker) {
    const PeerId peer = peer_of(broker);
    const Outgoing* body = outbox_.front(peer);
    if (!body) return;
    Link& link = links_[broker];
    link.sent += body->messages;
    outbox_.pop_front(peer);
    while (!link.one_ways.empty() && link.one_ways.front().first <= link.sent) {
        const CallId id = link.one_ways.front().second;
        link.one_ways.pop_front();
        if (calls_.find(id)) succeed(id, {}, {});
    }
}

void ClientSession::on_time(TimePoint now) {
    for (Link& link : links_) forgive_unattended(link, now);
    while (const auto id = deadlines_.pop_due(now)) on_timer(*id, now);
    for (BrokerIndex broker = 0; broker < links_.size(); ++broker) judge_silence(broker, now);
    end_kept_out();
}

std::optional<TimePoint> ClientSession::next_deadline() const {
    auto next = deadlines_.next();
    for (const Link& link : links_) {
        if (!awaits_word(link)) continue;
        auto due = link.quiet_since + 3 * link.heartbeat;
        if (link.state == LinkState::up) due = std::min(due, link.next_heartbeat);
        next = next ? std::min(*next, due) : due;
    }
    return next;
}

}  // namespace rpcbroker
