// Private to transport/: what a Router is made of.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/transport/monitor.hpp"
#include "common/transport/peers.hpp"
#include "common/transport/router.hpp"
#include "common/transport/send_budget.hpp"
#include "common/transport/socket.hpp"

namespace rpcbroker::transport {

struct Router::State {
    State(Context context, const RouterOptions& options);

    void read_events();
    void accept(int descriptor);
    std::optional<PeerId> identify();
    bool read_frames(std::string& envelope);
    Sent begin(PeerId peer, std::string_view envelope);
    bool has_room(PeerId peer);
    /// receive or next_closed has something.
    [[nodiscard]] bool is_ready();

    Socket socket;
    Monitor monitor;
    Peers peers;
    SendBudget budget;
    Frame name;   ///< the first frame of a message: its routing id
    Frame frame;  ///< the one after it that was read last
    std::vector<int> unwanted;
    bool accepting = true;
    bool has_inproc = false;
};

}  // namespace rpcbroker::transport
