// A client's connection: reads, writes, and holds the client to the limits. The rest is its session's.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/ip/tcp.hpp>

#include "common/time.hpp"
#include "gateway/calls.hpp"
#include "gateway/catalog.hpp"
#include "gateway/channel.hpp"
#include "gateway/session.hpp"
#include "gateway/settings.hpp"
#include "gateway/sniff.hpp"

namespace rpcbroker {

/// What all connections share; outlives them.
struct Surroundings {
    Calls& calls;
    Catalog& catalog;
    const GatewaySettings& settings;
    const http::Guard& guard;
    Figures& figures;
};

/// All on the loop's thread.
class Connection final : public Link, public std::enable_shared_from_this<Connection> {
public:
    using Closed = std::function<void(Connection&)>;
    using Dirty = std::function<void(std::shared_ptr<Connection>)>;

    /// `channel` is of `socket`. `dirty` is told when there is something to flush(), `closed` once when it is over.
    Connection(boost::asio::ip::tcp::socket socket, std::unique_ptr<Channel> channel, const Surroundings& surroundings,
               Dirty dirty, Closed closed);

    void start();
    void send(std::string_view bytes) override;
    [[nodiscard]] bool is_full() const override;
    void finish() override;
    /// Writes what was sent.
    void flush();
    /// Closes it where it broke a limit of time.
    void check(TimePoint now);
    /// The client has not taken all of what it was sent.
    [[nodiscard]] bool has_unsent() const noexcept { return !unsent_.empty() || !writing_.empty(); }
    /// Bytes: of a message that is not whole, and of answers that the client has not taken.
    [[nodiscard]] std::size_t held() const;
    /// What it holds is needed. The client is told where that is possible.
    void cut_for_memory();
    void close();

private:
    enum class Phase : std::uint8_t { sniffing, handshake, session, finishing, lingering, closed };

    void wait_for_bytes();
    void read();
    void refuse_plain(std::string_view bytes);
    void take(std::string_view bytes);
    void take_first(std::string_view bytes);
    void take_handshake();
    void begin(Protocol protocol, std::string_view bytes);
    void note_progress(std::size_t came);
    void linger();
    void write();
    void written(std::size_t size);
    [[nodiscard]] bool may_read() const;
    [[nodiscard]] std::optional<TimePoint> deadline() const;

    boost::asio::ip::tcp::socket socket_;
    std::unique_ptr<Channel> channel_;
    const Surroundings& surroundings_;
    const ConnectionLimits& limits_;
    Dirty dirty_;
    Closed closed_;
    Phase phase_ = Phase::sniffing;
    std::unique_ptr<Session> session_;
    std::string first_bytes_;
    std::string unsent_;   ///< not handed to the system yet
    std::string writing_;  ///< being handed
    std::size_t written_ = 0;
    bool is_dirty_ = false;
    bool waiting_ = false;
    TimePoint begun_;
    TimePoint last_read_;
    TimePoint last_written_;
    std::optional<TimePoint> message_begun_;
    std::size_t message_bytes_ = 0;  ///< since then
};

}  // namespace rpcbroker
