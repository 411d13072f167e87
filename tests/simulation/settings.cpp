#include "tests/simulation/settings.hpp"

#include <vector>

namespace rpcbroker::simulation {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

BrokerLimits draw_limits(Random& random) {
    BrokerLimits limits;
    limits.heartbeat = random.of(std::vector{50ms, 100ms, 200ms, 500ms});
    limits.default_timeout = milliseconds{random.between(500, 3000)};
    limits.max_timeout = milliseconds{random.between(2000, 4000)};
    limits.service_grace = random.of(std::vector{0ms, 100ms, 1000ms});
    limits.restart_grace = random.of(std::vector{0ms, 300ms, 2000ms});
    limits.slow_call = random.of(std::vector{0ms, 0ms, 500ms});
    limits.max_queued = random.of(std::vector<std::size_t>{3, 20, 1000});
    limits.max_queued_bytes = random.of(std::vector<std::size_t>{500, 10'000, 1'000'000});
    limits.max_unsent_bytes = random.of(std::vector<std::size_t>{4000, 100'000, 10'000'000});
    limits.max_services = 8;
    return limits;
}

/// Some kinds of faults, often few and sometimes none, each as likely as it comes.
void draw_faults(Settings& settings, Random& random) {
    const unsigned kinds = random.of(std::vector{0U, 200U, 500U, 1000U});
    for (auto& weight : settings.fault_weights)
        weight = random.chance(kinds) ? static_cast<unsigned>(random.between(1, 5)) : 0;
    settings.fault_every = random.of(std::vector<Duration>{20ms, 80ms, 300ms});
}

void draw_network(Settings& settings, Random& random) {
    settings.delay = random.of(std::vector<Duration>{0us, 50us, 1ms, 5ms});
    settings.jitter = random.of(std::vector<Duration>{0us, 0us, 200us, 10ms});
    settings.sleepy = random.of(std::vector<Duration>{0us, 0us, 50us, 3ms});
    settings.pipe = random.of(std::vector<std::size_t>{2, 10, 1000});
    settings.bodies_a_turn = random.of(std::vector{1, 4, 64});
}

void draw_calls(Settings& settings, Random& random) {
    settings.call_every = random.of(std::vector<Duration>{5ms, 15ms, 40ms});
    settings.burst = random.of(std::vector{0U, 20U, 100U});
    settings.idempotent = random.of(std::vector{0U, 300U, 1000U});
    settings.retried = random.of(std::vector{0U, 200U, 800U});
    settings.streams = random.of(std::vector{0U, 200U, 700U});
    settings.one_way = random.of(std::vector{0U, 100U});
    settings.keyed = random.of(std::vector{0U, 100U, 400U});
    settings.pinned = random.of(std::vector{0U, 100U});
    settings.cancelled = random.of(std::vector{0U, 100U, 400U});
    settings.round_timeouts = random.of(std::vector{0U, 300U, 1000U});
}

void draw_handlers(Settings& settings, Random& random) {
    settings.slow = random.of(std::vector{0U, 100U, 400U});
    settings.stuck = random.of(std::vector{0U, 30U, 200U});
    settings.stubborn = random.of(std::vector{0U, 30U, 150U});
    settings.stuck_for_good = random.of(std::vector{0U, 0U, 5U});
    settings.handler_errors = random.of(std::vector{0U, 100U});
}

void draw_keys(Settings& settings, Random& random) {
    settings.keys = random.chance(400);
    settings.few_rights = random.of(std::vector{0U, 300U, 1000U});
    settings.key_taken_out_every = random.of(std::vector<Duration>{0ms, 100ms, 400ms});
}

}  // namespace

Settings draw_settings(Random& random) {
    Settings settings;
    settings.limits = draw_limits(random);
    settings.brokers = random.of(std::vector{1U, 1U, 2U, 3U});
    settings.clients = static_cast<unsigned>(random.between(1, 4));
    settings.workers = static_cast<unsigned>(random.between(1, 4));
    settings.lying_clients = random.of(std::vector{0U, 0U, 1U, 2U});
    settings.lying_workers = random.of(std::vector{0U, 0U, 1U});
    settings.disturbed_for = milliseconds{random.between(200, 1500)};
    draw_network(settings, random);
    draw_faults(settings, random);
    draw_calls(settings, random);
    draw_handlers(settings, random);
    draw_keys(settings, random);
    return settings;
}

std::string describe(const Settings& settings) {
    const auto ms = [](Duration d) { return std::to_string(std::chrono::duration<double, std::milli>(d).count()); };
    return std::to_string(settings.brokers) + " brokers, " + std::to_string(settings.clients) + " clients, " +
           std::to_string(settings.workers) + " workers, " + std::to_string(settings.lying_clients) + "+" +
           std::to_string(settings.lying_workers) + " liars, heartbeat " + ms(settings.limits.heartbeat) +
           " ms, delay " + ms(settings.delay) + " + " + ms(settings.jitter) + " ms, pipe " +
           std::to_string(settings.pipe) + ", max_queued " + std::to_string(settings.limits.max_queued) +
           (settings.keys ? ", keys" : "");
}

}  // namespace rpcbroker::simulation
