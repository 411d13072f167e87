// The clients of zmq_proxy: a DEALER each. One call a body, or, with --batch, what is ready together: the calls that
// follow on all answers that are there.
#include "common/message.hpp"
#include "tests/bench/compare/payload.hpp"
#include "tests/bench/compare/zmq_bodies.hpp"

namespace {

using namespace rpcbroker;
using namespace rpcbroker::compare;

zmq::context_t& context() {
    static zmq::context_t one;
    return one;
}

class ZmqClient {
public:
    ZmqClient(const Options& options, const std::string& frontend)
        : options_(options), socket_(context(), zmq::socket_type::dealer), sent_(options.window) {
        set_up(socket_);
        socket_.connect(frontend);
        parameters_ = pack_parameters(options.text());
    }

    void run(Meter& meter) {
        meter.begin();
        open_ = options_.window;
        for (std::uint32_t slot = 0; slot < options_.window; ++slot) call(slot, Clock::now());
        flush();
        while (open_ > 0) {
            take_answers(meter, zmq::recv_flags::none);
            while (options_.batch && take_answers(meter, zmq::recv_flags::dontwait)) continue;
            flush();
        }
    }

private:
    void call(std::uint32_t slot, Clock::time_point now) {
        sent_[slot] = now;
        if (options_.size) out_.reserve(out_.size() + parameters_.size() + 64);
        append_request(out_, slot, options_.method(), parameters_);
        if (++waiting_ == (options_.batch ? batch_messages : 1) || out_.size() >= batch_bytes) flush();
    }

    void flush() {
        if (waiting_ > 0) socket_.send(frame(out_), zmq::send_flags::none);
        waiting_ = 0;
    }

    /// The answers of one body, and the calls that follow on them; false when no body is there.
    bool take_answers(Meter& meter, zmq::recv_flags flags) {
        if (!socket_.recv(body_, flags)) return false;
        BodyReader reader{view(body_)};
        MessageView response;
        auto step = reader.next(response);
        for (; step == BodyReader::Step::message; step = reader.next(response)) {
            if (response.msgid >= sent_.size()) fail("an unknown call was answered");
            check_result(options_, response.result);
            const auto now = Clock::now();
            if (meter.ended(sent_[response.msgid], now))
                call(response.msgid, now);
            else
                --open_;
        }
        if (step == BodyReader::Step::malformed) fail(reader.problem());
        return true;
    }

    const Options& options_;
    zmq::socket_t socket_;
    Sent sent_;
    std::string parameters_;
    std::string out_;
    zmq::message_t body_;
    std::uint32_t waiting_ = 0;
    std::uint32_t open_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    return drive(argc, argv, [](const Options& options, unsigned index, Meter& meter) {
        ZmqClient{options, options.target(index)}.run(meter);
    });
}
