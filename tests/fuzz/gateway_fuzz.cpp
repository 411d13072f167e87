// What strangers say to the gateway: the first byte says how the rest is cut. Whatever comes, nobody crashes, and no call
// is made of a method that may not be called.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/go_json_session.hpp"
#include "gateway/go_session.hpp"
#include "gateway/http/session.hpp"
#include "gateway/sniff.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/gateway/fakes.hpp"

namespace rpcbroker::fuzz {
namespace {

constexpr MessageLimits limits{.header = 256, .body = 4096};

struct World {
    test::FakeCalls calls;
    test::FakeLink link;
    Catalog catalog{calls};
    MethodFilter filter{{"S.*", "EchoUtil.*"}};
    http::Guard guard{{.token = {}, .hosts = {"localhost", "a"}, .cors = {"https://app.example"}}};
    Figures figures;
    http::RouteSettings routes{.default_service = "S"};
    std::unique_ptr<Session> session;

    void begin(Protocol protocol) {
        if (protocol == Protocol::go_gob) session = std::make_unique<GoSession>(link, calls, catalog, filter, limits);
        if (protocol == Protocol::json) session = std::make_unique<GoJsonSession>(link, calls, catalog, filter, limits);
        if (protocol == Protocol::http)
            session = std::make_unique<http::HttpSession>(link, calls, catalog, filter, guard, routes, figures, limits);
    }
    /// Half of the calls fail.
    void answer() {
        while (!calls.calls.empty()) {
            const auto call = calls.calls.front();
            const bool describes = call.method == "rpc.describe";
            require(describes || call.method == "rpc.services" || call.method == "rpc.ping" ||
                        filter.check(call.method).has_value(),
                    "a call that may be made");
            if (call.id % 2 == 0)
                calls.end(call.method, test::error_of(Code::not_found, By::broker));
            else
                calls.end_with(call.method, describes ? test::described_count : std::string_view{call.params});
        }
    }
};

void talk(std::string_view bytes, std::size_t step) {
    World world;
    const auto protocol = sniff(bytes);
    if (protocol == Protocol::go_http) {
        const auto handshake = read_handshake(bytes, limits.header);
        require(handshake.size <= bytes.size(), "a handshake is of what was read");
        if (handshake.is != Handshake::Is::accepted) return;
        bytes.remove_prefix(handshake.size);
    }
    world.begin(protocol == Protocol::go_http ? Protocol::go_gob : protocol);
    if (!world.session) return;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
        world.session->receive(bytes.substr(0, step));
        if (step % 2 == 0) world.answer();
    }
    if (step % 3 == 0) world.session.reset();
    world.answer();
}

}  // namespace
}  // namespace rpcbroker::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    rpcbroker::fuzz::talk(bytes.substr(1), data[0] + std::size_t{1});
    return 0;
}
