// A client's session, told a program of steps by callers and by brokers that say anything. After every step: what it sends
// is well-formed and something that a client says; each call ends exactly once, and at the latest a quarter of a second
// after its deadline; a stream gets no more items than it granted, and none after its outcome; a call that is not
// idempotent is sent again only when it was never handed to a connection, or said to have not run.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/client_core.hpp"
#include "tests/fuzz/input.hpp"

namespace rpcbroker::fuzz {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr BrokerIndex most_brokers = 3;
constexpr std::uint32_t nobodys = 1'000'000;  // more calls than an input can make
constexpr std::array<std::uint64_t, 6> heartbeats{500, 500, 0, 1, 60'000, ~std::uint64_t{0}};
constexpr std::array<std::uint64_t, 6> limits{1 << 20, 1 << 20, 70'000, 100, 0, ~std::uint64_t{0}};
constexpr std::array<std::string_view, 3> ids{"broker-1", "broker-2", ""};
constexpr std::array<std::string_view, 6> notifications{"rpc.heartbeat",   "rpc.heartbeat", "rpc.goaway",
                                                        "rpc.hello_again", "rpc.cancel",    "S.m"};

ClientOptions any_client(Input& in) {
    ClientOptions options;
    options.brokers.resize(1U + in.pick(most_brokers));
    for (std::size_t i = 0; i < options.brokers.size(); ++i) options.brokers[i] = "tcp://broker:" + std::to_string(i);
    const auto which = in.byte();
    options.timeout = 2s;
    if (which & 1U) options.max_calls = 4;
    if (which & 2U) options.max_held_bytes = 300;
    if (which & 4U) options.name = "c";
    return options;
}

struct Made {
    TimePoint latest{};  ///< when it must have ended
    std::uint64_t granted = 0;
    unsigned sent = 0;         ///< times that it was handed to a connection
    unsigned may_be_sent = 1;  ///< one more for each time that a broker said it did not run
    std::uint32_t msgid = 0;   ///< the latest
    bool stream = false;
    bool again = false;  ///< running it twice does no harm
};

class Program {
public:
    explicit Program(Input in)
        : in_(in),
          options_(any_client(in_)),
          session_(options_, now_),
          drafts_(options_.brokers.size()),
          connected_(options_.brokers.size()),
          reading_(options_.brokers.size(), true),
          in_flight_(connected_.size()) {}

    void run() {
        for (int steps = 0; steps < 200 && !in_.empty(); ++steps) {
            const auto what = in_.byte();
            step(what, static_cast<BrokerIndex>(in_.pick(options_.brokers.size())));
            after_step();
        }
        settle();
    }

private:
    void step(unsigned what, BrokerIndex broker) {
        switch (what % 24) {
        case 0:
        case 1: return connect(broker);
        case 2: return close(broker, what);
        case 3:
        case 4: return greet(broker);
        case 5: return refuse(broker);
        case 6: return notify(broker);
        case 7:
        case 8: return answer(broker);
        case 9: return fail(broker);
        case 10:
        case 11: return item(broker);
        case 12: drafts_[broker].append(in_.text(64)); return send(broker);
        case 13: mutate(drafts_[broker], in_); return send(broker);
        case 14: session_.on_bad_frames(broker, now_); return;
        case 15: reading_[broker] = !reading_[broker]; return;
        case 16: return pass(milliseconds(in_.byte()));
        case 17: return pass(milliseconds(in_.byte() * 20));
        case 18: now_ += milliseconds(in_.byte() * 40); return;
        case 19: return cancel();
        case 20: return grant();
        default: return start();
        }
    }

    // ---- callers

    CallOptions any_options() {
        const auto which = in_.byte();
        CallOptions options;
        if (which & 1U) options.timeout = milliseconds(in_.number() * 20 % 100'000);
        if (which & 2U) options.idempotent = (which & 4U) != 0;
        if (which & 8U) options.key = std::string(in_.text(4));
        if (which & 16U) options.meta["name"] = std::string(in_.text(8));
        if (which & 32U) options.retry = any_retry();
        options.timing = (which & 64U) != 0;
        if (which & 128U) options.worker = std::string(in_.text(4));
        return options;
    }

    RetryPolicy any_retry() {
        const auto which = in_.byte();
        RetryPolicy retry{.attempts = which % 5U, .initial_pause = milliseconds((which >> 3 & 3U) * 20)};
        if (which & 0x20U) retry.growth = -1;
        if (which & 0x40U) retry.max_pause = milliseconds::max();
        if (which & 0x80U) retry.growth = 1e300;
        return retry;
    }

    /// Its number, by which it is known when it is sent, and something. Now and then no parameters at all.
    std::string any_params() {
        std::string params;
        const auto kind = in_.byte();
        Packer packer(params);
        if (kind >= 0xfc) append_value(params, in_);
        if (kind >= 0xfc) return params;
        append_number(packer.array(3), ids_.size());
        if (kind >= 0xf0 && ++large_ <= 4)
            packer.binary(std::string(kind & 1U ? 70'000 : 5'000, 'x'));
        else
            packer.nil();
        return params;
    }

    void start() {
        const auto kind = in_.byte();
        const auto options = any_options();
        const auto params = any_params();
        NewCall call{.method = kind >= 0xf8 ? in_.text(8) : "S.m", .params = params, .options = options};
        call.one_way = kind % 8 == 7;
        if (kind % 4 == 2) call.stream = in_.byte() % 8U;
        if (kind & 0x10U) call.latest = now_ + milliseconds(in_.byte());
        Made made;
        made.latest =
            now_ + std::max(options.timeout.value_or(options_.timeout), milliseconds(0)) + ClientSession::grace + 1ms;
        made.stream = call.stream && !call.one_way;
        made.granted = call.stream.value_or(0);
        made.again = options.idempotent.value_or(false) && !made.stream;
        const auto number = ids_.size();
        call.owner = reinterpret_cast<void*>(number);
        made_[number] = made;
        ids_.push_back(session_.start(call, now_));
    }

    void cancel() {
        if (!ids_.empty()) session_.cancel(in_.any_of(ids_));
    }

    void grant() {
        if (ids_.empty()) return;
        const auto number = in_.pick(ids_.size());
        const std::uint32_t items = in_.byte() % 8U;
        session_.grant(ids_[number], items);
        if (const auto found = made_.find(number); found != made_.end()) found->second.granted += items;
    }

    // ---- brokers

    void connect(BrokerIndex broker) {
        drafts_[broker].clear();
        in_flight_[broker].clear();
        connected_[broker] = true;
        session_.on_connected(broker, now_);
    }

    void close(BrokerIndex broker, unsigned what) {
        connected_[broker] = false;
        in_flight_[broker].clear();
        if (what & 0x80U)
            session_.on_refused(broker, "no entry", KeyTrouble{static_cast<std::uint8_t>(broker % 3)}, now_);
        else
            session_.on_closed(broker, "reset", now_);
    }

    /// What is drafted goes now, or with what is drafted next. Nothing comes without a connection.
    void send(BrokerIndex broker) {
        if (in_.byte() % 4 == 3) return;
        if (!connected_[broker]) connect(broker);
        const auto body = std::exchange(drafts_[broker], {});
        note(broker, body);
        session_.on_body(broker, body, now_);
    }

    /// What the broker answers is of use only where the call is there already.
    void note(BrokerIndex broker, std::string_view body) {
        BodyReader reader(body);
        MessageView message;
        while (reader.next(message) == BodyReader::Step::message) {
            if (message.type != MessageType::response && message.type != MessageType::stream_item) continue;
            const auto& known = in_flight_[broker];
            if (std::ranges::find(known, message.msgid) == known.end())
                guessed_.insert(message.msgid);
            else if (const auto error = read_error_object(message.error); error && error->ran() == Ran::no)
                note_not_run(message.msgid);
        }
    }

    void note_not_run(std::uint32_t msgid) {
        for (auto& [number, made] : made_)
            if (made.msgid == msgid && made.sent == made.may_be_sent) ++made.may_be_sent;
    }

    void greet(BrokerIndex broker) {
        std::string result;
        Packer packer(result);
        packer.map(3).string("broker").string(in_.any_of(ids));
        packer.string("max_message").unsigned_integer(in_.any_of(limits));
        packer.string("heartbeat").unsigned_integer(in_.any_of(heartbeats));
        append_result(drafts_[broker], ClientSession::hello_msgid, result);
        send(broker);
    }

    void refuse(BrokerIndex broker) {
        append_error(drafts_[broker], ClientSession::hello_msgid, any_error(in_));
        send(broker);
    }

    void notify(BrokerIndex broker) {
        std::string params;
        Packer packer(params);
        packer.array(in_.byte() % 2U);
        if (!params.ends_with('\x90')) packer.string(in_.any_of(ids));
        append_notification(drafts_[broker], in_.any_of(notifications), params);
        send(broker);
    }

    /// One that is in flight there, or any other.
    std::uint32_t any_msgid(BrokerIndex broker) {
        const auto which = in_.byte();
        const auto& known = in_flight_[broker];
        if (which >= 0xf8) return static_cast<std::uint32_t>(in_.number());
        if (known.empty()) return nobodys;
        return known[known.size() - 1 - which % known.size()];
    }

    void answer(BrokerIndex broker) {
        std::string value;
        append_value(value, in_);
        append_result(drafts_[broker], any_msgid(broker), value);
        send(broker);
    }

    void fail(BrokerIndex broker) {
        const auto msgid = any_msgid(broker);
        append_error(drafts_[broker], msgid, any_error(in_));
        send(broker);
    }

    void item(BrokerIndex broker) {
        const auto msgid = any_msgid(broker);
        for (auto count = in_.pick(4) + 1; count > 0; --count) append_stream_item(drafts_[broker], msgid, "\x01");
        send(broker);
    }

    // ---- time

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
        on_time_at_ = now_;
    }

    // ---- what must hold

    void after_step() {
        for (BrokerIndex broker = 0; broker < connected_.size(); ++broker)
            if (reading_[broker]) drain(broker);
        for (const auto& item : session_.take_items()) check_item(item);
        for (const auto& outcome : session_.take_outcomes()) check_outcome(outcome);
        require(session_.calls() == made_.size(), "calls and outcomes do not add up");
        for (const auto& [number, made] : made_) require(on_time_at_ < made.latest, "a call outlives its deadline");
    }

    void check_item(const StreamItem& item) {
        const auto made = made_.find(reinterpret_cast<std::uintptr_t>(item.owner));
        require(made != made_.end() && made->second.stream, "an item of no stream");
        require(made->second.granted > 0, "more items than were granted");
        --made->second.granted;
    }

    void check_outcome(const Outcome& outcome) {
        const auto found = made_.find(reinterpret_cast<std::uintptr_t>(outcome.owner));
        require(found != made_.end(), "a call ended twice, or was never made");
        const auto& made = found->second;
        if (!outcome.reply && outcome.reply.error().ran() == Ran::no && !loose_)
            require(made.sent < made.may_be_sent, "a call that was sent is said to have not run");
        made_.erase(found);
    }

    void drain(BrokerIndex broker) {
        while (const Outgoing* body = session_.next_outgoing(broker)) {
            require(connected_[broker], "something is sent without a connection");
            BodyReader reader(body->large.empty() ? std::string_view(body->bytes) : body->large.bytes());
            MessageView message;
            std::uint32_t count = 0;
            auto step = reader.next(message);
            for (; step == BodyReader::Step::message; step = reader.next(message), ++count) check_sent(broker, message);
            require(step == BodyReader::Step::end && count == body->messages, "the client sent a malformed body");
            session_.on_sent(broker);
        }
    }

    void check_sent(BrokerIndex broker, const MessageView& message) {
        if (message.type == MessageType::notification) return;
        require(message.type == MessageType::request, "a client sends requests and notifications");
        require(message.options.timeout_ms != 0U, "a call was sent without time left");
        if (message.msgid == ClientSession::hello_msgid)
            return require(message.method == "rpc.hello", "this msgid is for rpc.hello");
        in_flight_[broker].push_back(message.msgid);
        check_sent_once(message);
    }

    /// A broker that answers what it was not sent yet makes the session send what has ended.
    void check_sent_once(const MessageView& message) {
        const auto number = number_in(message.params);
        const auto found = number ? made_.find(*number) : made_.end();
        if (guessed_.contains(message.msgid)) loose_ = true;
        if (found == made_.end() || loose_) return;
        auto& made = found->second;
        made.msgid = message.msgid;
        require(++made.sent <= made.may_be_sent || made.again, "a call was sent again that must not be");
    }

    /// Everybody reads, and nobody says anything any more.
    void settle() {
        std::fill(reading_.begin(), reading_.end(), true);
        after_step();
        pass(5s);
        after_step();
        pass(100s);
        after_step();
        require(session_.calls() == 0, "calls are left after their time");
    }

    Input in_;
    TimePoint now_{std::chrono::hours(1)};
    TimePoint on_time_at_ = now_;
    ClientOptions options_;
    ClientSession session_;
    std::vector<std::string> drafts_;
    std::vector<bool> connected_;
    std::vector<bool> reading_;
    std::vector<std::vector<std::uint32_t>> in_flight_;  ///< msgids as the broker was sent them
    std::set<std::uint32_t> guessed_;                    ///< msgids that a broker spoke of before it was sent them
    bool loose_ = false;                                 ///< such a guess was right
    std::map<std::uintptr_t, Made> made_;                ///< by number: that have not ended
    std::vector<CallId> ids_;                            ///< by number
    unsigned large_ = 0;
};

}  // namespace
}  // namespace rpcbroker::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    rpcbroker::fuzz::Program{{data, size}}.run();
    return 0;
}
