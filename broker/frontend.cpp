// What clients send: requests are admitted or refused, notifications act on calls that are there.
#include <algorithm>
#include <charconv>
#include <utility>

#include <rpcbroker/pack.hpp>

#include "broker/broker_core.hpp"
#include "broker/rpc_messages.hpp"

namespace rpcbroker::broker {

namespace {

/// Whether it is a method of the service `rpc`.
bool is_reserved(std::string_view method) noexcept {
    return method.starts_with("rpc.") && method.find('.', 4) == std::string_view::npos;
}

/// Whether the request's options are not what a worker is to read: `caller`, which only the broker may write and does for who
/// came by a key, and more stream items than it may send ahead.
bool needs_new_options(const MessageView& message, const Client& client) noexcept {
    const OptionsView& options = message.options;
    if (options.caller || client.identity) return true;
    return options.stream && (*options.stream > StreamCredit::window || message.type == MessageType::notification);
}

/// The request's tail, its options as a worker is to read them. `caller`: the name of the client's key, or empty.
std::string tail_with_new_options(const MessageView& message, std::string_view caller) {
    const OptionsView& options = message.options;
    const bool streams = options.stream && message.type == MessageType::request;
    std::string out(message.tail.substr(0, message.tail.size() - message.options_map.size()));
    Unpacker in(message.options_map);
    const auto size = in.take_map().value_or(0);
    Packer packer(out);
    packer.map(size - std::size_t{options.caller.has_value()} - std::size_t{options.stream && !streams} +
               std::size_t{!caller.empty()});
    for (std::uint32_t i = 0; i < size; ++i) {
        const auto key = in.take_value().value_or(std::string_view());
        const auto value = in.take_value().value_or(std::string_view());
        const auto name = Unpacker(key).take_string();
        if (name == "stream" && streams)
            packer.raw(key).unsigned_integer(std::min(*options.stream, StreamCredit::window));
        else if (name != "caller" && name != "stream")
            packer.raw(key).raw(value);
    }
    if (!caller.empty()) packer.string("caller").string(caller);
    return out;
}

/// By which the option `caller` may lengthen a request, beside what there is of options.
std::size_t caller_bytes(const Client& client) noexcept {
    constexpr std::size_t key_and_heads = 16;
    return client.identity ? client.identity->name.size() + key_and_heads : 0;
}

/// Where the value of a timeout in five-byte form stands in `tail`, whose options begin at `options_at`.
std::uint32_t find_timeout(std::string_view tail, std::size_t options_at) {
    Unpacker in(tail.substr(options_at));
    in.take_map();
    while (!in.at_end() && in.take_string() != "timeout") in.skip_value();
    return static_cast<std::uint32_t>(in.position() - tail.data()) + 1;
}

Error broker_error(Code code, std::string message) { return {code, std::move(message), By::broker, Ran::no}; }

}  // namespace

void BrokerCore::on_client_message(Client& client, std::string_view envelope, const MessageView& message, Body* alone) {
    switch (message.type) {
    case MessageType::request: return on_request(client, envelope, message, alone);
    case MessageType::notification:
        if (is_reserved(message.method)) return on_client_notification(client, envelope, message);
        return on_request(client, envelope, message, alone);
    case MessageType::response:
    case MessageType::stream_item: break;
    }
    counters_.add(Counter::unexpected_messages);
    reply_error(client.peer, envelope, message.msgid,
                broker_error(Code::invalid_argument,
                             "a client sends requests and notifications, not responses or stream items"));
}

void BrokerCore::on_request(Client& client, std::string_view envelope, const MessageView& message, Body* alone) {
    if (message.type == MessageType::request && is_reserved(message.method))
        return on_rpc_request(client, envelope, message);
    if (const auto error = admit(client, envelope, message, alone)) refuse(client, envelope, message, *error);
}

void BrokerCore::refuse(Client& client, std::string_view envelope, const MessageView& message, const Error& error) {
    counters_.add(Counter::calls_refused);
    ++failures_by_code_[static_cast<std::size_t>(error.code())];
    ++client.calls_ended;
    ++client.errors;
    if (message.type == MessageType::request) return reply_error(client.peer, envelope, message.msgid, error);
    counters_.add(Counter::one_way_failed);
}

void BrokerCore::reply_error(PeerId peer, std::string_view envelope, std::optional<std::uint32_t> msgid,
                             const Error& error) {
    append_error(to_clients_.add(peer, envelope), msgid, error);
}

/// Takes the request in as a call and sends it on its way; or says why not.
std::optional<Error> BrokerCore::admit(Client& client, std::string_view envelope, const MessageView& message,
                                       Body* alone) {
    if (needs_keys_ && !may_call(client, message.method)) return may_not_call(client, message.method);
    if (auto error = check_request(envelope, message)) return error;
    if (auto error = check_share(client, message.tail.size())) return error;
    std::uint64_t pin = 0;
    if (auto error = find_pin(message, pin)) return error;
    Method* method = nullptr;
    Service* service = find_method(client, message, method);
    if (!service)
        return broker_error(Code::resource_exhausted, "calls wait for " + std::to_string(limits_.max_services) +
                                                          " services that nobody registered already");
    Call* call = calls_.take();
    if (!call) {
        forget_if_unused(*service);
        return broker_error(Code::resource_exhausted,
                            "the broker holds at most " + std::to_string(CallTable::max_calls) + " calls");
    }
    call->service = service;
    call->method = method;
    describe(*call, envelope, message);
    place_by(*call, pin, message.options.key);
    auto error = lacks_stream(*call) ? stream_needed(*call) : check_wait(client, *call);
    if (!error) error = check_room(client, *call, message.tail.size() + caller_bytes(client));
    if (error) {
        free_call(*call);
        return error;
    }
    keep_request(*call, client, message, alone);
    attach(*call, client);
    ++unanswered_;
    counters_.add(Counter::calls_accepted);
    route(*call, Place::back);
    displace();
    return std::nullopt;
}

/// What is wrong with a request whatever it calls.
std::optional<Error> BrokerCore::check_request(std::string_view envelope, const MessageView& message) const {
    if (message.bad_option) return broker_error(Code::invalid_argument, message.bad_option);
    if (!envelope.empty() && message.options.stream)
        return broker_error(Code::invalid_argument,
                            "option stream: a socket that sends an envelope takes no stream items");
    if (draining_)
        return broker_error(Code::unavailable, "the broker is shutting down; try another one, or again later");
    if (message.options.timeout_ms == 0U)
        return broker_error(Code::deadline_exceeded, "the call had no time left when it came (timeout 0)");
    return std::nullopt;
}

/// What the call is, by its request: all but where it goes and its bytes.
void BrokerCore::describe(Call& call, std::string_view envelope, const MessageView& message) const {
    const OptionsView& options = message.options;
    const std::uint64_t longest = to_milliseconds(limits_.max_timeout);
    const std::uint64_t usual = to_milliseconds(limits_.default_timeout);
    call.request_bytes = static_cast<std::uint32_t>(std::min<std::size_t>(message.tail.size(), UINT32_MAX));
    call.accepted = now_;
    call.deadline = now_ + std::chrono::milliseconds(std::min(options.timeout_ms.value_or(usual), longest));
    call.one_way = message.type == MessageType::notification;
    call.client_msgid = message.msgid;
    if (!envelope.empty()) call.make_extras().envelope = envelope;
    if (options.stream && !call.one_way) call.make_extras().stream.emplace(*options.stream);
    call.timing = options.timing && !call.one_way;
    call.idempotent_said = options.idempotent.has_value();
    call.idempotent = options.idempotent.value_or(false);
}

/// Which workers may run it, by the caller's word: a worker's name says more than a key.
void BrokerCore::place_by(Call& call, std::uint64_t pin, const std::optional<std::string_view>& key) noexcept {
    call.affinity = pin;
    if (pin != 0 || !key) return;
    call.keyed = true;
    call.affinity = stable_hash(*key);
}

std::optional<Error> BrokerCore::find_pin(const MessageView& message, std::uint64_t& serial) {
    if (!message.options.worker) return std::nullopt;
    const std::string_view id = *message.options.worker;
    std::uint64_t wanted = 0;
    std::from_chars(id.data() + std::min(id.size(), id.rfind('-') + 1), id.data() + id.size(), wanted);
    const auto found = workers_by_serial_.find(wanted);
    if (found == workers_by_serial_.end() || found->second->draining || found->second->id != id)
        return broker_error(Code::not_found,
                            "worker " + std::string(id) + " is not there (rpc.workers lists those that are)");
    serial = found->first;
    return std::nullopt;
}

/// The service, made if it is new to the broker, and the method if it is known.
Service* BrokerCore::find_method(Client& client, const MessageView& message, Method*& method) {
    if (client.last_method && client.last_method->full_name == message.method) {
        method = client.last_method;
        return method->service;
    }
    const auto name = message.service();
    Service* service = directory_.service(name);
    if (!service) service = directory_.make_unknown(name);
    if (!service) return nullptr;
    method = Directory::method(*service, message.method.substr(name.size() + 1));
    if (method) client.last_method = method;
    return service;
}

void BrokerCore::keep_request(Call& call, const Client& client, const MessageView& message, Body* alone) {
    call.elements = message.options_map.empty() && !client.identity ? 4 : 5;
    call.timeout_at = message.options.timeout_at;
    if (needs_new_options(message, client)) {
        const auto tail = tail_with_new_options(message, client.identity ? client.identity->name : "");
        const auto options_at = message.tail.size() - message.options_map.size();
        if (call.timeout_at) call.timeout_at = find_timeout(tail, options_at);
        return keep_tail(call, tail);
    }
    if (!alone) {
        const bool usual = message.type == MessageType::request && message.msgid_at == usual_msgid_at;
        if (!usual || message.bytes.size() > large_body) return keep_tail(call, message.tail);
        return call.request.assign(message.bytes);
    }
    const bool in_place = message.type == MessageType::request && message.msgid_at != 0;
    CallExtras& extras = call.make_extras();
    extras.large_msgid_at = in_place ? message.msgid_at : 0;
    extras.large_tail_at = static_cast<std::uint32_t>(message.tail.data() - message.bytes.data());
    extras.large.emplace(std::move(*alone));
}

/// Of a request that did not come as it is to go on.
void BrokerCore::keep_tail(Call& call, std::string_view tail) {
    scratch_.clear();
    append_with_tail(scratch_, MessageType::request, 0, call.elements, tail);
    if (scratch_.size() <= large_body) return call.request.assign(scratch_);
    CallExtras& extras = call.make_extras();
    extras.large_msgid_at = usual_msgid_at;
    extras.large_tail_at = usual_head_size;
    extras.large.emplace(std::exchange(scratch_, {}));
}

void BrokerCore::attach(Call& call, Client& client) {
    call.client = &client;
    call.caller = client.peer;
    call.client_next = client.calls;
    if (client.calls) client.calls->client_previous = &call;
    client.calls = &call;
    ++client.held;
    client.held_bytes += call.request_bytes;
    if (call.one_way) return;
    if (client.by_msgid) (*client.by_msgid)[call.client_msgid] = &call;
    ++client.awaited;
    watch(client);
}

void BrokerCore::detach(Call& call) {
    if (!call.client) return;
    Client& client = *std::exchange(call.client, nullptr);
    if (call.takes_items()) stop_withholding(call, client);
    (call.client_previous ? call.client_previous->client_next : client.calls) = call.client_next;
    if (call.client_next) call.client_next->client_previous = call.client_previous;
    call.client_next = call.client_previous = nullptr;
    --client.held;
    client.held_bytes -= call.request_bytes;
    if (call.one_way) return;
    --client.awaited;
    if (!client.by_msgid) return;
    const auto found = client.by_msgid->find(call.client_msgid);
    if (found != client.by_msgid->end() && found->second == &call) client.by_msgid->erase(found);
}

Call* BrokerCore::client_call(Client& client, std::uint32_t msgid) {
    if (!client.by_msgid) {
        client.by_msgid = std::make_unique<std::unordered_map<std::uint32_t, Call*>>();
        for (Call* call = client.calls; call; call = call->client_next)
            if (!call->one_way) client.by_msgid->try_emplace(call->client_msgid, call);  // the newest comes first
    }
    const auto found = client.by_msgid->find(msgid);
    return found == client.by_msgid->end() ? nullptr : found->second;
}

void BrokerCore::on_client_notification(Client& client, std::string_view envelope, const MessageView& message) {
    const auto name = message.method.substr(4);
    if (name == "cancel") return cancel(client, message);
    if (name == "credit") return on_credit(client, message);
    if (name != "heartbeat") return counters_.add(Counter::unknown_notifications);
    if (envelope.empty()) answer_heartbeat(client);  // a socket that sends one is sent no notifications
}

void BrokerCore::answer_heartbeat(const Client& client) {
    auto& out = to_clients_.add(client.peer);
    if (!client.hello) return append_notification(out, "rpc.hello_again", no_parameters);
    scratch_.clear();
    Packer(scratch_).array(1).string(broker_id_);
    append_notification(out, "rpc.heartbeat", scratch_);
}

void BrokerCore::cancel(Client& client, const MessageView& message) {
    Unpacker in(message.params);
    const auto count = in.take_array();
    const auto msgid = in.take_unsigned();
    if (count != 1U || !msgid || *msgid > UINT32_MAX) return counters_.add(Counter::unknown_notifications);
    Call* call = client_call(client, static_cast<std::uint32_t>(*msgid));
    if (!call) return;  // it ended meanwhile
    end(*call, {Code::cancelled, "the caller cancelled it", By::broker, call->ran()});
}

}  // namespace rpcbroker::broker
