// rpc-top: what a broker is doing, live. Its flags and keys are in rpc-top --help.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <utility>

#include "client/exit_status.hpp"
#include "client/printable.hpp"
#include "client/rpc_top_options.hpp"
#include "client/top_json.hpp"
#include "client/top_render.hpp"
#include "client/top_sampler.hpp"
#include "client/top_terminal.hpp"
#include "common/program/signals.hpp"
#include "common/time.hpp"

namespace rpcbroker {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view program = "rpc-top";

void take(TopStatus& status, Snapshot snapshot) {
    status.before = std::exchange(status.now, std::move(snapshot));
    status.trouble.clear();
}

/// The live view: one thread that waits for keys, answers and signals.
class Live {
public:
    Live(TopSampler& sampler, const StopSignal& signal, TopState state)
        : sampler_(sampler), signal_(signal), state_(std::move(state)) {}

    void run() {
        sample();
        draw();
        while (!state_.is_quitting() && signal_.received() == 0 && !terminal_gone_) {
            wait();
            sample();
            read_keys();
            if (std::exchange(changed_, false)) draw();
        }
    }

private:
    void sample() {
        if (auto answer = sampler_.answer()) on_answer(std::move(*answer));
        if (sampler_.is_asking() || state_.is_paused() || Clock::now() < next_sample()) return;
        status_.endpoint = sampler_.endpoint();
        asked_ = Clock::now();
        sampler_.ask();
    }

    void on_answer(Result<Snapshot> answer) {
        changed_ = true;
        if (answer)
            take(status_, std::move(*answer));
        else
            status_.trouble = "no answer, trying again: " + printable(answer.error().what());
    }

    void read_keys() {
        while (const auto key = terminal_.read_key()) {
            state_.on_key(*key, rows_, page_of(terminal_.height()));
            changed_ = true;
        }
    }

    void draw() {
        const auto screen = render_screen(status_, state_, terminal_.width(), terminal_.height());
        rows_ = screen.rows;
        terminal_.draw(screen.lines);
    }

    [[nodiscard]] TimePoint next_sample() const { return asked_ + state_.interval(); }

    /// In milliseconds, as poll() takes it. The client library has no descriptor to wait for, so answers are looked for.
    [[nodiscard]] int patience() const {
        constexpr int between_looks = 20;
        if (sampler_.is_asking()) return between_looks;
        if (state_.is_paused()) return -1;
        const auto left = std::chrono::ceil<milliseconds>(next_sample() - Clock::now());
        return static_cast<int>(std::max(left, milliseconds{0}).count());
    }

    void wait() {
        std::array<pollfd, 2> watched{{{STDIN_FILENO, POLLIN, 0}, {signal_.descriptor(), POLLIN, 0}}};
        if (poll(watched.data(), watched.size(), patience()) < 0) changed_ = true;  // a signal: the size may be another
        terminal_gone_ = (watched[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
    }

    TopSampler& sampler_;
    const StopSignal& signal_;
    TopState state_;
    TopStatus status_;
    TopTerminal terminal_;
    TimePoint asked_;
    std::size_t rows_ = 0;
    bool changed_ = false;
    bool terminal_gone_ = false;
};

void print(const TopStatus& status, const RpcTopOptions& options) {
    if (options.json) {
        std::cout << top_document(status, options.state) << '\n';
        return;
    }
    const auto* const before = status.before ? &*status.before : nullptr;
    const auto table = options.state.arrange(make_table(options.state.view(), before, *status.now));
    std::cout << text_of(render_broker(status)) << '\n' << text_of(render_totals(status)) << "\n\n";
    for (const auto& line : render_table(table, std::nullopt, std::nullopt)) std::cout << text_of(line) << '\n';
}

bool is_interrupted_within(const StopSignal& signal, milliseconds time) {
    pollfd watched{signal.descriptor(), POLLIN, 0};
    return poll(&watched, 1, static_cast<int>(time.count())) != 0;
}

int run_once(const RpcTopOptions& options, TopSampler& sampler, const StopSignal& signal) {
    const StopThread stop{signal, [&] { sampler.close(); }};
    TopStatus status;
    while (!status.before) {
        if (status.now && is_interrupted_within(signal, options.state.interval())) return exit_status(Code::cancelled);
        status.endpoint = sampler.endpoint();
        auto snapshot = sampler.sample();
        if (!snapshot) return report(std::cerr, program, snapshot.error());
        take(status, std::move(*snapshot));
    }
    print(status, options);
    if (std::cout.flush()) return 0;
    std::cerr << program << ": cannot write to standard output\n";
    return 1;
}

int run(const RpcTopOptions& options) {
    const StopSignal signal;
    TopSampler sampler{options.brokers, options.keys, options.timeout};
    if (options.once) return run_once(options, sampler, signal);
    Live{sampler, signal, options.state}.run();
    return 0;
}

}  // namespace

}  // namespace rpcbroker

int main(int argc, char** argv) try {
    const auto parsed = rpcbroker::parse_rpc_top(argc, argv);
    if (const int* status = std::get_if<int>(&parsed)) return *status;
    return rpcbroker::run(std::get<rpcbroker::RpcTopOptions>(parsed));
} catch (const std::exception& problem) {
    std::cerr << "rpc-top: " << problem.what() << '\n';
    return 1;
}
