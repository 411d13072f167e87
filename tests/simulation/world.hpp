// One run: a world of clients, brokers and workers, disturbed for a while, then left alone until all must be well.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/counters.hpp"
#include "tests/simulation/broker_node.hpp"
#include "tests/simulation/client_node.hpp"
#include "tests/simulation/liars.hpp"
#include "tests/simulation/scene.hpp"
#include "tests/simulation/worker_node.hpp"

namespace rpcbroker::simulation {

/// Not thread-safe. All that happens follows from the seed.
class World {
public:
    World(std::uint64_t seed, EventQueue& events, Trace& trace);
    ~World();

    /// Throws a Violation. `most_events`: it is disturbed for no more than these; 0: as long as the seed says.
    void run(std::uint64_t most_events = 0);

    [[nodiscard]] const Scene& scene() const noexcept { return scene_; }
    /// Counted by all brokers that ever ran.
    [[nodiscard]] const broker::Counters& counters() const noexcept { return counters_; }

private:
    enum class Role : std::uint8_t { broker, client, worker, lying_client, lying_worker };
    struct Post {
        Role role = Role::broker;
        std::string name;
        std::shared_ptr<Process> process;  ///< null: it is down
    };

    void add_posts(Role role, unsigned count, const std::string& name);
    [[nodiscard]] std::shared_ptr<Process> make(Place place);
    void start(Place place);
    void kill(Place place);
    void restart_later(Place place, Duration pause);
    void supervise();
    [[nodiscard]] bool is_honest(Place place) const;
    template <class T>
    [[nodiscard]] std::vector<T*> running() const;
    [[nodiscard]] std::vector<Place> places(Role role, bool up) const;
    [[nodiscard]] std::vector<Place> brokers() const;

    // Faults.
    void disturb();
    void inflict(Fault fault);
    void kill_any(Role role);
    void pause_any(Role role);
    void cut_any(bool both_ways);
    void slow_down();
    void give_keys();
    void take_a_key_out();
    void put_in(Place place);
    void tell_brokers() const;

    // The end.
    void calm_down();
    void restart_hopeless();
    [[nodiscard]] bool at_rest() const;
    void come_to_rest();
    void call_again();
    void until(TimePoint end);
    void check_steps() const;

    Scene scene_;
    std::vector<Post> posts_;
    std::vector<std::string> worker_ids_;
    broker::Counters counters_;
    Random keys_;  ///< of their own, so that a run without keys is what it was before there were any
    TimePoint disturbed_until_;
    bool calm_ = false;
};

}  // namespace rpcbroker::simulation
