// A worker's session, told a program of steps by a broker that says anything and a driver that runs its calls in any order.
// After every step: what it sends is well-formed and something that a worker says; no request is answered or given back
// more than once, or more items sent than were granted; the counters add up; calls keep their bytes until they are
// finished. At the end it leaves, and must come to an end whatever the broker did.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/fuzz/input.hpp"
#include "worker/worker_core.hpp"

namespace rpcbroker::fuzz {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::array<std::string_view, 6> notifications{"rpc.heartbeat", "rpc.register_again", "rpc.drain",
                                                        "rpc.left",      "rpc.return",         "S.m"};
constexpr std::array<std::uint64_t, 4> heartbeats{500, 0, 1, ~std::uint64_t{0}};
constexpr std::array<std::uint64_t, 4> limits{1 << 20, 100, 0, ~std::uint64_t{0}};

/// Three heartbeats, of a day at most.
constexpr Duration longest_leave = std::chrono::hours(73);

SessionOptions any_session(Input& in) {
    SessionOptions options{"worker-name", "\x90", 1U + in.byte() % 3U, std::nullopt, {}};
    const auto capacity = in.byte();
    if (capacity & 1U) options.capacity = capacity >> 4;
    if (capacity & 2U) options.idempotent = [](std::string_view method) { return method == "S.i"; };
    return options;
}

/// A call that was handed out, and its bytes as they were then.
struct Running {
    Call call;
    std::string bytes;
    bool cancelled = false;
};

std::string bytes_of(const Call& call) {
    std::string bytes(call.method);
    bytes.append(call.params);
    for (const auto& option : {call.options.trace, call.options.meta, call.options.key})
        bytes.append(option.value_or("-"));
    return bytes;
}

class Program {
public:
    explicit Program(Input in) : in_(in), session_(any_session(in_), now_) {}

    void run() {
        for (int steps = 0; steps < 200 && !in_.empty(); ++steps) {
            step(in_.byte());
            after_step();
        }
        leave();
    }

private:
    void step(unsigned what) {
        switch (what % 24) {
        case 0: return connect();
        case 1: return close();
        case 2:
        case 3: return answer_registration();
        case 4: return refuse_registration();
        case 5: return tell(in_.any_of(notifications), "\x90");
        case 6: return tell_of_call("rpc.cancel", 1);
        case 7: return tell_of_call("rpc.credit", 2);
        case 8: draft_.append(in_.text(64)); return send();
        case 9: mutate(draft_, in_); return send();
        case 10: return request_large();
        case 11: return item();
        case 12:
        case 13: return finish();
        case 14: session_.give_back(now_); return;
        case 15: session_.take_again(); return;
        case 16: return pass(milliseconds(in_.byte()));
        case 17: return pass(milliseconds(in_.byte() * 40));
        case 18: now_ += milliseconds(in_.byte() * 40); return;
        case 19: reading_ = !reading_; return;
        case 20: return in_.byte() == 7 ? session_.leave(now_) : pass(1ms);
        case 21: return take();
        default: return request();
        }
    }

    // ---- the broker

    void connect() {
        if (connected_) close();
        connected_ = true;
        draft_.clear();
        session_.on_connected(now_);
    }

    /// All that was sent before is read before.
    void close() {
        drain();
        connected_ = false;
        session_.on_closed(now_);
    }

    void send() {
        if (in_.byte() % 4 == 3) return;  // goes with what is said next
        if (!connected_) connect();
        const bool registered = session_.registered();
        const auto requests = note(draft_);
        session_.on_body(Body(std::exchange(draft_, {})), now_);
        requests_ += requests;
        if (!registered || !session_.registered()) perhaps_dropped_ += requests;
    }

    /// What the session may answer, and send of items, from what it is really sent.
    std::uint64_t note(std::string_view body) {
        BodyReader reader(body);
        MessageView message;
        std::uint64_t requests = 0;
        while (reader.next(message) == BodyReader::Step::message) {
            if (message.type == MessageType::notification && message.method == "rpc.credit")
                note_credit(message.params);
            if (message.type != MessageType::request) continue;
            ++requests;
            ++open_[message.msgid];
            if (message.bad_option) ++bad_requests_;
            grant(message.msgid, message.options.stream.value_or(0));
        }
        return requests;
    }

    void note_credit(std::string_view params) {
        Unpacker in(params);
        in.take_array();
        const auto msgid = in.take_unsigned().value_or(0);
        grant(static_cast<std::uint32_t>(msgid), in.take_unsigned().value_or(0));
    }

