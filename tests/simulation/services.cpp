#include "tests/simulation/services.hpp"

#include <rpcbroker/pack.hpp>

namespace rpcbroker::simulation {
namespace {

constexpr std::string_view names[] = {"plain", "again", "flow"};

void pack_method(Packer& out, std::string_view name) {
    out.map(3).string("name").string(name).string("idempotent").boolean(name == "again");
    out.string("stream").boolean(name == "flow");
}

void pack_service(Packer& out, std::string_view service, std::size_t methods) {
    out.map(2).string("name").string(service).string("methods").array(methods);
    for (std::size_t i = 0; i < methods; ++i) pack_method(out, names[i]);
}

}  // namespace

bool is_stream(std::string_view method) { return method.ends_with(".flow"); }
bool is_idempotent(std::string_view method) { return method.ends_with(".again"); }

std::string draw_method(Random& random, const Settings& settings) {
    if (random.chance(20)) return random.chance(500) ? "Nobody.plain" : "A.nothing";
    const std::string service = random.chance(700) ? "A" : random.chance(500) ? "B" : "C";
    if (random.chance(settings.streams)) return service + ".flow";
    return service + (random.chance(500) ? ".plain" : ".again");
}

Behaviour draw_behaviour(Random& random, const Settings& settings, std::string_view method) {
    if (is_stream(method) && random.chance(900)) return Behaviour::streams;
    if (random.chance(settings.slow)) return Behaviour::slow;
    if (random.chance(settings.stuck)) return Behaviour::until_cancelled;
    if (random.chance(settings.stubborn)) return Behaviour::stubborn;
    if (random.chance(settings.stuck_for_good)) return Behaviour::for_good;
    return Behaviour::quick;
}

std::string draw_offer(Random& random) {
    const std::size_t b = random.chance(500) ? random.between(1, 3) : 0;
    const std::size_t c = random.chance(300) ? random.between(1, 3) : 0;
    std::string out;
    Packer packer{out};
    packer.array(1U + (b > 0 ? 1U : 0U) + (c > 0 ? 1U : 0U));
    pack_service(packer, "A", 3);
    if (b > 0) pack_service(packer, "B", b);
    if (c > 0) pack_service(packer, "C", c);
    return out;
}

}  // namespace rpcbroker::simulation
