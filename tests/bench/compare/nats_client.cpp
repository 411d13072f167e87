// NATS' clients: a connection each. One call at a time is natsConnection_Request; a window is published with reply
// subjects under an inbox of the client's own, to which it subscribes, as the libraries' own requests do it.
#include <exception>
#include <latch>

#include "tests/bench/compare/nats_connection.hpp"
#include "tests/bench/compare/payload.hpp"

namespace {

using namespace rpcbroker::compare;

void one_at_a_time(const Options& options, natsConnection* connection, Meter& meter) {
    constexpr std::int64_t timeout_ms = 10'000;
    const std::string method{options.method()};
    const auto text = options.text();
    meter.begin();
    auto now = Clock::now();
    for (auto more = true; more;) {
        const auto parameters = pack_parameters(text);
        natsMsg* reply = nullptr;
        check(natsConnection_Request(&reply, connection, method.c_str(), parameters.data(),
                                     static_cast<int>(parameters.size()), timeout_ms),
              "request");
        const NatsMessage owned{reply, natsMsg_Destroy};
        check_result(options, view(reply));
        const auto sent = now;
        now = Clock::now();
        more = meter.ended(sent, now);
    }
}

class Window {
public:
    Window(const Options& options, natsConnection* connection, Meter& meter)
        : options_(options), connection_(connection), meter_(meter), sent_(options.window), open_(options.window) {
        parameters_ = pack_parameters(options.text());
        natsInbox* inbox = nullptr;
        check(natsInbox_Create(&inbox), "inbox");
        inbox_ = std::string{inbox} + '.';
        natsInbox_Destroy(inbox);
        for (std::uint32_t slot = 0; slot < options.window; ++slot) replies_.push_back(inbox_ + std::to_string(slot));
    }

    void run() {
        natsSubscription* created = nullptr;
        check(natsConnection_Subscribe(&created, connection_, (inbox_ + '*').c_str(), on_reply, this), "subscribe");
        const NatsSubscription subscription{created, natsSubscription_Destroy};
        check(natsConnection_Flush(connection_), "flush");
        meter_.begin();
        for (std::uint32_t slot = 0; slot < options_.window; ++slot) call(slot, Clock::now());
        ended_.wait();
    }

private:
    void call(std::uint32_t slot, Clock::time_point now) {
        sent_[slot] = now;
        check(natsConnection_PublishRequest(connection_, method_.c_str(), replies_[slot].c_str(), parameters_.data(),
                                            static_cast<int>(parameters_.size())),
              "publish");
    }

    /// On the thread that delivers for this subscription.
    static void on_reply(natsConnection*, natsSubscription*, natsMsg* received, void* self) {
        const NatsMessage message{received, natsMsg_Destroy};
        try {
            static_cast<Window*>(self)->take(received);
        } catch (const std::exception& error) {
            end_at_once(error.what());
        }
    }

    void take(const natsMsg* reply) {
        check_result(options_, view(reply));
        const auto slot = std::stoul(natsMsg_GetSubject(reply) + inbox_.size());
        const auto now = Clock::now();
        if (meter_.ended(sent_[slot], now))
            call(static_cast<std::uint32_t>(slot), now);
        else if (--open_ == 0)
            ended_.count_down();
    }

    const Options& options_;
    natsConnection* connection_;
    Meter& meter_;
    std::string method_{options_.method()};
    std::string parameters_;
    std::string inbox_;
    std::vector<std::string> replies_;
    Sent sent_;
    std::uint32_t open_;
    std::latch ended_{1};
};

}  // namespace

int main(int argc, char** argv) {
    return drive(argc, argv, [](const Options& options, unsigned index, Meter& meter) {
        const auto connection = connect_nats(options.target(index), options.window == 1);
        if (options.window == 1)
            one_at_a_time(options, connection.get(), meter);
        else
            Window{options, connection.get(), meter}.run();
    });
}
