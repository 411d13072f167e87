// Private to transport/: what a Dealer is made of.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "common/time.hpp"
#include "common/transport/dealer.hpp"
#include "common/transport/monitor.hpp"
#include "common/transport/socket.hpp"

namespace rpcbroker::transport {

/// A socket for one connection, and for the attempts before it. When the connection ends, so does the socket, once it is
/// read empty. libzmq would connect it again by itself, but then it either sends what waited for the old connection on the
/// new one, or (ZMQ_IMMEDIATE) drops what the old one brought and nobody has read yet.
struct Link {
    Link(Context context, const DealerOptions& options);

    Socket socket;
    Monitor monitor;
    const int descriptor = socket.descriptor();
    const int monitor_descriptor = monitor.socket().descriptor();
};

/// For so long who waits for a body may heed nothing else.
inline constexpr std::chrono::milliseconds undisturbed_wait{5};

struct Dealer::State {
    State(Context context, DealerOptions options);

    void make_link();  ///< and connects it
    /// Reads what libzmq says until there is something to tell.
    void read_events();
    void take(const Monitor::Event& said);
    void end_link();
    [[nodiscard]] bool is_open() {
        if (!is_connected) read_events();
        return is_connected;
    }
    void revive_when_due();
    /// receive or next_event has something.
    [[nodiscard]] bool is_ready();
    /// Sleeps until a body is there, `undisturbed_wait` at most, and keeps it in `frame`. False: none, or there is something
    /// else to do.
    bool wait_for_body();

    Context context;
    DealerOptions options;
    std::unique_ptr<Link> link;  ///< none from the end of a connection until it is time to connect again
    Frame frame;
    bool has_frame = false;  ///< it came while somebody waited for it, and is to be received
    std::optional<Endpoint> endpoint;
    bool is_connected = false;
    TimePoint connected_at{};
    /// What is to be told next; `closed` only when all bodies that came before it were read.
    std::optional<ConnectionEvent> untold;
    /// libzmq tries no longer, or not soon enough: when to make another link.
    std::optional<TimePoint> revive_at;
};

}  // namespace rpcbroker::transport
