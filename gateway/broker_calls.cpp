#include "gateway/broker_calls.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

namespace rpcbroker {

namespace {

std::vector<std::string> each_once(const std::vector<std::string>& endpoints) {
    std::vector<std::string> once;
    for (const auto& endpoint : endpoints)
        if (std::ranges::find(once, endpoint) == once.end()) once.push_back(endpoint);
    return once;
}

std::vector<std::unique_ptr<Client>> askers_of(const std::vector<std::string>& brokers, const ClientOptions& options) {
    std::vector<std::unique_ptr<Client>> askers;
    if (brokers.size() < 2) return askers;
    for (const auto& broker : brokers) {
        auto of_one = options;
        of_one.brokers = {broker};
        askers.push_back(std::make_unique<Client>(std::move(of_one)));
    }
    return askers;
}

}  // namespace

BrokerCalls::BrokerCalls(boost::asio::io_context& loop, ClientOptions options, Figures& figures,
                         std::function<void()> flush)
    : loop_(loop),
      figures_(figures),
      flush_(std::move(flush)),
      brokers_(each_once(options.brokers)),
      askers_(askers_of(brokers_, options)),
      client_(std::move(options)),
      streams_(loop, client_, flush_) {
    inbox_->owner = this;
}

BrokerCalls::~BrokerCalls() {
    const std::lock_guard lock{inbox_->mutex};
    inbox_->owner = nullptr;
}

/// What is posted runs after all that is ready in this turn.
CallId BrokerCalls::start(std::string method, std::string params, CallOptions options, Done done) {
    const auto id = next_++;
    calls_[id] = {RawFuture{}, std::move(done), std::move(method), Clock::now()};
    unsent_.push_back({id, std::move(params), std::move(options)});
    if (unsent_.size() == 1) boost::asio::post(loop_, [this] { send(); });
    return id;
}

CallId BrokerCalls::start_at(std::size_t broker, std::string_view method, std::string_view params,
                             const CallOptions& options, Done done) {
    if (askers_.empty()) return start(std::string{method}, std::string{params}, options, std::move(done));
    const auto id = next_++;
    auto& call = calls_[id] = {askers_[broker]->async_raw(method, params, options), std::move(done),
                               std::string{method}, Clock::now()};
    call.future.then(ended(id));
    return id;
}

void BrokerCalls::send() {
    const auto unsent = std::exchange(unsent_, {});
    std::vector<RawCall> together;
    std::vector<Call*> calls;
    together.reserve(unsent.size());
    calls.reserve(unsent.size());
    for (const auto& each : unsent) {
        const auto found = calls_.find(each.call);
        if (found == calls_.end()) continue;  // cancelled meanwhile
        together.push_back({found->second.method, each.params, each.options, ended(each.call)});
        calls.push_back(&found->second);
    }
    auto futures = client_.async_raw(together);
    for (std::size_t i = 0; i < calls.size(); ++i) calls[i]->future = std::move(futures[i]);
}

RawFuture::Callback BrokerCalls::ended(CallId call) const {
    return [inbox = inbox_, call](Result<RawReply> reply) {
        const std::lock_guard lock{inbox->mutex};
        inbox->ended.push_back({call, std::move(reply)});
        if (inbox->ended.size() > 1 || !inbox->owner) return;
        boost::asio::post(inbox->owner->loop_, [inbox] {
            if (inbox->owner) inbox->owner->take_ended();
        });
    };
}

CallId BrokerCalls::open(std::string_view method, std::string_view params, const CallOptions& options, Item item,
                         Done done) {
    streams_.open(next_, method, params, options, std::move(item), std::move(done));
    return next_++;
}

void BrokerCalls::cancel(CallId call) {
    streams_.cancel(call);
    const auto node = calls_.extract(call);
    if (node && node.mapped().future.valid()) node.mapped().future.cancel();
}

void BrokerCalls::take_ended() {
    std::vector<Ended> ended;
    {
        const std::lock_guard lock{inbox_->mutex};
        ended.swap(inbox_->ended);
    }
    const auto now = Clock::now();
    for (auto& each : ended) {
        auto node = calls_.extract(each.call);
        if (!node) continue;
        count(node.mapped(), each.reply, now);
        node.mapped().done(std::move(each.reply));
    }
    figures_.calls = under_way();
    flush_();
}

/// Methods that nobody has are not counted: strangers may make up as many as they like.
void BrokerCalls::count(const Call& call, const Result<RawReply>& reply, TimePoint now) {
    const bool is_known = reply || (reply.error().by() != By::broker && reply.error().by() != By::client);
    if (is_known || figures_.methods.contains(call.method))
        figures_.add(call.method, now - call.begun, reply.has_value());
}

}  // namespace rpcbroker
