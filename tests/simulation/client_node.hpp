// A process with a client in it: the real ClientSession over all brokers, and callers that ask for anything.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/client_core.hpp"
#include "tests/simulation/process.hpp"

namespace rpcbroker::simulation {

class ClientNode final : public Process {
public:
    ClientNode(Scene& scene, Place place, std::string name, const std::vector<Place>& brokers);
    ~ClientNode() override;

    /// Begins to make calls, at random, until then.
    void call_until(TimePoint end);
    /// A plain call, for `method`, without anything that could make it fail. Returns its number.
    std::uint64_t call_plainly(const std::string& method, std::chrono::milliseconds timeout);
    [[nodiscard]] std::size_t calls() const noexcept { return session_.calls(); }
    /// Ids of workers that calls may ask for; shared by all clients.
    void set_workers(const std::vector<std::string>* ids) noexcept { worker_ids_ = ids; }

protected:
    std::optional<TimePoint> turn(TimePoint now) override;

private:
    struct Link {
        std::unique_ptr<Dealer> dealer;
        std::set<std::uint64_t> under_way{};  ///< calls, by number
        std::set<std::uint64_t> lost{};       ///< of them, in this turn
    };

    static ClientOptions options(Scene& scene, std::size_t brokers);
    bool receive(BrokerIndex broker, TimePoint now);
    bool send(BrokerIndex broker);
    void watch_out(Link& link, std::string_view body);
    void check_lost(Link& link) const;
    void hand_out(TimePoint now);
    void check_ends(TimePoint now) const;

    void call_some();
    void call_any();
    [[nodiscard]] CallRecord draw_call(CallOptions& options);
    std::uint64_t start(CallRecord record, const CallOptions& options, std::size_t padding);
    void cancel_later(std::uint64_t number);
    void on_item(std::uint64_t number, const std::string& item);

    ClientSession session_;
    std::vector<Link> links_;
    std::map<std::uint64_t, CallId> open_;  ///< by the call's number
    std::uint64_t unread_ = 0;
    TimePoint call_until_{};
    const std::vector<std::string>* worker_ids_ = nullptr;
};

}  // namespace rpcbroker::simulation