    void grant(std::uint32_t msgid, std::uint64_t items) {
        auto& granted = granted_[msgid];
        granted += std::min(items, std::numeric_limits<std::uint64_t>::max() - granted);
    }

    void answer_registration() {
        const auto which = in_.byte();
        std::string result;
        Packer packer(result);
        packer.map((which & 1U) ? 4 : 3);
        packer.string("broker").unsigned_integer(which >> 1 & 1U).string("worker").string(which & 4U ? "w1" : "w2");
        packer.string("heartbeat").unsigned_integer(heartbeats[which >> 3 & 3U]);
        if (which & 1U) packer.string("max_message").unsigned_integer(limits[which >> 5 & 3U]);
        append_result(draft_, latest_registration(), result);
        send();
    }

    void refuse_registration() {
        append_error(draft_, latest_registration(), any_error(in_));
        send();
    }

    [[nodiscard]] std::uint32_t latest_registration() const {
        return static_cast<std::uint32_t>(session_.counters().registrations);
    }

    void tell(std::string_view method, std::string_view params) {
        append_notification(draft_, method, params);
        send();
    }

    void tell_of_call(std::string_view method, unsigned numbers) {
        std::string params;
        Packer packer(params);
        packer.array(numbers).unsigned_integer(in_.byte() % 16U);
        if (numbers > 1) packer.unsigned_integer(in_.number());
        tell(method, params);
    }

    RequestOptions any_options() {
        const auto which = in_.byte();
        RequestOptions options;
        if (which & 1U) options.timeout_ms = static_cast<std::uint32_t>(in_.number());
        if (which & 2U) options.idempotent = (which & 4U) != 0;
        if (which & 8U) options.stream = in_.byte() % 8U;
        if (which & 16U) options.key = in_.text(4);
        if (which & 32U) options.trace = in_.text(8);
        options.timing = (which & 64U) != 0;
        return options;
    }

    void request() {
        std::string params;
        Packer(params).array(1);
        append_value(params, in_);
        append_any_request(params);
        send();
    }

    void append_any_request(std::string_view params) {
        const auto msgid = in_.byte() % 16U;
        const auto* method = in_.byte() % 2 ? "S.m" : "S.i";
        append_request(draft_, msgid, method, params, any_options());
    }

