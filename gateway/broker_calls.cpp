#include "gateway/broker_calls.hpp"

#include <utility>

#include <boost/asio/post.hpp>

namespace rpcbroker {

BrokerCalls::BrokerCalls(boost::asio::io_context& loop, ClientOptions options, Figures& figures,
                         std::function<void()> flush)
    : loop_(loop),
      figures_(figures),
      flush_(std::move(flush)),
      client_(std::move(options)),
      streams_(loop, client_, flush_) {
    inbox_->owner = this;
}

BrokerCalls::~BrokerCalls() {
    const std::lock_guard lock{inbox_->mutex};
    inbox_->owner = nullptr;
}

CallId BrokerCalls::start(std::string_view method, std::string_view params, const CallOptions& options, Done done) {
    const auto id = next_++;
    auto& call =
        calls_[id] = {client_.async_raw(method, params, options), std::move(done), std::string{method}, Clock::now()};
    call.future.then([inbox = inbox_, id](Result<RawReply> reply) {
        const std::lock_guard lock{inbox->mutex};
        inbox->ended.push_back({id, std::move(reply)});
        if (inbox->ended.size() > 1 || !inbox->owner) return;
        boost::asio::post(inbox->owner->loop_, [inbox] {
            if (inbox->owner) inbox->owner->take_ended();
        });
    });
    return id;
}

CallId BrokerCalls::open(std::string_view method, std::string_view params, const CallOptions& options, Item item,
                         Done done) {
    streams_.open(next_, method, params, options, std::move(item), std::move(done));
    return next_++;
}

void BrokerCalls::cancel(CallId call) {
    streams_.cancel(call);
    if (auto node = calls_.extract(call)) node.mapped().future.cancel();
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
