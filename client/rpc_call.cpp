// rpc-call: calls a method from a shell. Its options and exit status are in docs/OPERATIONS.md and rpc-call --help.
#include <deque>
#include <iostream>
#include <utility>

#include <rpcbroker/client.hpp>
#include <rpcbroker/pack.hpp>

#include "client/exit_status.hpp"
#include "client/json_msgpack.hpp"
#include "client/listing.hpp"
#include "client/printable.hpp"
#include "client/rpc_call_options.hpp"
#include "common/program/signals.hpp"
#include "common/time.hpp"

namespace rpcbroker {

namespace {

constexpr std::string_view program = "rpc-call";

/// A line, but for what has to come out byte by byte.
void print_result(std::string_view packed, OutputFormat format) {
    Unpacker unpacker{packed};
    switch (format) {
    case OutputFormat::msgpack: std::cout << packed; return;
    case OutputFormat::pretty: std::cout << msgpack_to_json(packed, JsonLayout::indented) << '\n'; return;
    case OutputFormat::raw:
        if (const auto bytes = unpacker.take_binary())
            std::cout << *bytes;
        else if (const auto text = unpacker.take_string())
            std::cout << *text << '\n';
        else
            std::cout << msgpack_to_json(packed) << '\n';
        return;
    case OutputFormat::json: std::cout << msgpack_to_json(packed) << '\n'; return;
    }
}

struct Timing {
    std::string worker;
    std::uint64_t queued_us = 0;
    std::uint64_t worker_us = 0;
};

Timing read_timing(std::string_view packed) {
    Timing timing;
    Unpacker unpacker{packed};
    for (auto left = unpacker.take_map().value_or(0); left > 0; --left) {
        const auto key = unpacker.take_string();
        const auto value = unpacker.take_value();
        if (!key || !value) break;
        Unpacker field{*value};
        if (*key == "worker")
            timing.worker = printable(field.take_string().value_or(""));
        else if (*key == "queued_us")
            timing.queued_us = field.take_unsigned().value_or(0);
        else if (*key == "worker_us")
            timing.worker_us = field.take_unsigned().value_or(0);
    }
    return timing;
}

void print_timing(const RawReply& reply, Duration whole) {
    const auto whole_us = std::chrono::duration_cast<std::chrono::microseconds>(whole).count();
    if (reply.timing.empty()) {
        std::cerr << "timing: " << whole_us << " us in all, of which the broker says nothing\n";
        return;
    }
    const auto timing = read_timing(reply.timing);
    std::cerr << "timing: " << whole_us << " us in all: " << timing.queued_us << " us queued, " << timing.worker_us
              << " us at worker " << timing.worker << '\n';
}

/// Makes the calls that were asked for, up to `parallel` at once, and prints their results in the order of their start.
class Caller {
public:
    Caller(Client& client, const StopSignal& signal, const RpcCallOptions& options)
        : client_(client), signal_(signal), options_(options) {}

    /// The exit status: that of the first error.
    int run() {
        for (std::uint64_t made = 0; made < options_.repeat && signal_.received() == 0; ++made) {
            const auto begun = Clock::now();
            if (options_.one_way) {
                note(client_.notify_raw(options_.method, options_.params, options_.call));
            } else if (options_.parallel == 1) {
                finish(client_.call_raw(options_.method, options_.params, options_.call), begun);
            } else {
                if (open_.size() == options_.parallel) finish_first();
                open_.push_back({client_.async_raw(options_.method, options_.params, options_.call), begun});
            }
        }
        while (!open_.empty()) finish_first();
        return status_ == 0 && signal_.received() != 0 ? exit_status(Code::cancelled) : status_;
    }

private:
    struct Open {
        RawFuture future;
        TimePoint begun;
    };

    void finish_first() {
        finish(open_.front().future.result(), open_.front().begun);
        open_.pop_front();
    }

    void finish(const Result<RawReply>& reply, TimePoint begun) {
        if (reply) print_result(reply->result, options_.format);
        if (reply && options_.timing) print_timing(*reply, Clock::now() - begun);
        note(reply);
    }

    /// Of calls that were interrupted together, one is reported.
    template <class T>
    void note(const Result<T>& outcome) {
        if (outcome) return;
        const bool cancelled = outcome.error().code() == Code::cancelled;
        if (!cancelled || !std::exchange(cancelled_, true)) report(program, outcome.error());
        if (status_ == 0) status_ = exit_status(outcome.error().code());
    }

    Client& client_;
    const StopSignal& signal_;
    const RpcCallOptions& options_;
    std::deque<Open> open_;
    bool cancelled_ = false;
    int status_ = 0;
};

/// --list and --describe.
int explain(Client& client, const RpcCallOptions& options) {
    std::string params;
    if (options.list)
        pack_params(params);
    else
        pack_params(params, options.describe);
    const auto reply = client.call_raw(options.list ? "rpc.services" : "rpc.describe", params, options.call);
    if (!reply) return report(program, reply.error());
    const auto text = options.list ? list_services(reply->result) : describe_method(options.describe, reply->result);
    if (!text) return report(program, text.error());
    std::cout << *text;
    return 0;
}

int run(const RpcCallOptions& options) {
    const StopSignal signal;
    Client client{ClientOptions{.brokers = options.brokers, .name = "rpc-call"}};
    const StopThread stop{signal, [&] { client.close(); }};
    const bool asks = options.list || !options.describe.empty();
    const int status = asks ? explain(client, options) : Caller{client, signal, options}.run();
    if (std::cout.flush()) return status;
    std::cerr << "rpc-call: cannot write to standard output\n";
    return 1;
}

}  // namespace

}  // namespace rpcbroker

int main(int argc, char** argv) try {
    const auto parsed = rpcbroker::parse_rpc_call(argc, argv);
    if (const int* status = std::get_if<int>(&parsed)) return *status;
    return rpcbroker::run(std::get<rpcbroker::RpcCallOptions>(parsed));
} catch (const std::exception& problem) {
    std::cerr << "rpc-call: " << problem.what() << '\n';
    return 1;
}