    /// Which the broker does not keep, so that it cannot be given back.
    void request_large() {
        if (++large_ > 3) return;
        std::string params;
        Packer(params).array(1).binary(std::string(70'000, 'x'));
        append_any_request(params);
        send();
    }

    // ---- the driver

    void take() {
        const auto call = session_.next_call(now_);
        if (!call) return;
        require(std::ranges::none_of(running_, [&](const Running& r) { return r.call.slot == call->slot; }),
                "two calls in one slot");
        require(!call->deadline || now_ < *call->deadline, "a call was handed out after its time");
        running_.push_back({*call, bytes_of(*call), false});
    }

    void finish() {
        if (running_.empty()) return take();
        const auto at = in_.pick(running_.size());
        const Running done = running_[at];
        running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(at));
        require(bytes_of(done.call) == done.bytes, "a call's bytes changed while it ran");
        std::string response;
        if (in_.byte() % 4 == 0)
            append_error(response, done.call.msgid, any_error(in_));
        else
            append_outcome(response, done.call.msgid);
        session_.finish(done.call, response);
        ++finished_;
    }

    void append_outcome(std::string& response, std::uint32_t msgid) {
        begin_result(response, msgid);
        Packer(response).binary(std::string(in_.byte() < 0xf0 || ++large_ > 3 ? 3 : 70'000, 'y'));
    }

    void item() {
        if (running_.empty()) return take();
        const Call& call = in_.any_of(running_).call;
        std::string message;
        begin_item(message, call.msgid);
        Packer(message).unsigned_integer(in_.byte());
        for (auto count = in_.pick(4) + 1; count > 0; --count) {
            auto copy = message;
            const auto may = session_.may_send_item(call);
            const auto sent = session_.send_item(call, copy);
            require(sent == may || sent == ItemSent::too_large, "it sends another way than it said");
            require(sent == ItemSent::yes || copy == message, "an item that was not sent has changed");
        }
    }

    void pass(Duration time) {
        const auto until = now_ + time;
        for (int turns = 0; turns < 50; ++turns) {
            const auto next = session_.next_deadline();
            if (!next || *next > until) break;
            now_ = std::max(now_, *next);
            turn();
        }
        now_ = until;
        turn();
    }

    void turn() {
        session_.on_time(now_);
        const auto next = session_.next_deadline();
        require(!next || *next > now_, "the session wants to be told the time that it was told");
        if (const auto give_back = session_.give_back_at(); give_back && *give_back <= now_) session_.give_back(now_);
    }

    // ---- what must hold

    void after_step() {
        while (const auto event = session_.next_event()) check_event(*event);
        if (reading_) drain();
        const auto& counters = session_.counters();
        const auto accepted = counters.calls + counters.expired + counters.cancelled + counters.returned +
                              counters.dropped + session_.waiting();
        require(counters.calls == finished_ + running_.size(), "calls handed out and calls that came back differ");
        require(accepted <= requests_ && requests_ <= accepted + bad_requests_ + perhaps_dropped_,
                "requests that came are not accounted for");
    }

    void check_event(const SessionEvent& event) {
        using What = SessionEvent::What;
        if (event.what != What::call_cancelled && event.what != What::call_credited) return;
        const auto found = std::ranges::find(running_, event.slot, [](const Running& r) { return r.call.slot; });
        require(found != running_.end(), "word of a call that does not run");
        if (event.what == What::call_cancelled)
            require(!std::exchange(found->cancelled, true), "a call was cancelled twice");
    }

    /// The broker reads.
    void drain() {
        while (const Outgoing* body = session_.outbox().front(WorkerSession::broker)) {
            BodyReader reader(body->large.empty() ? std::string_view(body->bytes) : body->large.bytes());
            MessageView message;
            auto step = reader.next(message);
            for (; step == BodyReader::Step::message; step = reader.next(message)) check_sent(message);
            require(step == BodyReader::Step::end, "the worker sent a malformed body");
            session_.outbox().pop_front(WorkerSession::broker);
        }
    }

    void check_sent(const MessageView& message) {
        require(connected_, "something is sent without a connection");
        switch (message.type) {
        case MessageType::request:
            return require(message.method == "rpc.register", "a worker asks for nothing but rpc.register");
        case MessageType::response: return over(message.msgid);
        case MessageType::stream_item: return check_item(message.msgid);
        case MessageType::notification: break;
        }
        if (message.method == "rpc.return") return check_return(message.params);
        require(message.method == "rpc.heartbeat" || message.method == "rpc.leave", "a worker does not say this");
    }

    void over(std::uint32_t msgid) {
        const auto open = open_.find(msgid);
        require(open != open_.end() && open->second > 0, "a request was answered twice, or there was none");
        --open->second;
    }

    void check_item(std::uint32_t msgid) {
        require(granted_[msgid] > 0, "more items were sent than granted");
        --granted_[msgid];
    }

    void check_return(std::string_view params) {
        Unpacker in(params);
        in.take_array();
        const auto size = in.take_array().value_or(0);
        require(size > 0, "nothing is given back");
        for (std::uint32_t i = 0; i < size; ++i) over(static_cast<std::uint32_t>(in.take_unsigned().value_or(0)));
    }

    /// The broker is silent from now on, or gone already.
    void leave() {
        reading_ = true;
        session_.leave(now_);
        for (const Duration time : {Duration{1ms}, Duration{5s}, longest_leave, Duration{1ms}}) {
            finish_all();
            pass(time);
            after_step();
        }
        require(session_.finished(), "a worker that leaves never comes to an end");
    }

    void finish_all() {
        take();
        while (!running_.empty()) {
            finish();
            take();
        }
    }

    Input in_;
    TimePoint now_{std::chrono::hours(1)};
    WorkerSession session_;
    bool connected_ = false;
    bool reading_ = true;
    std::string draft_;
    std::vector<Running> running_;
    std::map<std::uint32_t, unsigned> open_;          ///< requests not answered nor given back, by msgid
    std::map<std::uint32_t, std::uint64_t> granted_;  ///< items that may be sent yet, at most
    std::uint64_t requests_ = 0;
    std::uint64_t bad_requests_ = 0;     ///< answered at once
    std::uint64_t perhaps_dropped_ = 0;  ///< came while no registration was good
    std::uint64_t finished_ = 0;
    unsigned large_ = 0;
};

}  // namespace
}  // namespace rpcbroker::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    rpcbroker::fuzz::Program{{data, size}}.run();
    return 0;
}
