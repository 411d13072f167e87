// Private to transport/: what a Router is made of.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/transport/gate.hpp"
#include "common/transport/inflow.hpp"
#include "common/transport/monitor.hpp"
#include "common/transport/peers.hpp"
#include "common/transport/router.hpp"
#include "common/transport/send_budget.hpp"
#include "common/transport/socket.hpp"
#include "common/transport/zap.hpp"

namespace rpcbroker::transport {

struct Router::State {
    State(Context context, const RouterOptions& options);

    void read_events();
    void accept(int descriptor);
    void leave(int descriptor);
    [[nodiscard]] bool is_wanted(int descriptor);
    /// Whose message it is; sets incoming.peer and incoming.introduced. `body`, or why it is nobody's.
    Received identify(Incoming& incoming);
    bool introduce(PeerId peer, std::uint64_t key, Incoming& incoming);
    bool read_frames(std::string& envelope);
    Sent begin(PeerId peer, std::string_view envelope);
    bool has_room(PeerId peer);
    /// receive or next_closed has something.
    [[nodiscard]] bool is_ready();

    /// Of whom it is known by which key they came.
    struct Introduced {
        std::uint32_t generation = 0;
        std::uint64_t key = 0;
    };

    std::optional<ZapDomain> zap;  ///< before the socket is bound and until it is closed
    Socket socket;
    Monitor monitor;
    Peers peers;
    SendBudget budget;
    Inflow inflow;
    Frame name;   ///< the first frame of a message: its routing id
    Frame frame;  ///< the one after it that was read last
    std::shared_ptr<Gate> gate;
    Door door;
    std::vector<std::optional<std::string>> guests;  ///< by descriptor: the addresses of those that the gate counts
    std::vector<int> unwanted;
    std::vector<Introduced> introduced;  ///< with keys: by slot
    bool accepting = true;
    bool has_inproc = false;
    bool needs_key = false;
};

}  // namespace rpcbroker::transport
