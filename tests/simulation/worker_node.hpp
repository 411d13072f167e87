// A process with a worker in it: a real WorkerSession for each broker, and threads that run handlers, in turns like those
// of worker/runtime.cpp. A handler takes virtual time only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/process.hpp"
#include "worker/worker_core.hpp"

namespace rpcbroker::simulation {

class WorkerNode final : public Process {
public:
    WorkerNode(Scene& scene, Place place, std::string name, const std::vector<Place>& brokers);

    /// It leaves its brokers, finishes what it has, and ends.
    void stop();
    [[nodiscard]] bool is_stopping() const noexcept { return stopping_; }
    /// By every broker.
    [[nodiscard]] bool registered() const;
    /// A handler runs that will never end.
    [[nodiscard]] bool is_stuck() const;
    /// A broker was told by an operator to let it go, and it went: there is nothing more for it to do there.
    [[nodiscard]] bool has_left() const noexcept { return has_left_; }
    [[nodiscard]] bool idle() const;

protected:
    std::optional<TimePoint> turn(TimePoint now) override;

private:
    struct Link {
        std::unique_ptr<Dealer> dealer;
        std::unique_ptr<WorkerSession> session;
        bool connected = false;
        std::uint64_t connections = 0;
        bool leaving = false;  ///< the broker asked it to
        bool blocked = false;
        TimePoint heard{};
        std::set<std::uint32_t> given_back{};  ///< msgids that may not be started any more, nor cancelled ones
    };
    /// A call that runs.
    struct Running {
        Link* link = nullptr;
        std::uint64_t connection = 0;  ///< that it came by: another one may use its msgid again
        Call call;
        std::optional<std::uint64_t> number;  ///< if it is an honest client's
        std::uint64_t execution = 0;
        Behaviour behaviour = Behaviour::quick;
        bool fails = false;
        bool cancelled = false;
        bool awaits_credit = false;
        bool over = false;
        std::uint64_t items_left = 0;
        std::uint64_t items_sent = 0;
    };
    using Handler = std::shared_ptr<Running>;

    bool receive(Link& link, TimePoint now);
    void take_in(Link& link, Dealer::Event event, TimePoint now);
    [[nodiscard]] bool runs(const Link& link, std::uint32_t msgid) const;
    void watch_in(Link& link, std::string_view body) const;
    void watch_out(Link& link, std::string_view body);
    void flush();
    void collect_events();
    void check_silence(const Link& link, TimePoint now) const;
    void check_shares() const;
    std::optional<TimePoint> next_turn(TimePoint now);

    void start_calls(TimePoint now);
    void start(Link& link, Call call, TimePoint now);
    void describe(Running& running);
    void plan(const Handler& handler, TimePoint now);
    void plan_item(const Handler& handler, Duration pause);
    void send_item(const Handler& handler);
    void finish(const Handler& handler);
    [[nodiscard]] std::string response(const Running& running) const;
    [[nodiscard]] bool all_busy() const noexcept { return running_.size() == threads_; }

    unsigned threads_;
    std::shared_ptr<SharedCapacity> room_;
    std::optional<std::uint32_t> capacity_;  ///< if it is fixed
    std::vector<Link> links_;
    std::vector<Handler> running_;
    std::size_t next_link_ = 0;
    bool gave_back_ = false;
    bool stopping_ = false;
    bool has_left_ = false;
};

}  // namespace rpcbroker::simulation
