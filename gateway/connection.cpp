#include "gateway/connection.hpp"

#include <algorithm>
#include <utility>

#include <netinet/tcp.h>

#include "gateway/go_json_session.hpp"
#include "gateway/go_session.hpp"
#include "gateway/http/session.hpp"

namespace rpcbroker {

namespace {

constexpr std::size_t much_unsent = 1 << 20;  ///< a client that takes nothing is not read either
constexpr std::chrono::seconds longest_linger{1};

/// For those who speak HTTP where TLS is wanted; Go's DialHTTP shows its first line.
constexpr std::string_view speaks_tls =
    "HTTP/1.1 400 This port speaks TLS\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    "Content-Length: 41\r\n\r\nThis port speaks TLS: ask it by https://\n";

/// A peer whose machine is gone is noticed within half a minute.
void watch_peer(boost::asio::ip::tcp::socket& socket) {
    using Idle = boost::asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
    using Interval = boost::asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>;
    using Count = boost::asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>;
    boost::system::error_code ignored;
    socket.set_option(boost::asio::socket_base::keep_alive{true}, ignored);
    socket.set_option(Idle{15}, ignored);
    socket.set_option(Interval{5}, ignored);
    socket.set_option(Count{3}, ignored);
}

}  // namespace

Connection::Connection(boost::asio::ip::tcp::socket socket, std::unique_ptr<Channel> channel,
                       const Surroundings& surroundings, Dirty dirty, Closed closed)
    : socket_(std::move(socket)),
      channel_(std::move(channel)),
      surroundings_(surroundings),
      limits_(surroundings.settings.limits),
      dirty_(std::move(dirty)),
      closed_(std::move(closed)),
      begun_(Clock::now()),
      last_read_(begun_),
      last_written_(begun_) {}

void Connection::start() {
    boost::system::error_code ignored;
    socket_.set_option(boost::asio::ip::tcp::no_delay{true}, ignored);
    watch_peer(socket_);
    socket_.non_blocking(true, ignored);
    wait_for_bytes();
}

bool Connection::may_read() const {
    if (phase_ == Phase::finishing || phase_ == Phase::closed) return false;
    return !is_full() && (!session_ || session_->under_way() < limits_.calls);
}

bool Connection::is_full() const { return unsent_.size() + writing_.size() >= much_unsent; }

/// No buffer is held while nothing comes.
void Connection::wait_for_bytes() {
    if (waiting_ || !may_read()) return;
    waiting_ = true;
    using Socket = boost::asio::ip::tcp::socket;
    socket_.async_wait(channel_->reads_once_writable() ? Socket::wait_write : Socket::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                           self->waiting_ = false;
                           if (error) return self->close();
                           self->read();
                       });
}

void Connection::read() {
    static thread_local std::array<char, Channel::read_size> buffer;
    if (!may_read()) return;
    const auto [is, size] = channel_->read(buffer);
    const std::string_view bytes{buffer.data(), size};
    switch (is) {
    case Channel::Is::wait: return wait_for_bytes();
    case Channel::Is::over: return close();
    case Channel::Is::broken: ++surroundings_.figures.tls.broken; return close();
    case Channel::Is::not_tls: return refuse_plain(bytes);
    case Channel::Is::some: break;
    }
    last_read_ = Clock::now();
    take(bytes);
    note_progress(size);
    flush();
    wait_for_bytes();
}

void Connection::refuse_plain(std::string_view bytes) {
    ++surroundings_.figures.tls.plain;
    const auto protocol = sniff(bytes);
    if (protocol != Protocol::http && protocol != Protocol::go_http) return close();
    channel_ = std::make_unique<PlainChannel>(socket_.native_handle());
    send(speaks_tls);
    finish();
    flush();
}

void Connection::take(std::string_view bytes) {
    if (phase_ == Phase::session) return session_->receive(bytes);
    if (phase_ == Phase::sniffing) return take_first(bytes);
    if (phase_ != Phase::handshake) return;
    first_bytes_ += bytes;
    take_handshake();
}

void Connection::take_first(std::string_view bytes) {
    first_bytes_ += bytes;
    const auto protocol = sniff(first_bytes_);
    if (protocol == Protocol::unknown_yet) return;
    if (protocol != Protocol::go_http) return begin(protocol, std::exchange(first_bytes_, {}));
    phase_ = Phase::handshake;
    take_handshake();
}

void Connection::take_handshake() {
    const auto handshake = read_handshake(first_bytes_, surroundings_.settings.messages.header);
    if (handshake.is == Handshake::Is::cut_off) return;
    const bool may_call = surroundings_.guard.has_token({});
    send(may_call ? handshake.answer : "HTTP/1.0 401 Unauthorized\r\n\r\n");
    if (handshake.is == Handshake::Is::refused || !may_call) return finish();
    begin(Protocol::go_gob, std::exchange(first_bytes_, {}).substr(handshake.size));
}

/// Go's clients have no way to show a token.
void Connection::begin(Protocol protocol, std::string_view bytes) {
    auto& [calls, catalog, settings, guard, figures] = surroundings_;
    const bool is_go = protocol == Protocol::go_gob || protocol == Protocol::json;
    if (is_go && !guard.has_token({})) return finish();
    phase_ = Phase::session;
    switch (protocol) {
    case Protocol::go_gob:
        session_ = std::make_unique<GoSession>(*this, calls, catalog, settings.filter, settings.messages);
        break;
    case Protocol::json:
        session_ = std::make_unique<GoJsonSession>(*this, calls, catalog, settings.filter, settings.messages);
        break;
    case Protocol::http:
        session_ = std::make_unique<http::HttpSession>(*this, calls, catalog, settings.filter, guard, settings.routes,
                                                       figures, settings.messages);
        break;
    default: return finish();
    }
    session_->receive(bytes);
}

void Connection::note_progress(std::size_t came) {
    const bool within = session_ ? session_->within_message() : !first_bytes_.empty();
    if (!within) {
        message_begun_.reset();
        message_bytes_ = 0;
        return;
    }
    if (!message_begun_) message_begun_ = last_read_;
    message_bytes_ += came;
}

void Connection::send(std::string_view bytes) {
    if (phase_ == Phase::closed) return;
    unsent_ += bytes;
    if (!std::exchange(is_dirty_, true)) dirty_(shared_from_this());
}

void Connection::finish() {
    if (phase_ == Phase::closed || phase_ == Phase::lingering) return;
    phase_ = Phase::finishing;
    if (!std::exchange(is_dirty_, true)) dirty_(shared_from_this());
}

void Connection::flush() {
    is_dirty_ = false;
    if (phase_ == Phase::closed || !writing_.empty()) return;
    if (unsent_.size() + writing_.size() > limits_.unsent) {
        ++surroundings_.figures.cut.unsent;
        return close();
    }
    if (unsent_.empty()) return phase_ == Phase::finishing ? linger() : wait_for_bytes();
    writing_ = std::exchange(unsent_, {});
    written_ = 0;
    last_written_ = Clock::now();
    write();
}

/// Closing while the client still sends would take away what it was sent: what comes is read and dropped for a while.
void Connection::linger() {
    phase_ = Phase::lingering;
    session_.reset();
    message_bytes_ = 0;
    begun_ = Clock::now();
    channel_->end();
    boost::system::error_code ignored;
    socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
    wait_for_bytes();
}

/// Mostly the system takes all of it at once.
void Connection::write() {
    while (written_ < writing_.size()) {
        const auto [is, size] = channel_->write(std::string_view{writing_}.substr(written_));
        if (is == Channel::Is::wait) break;
        if (is != Channel::Is::some) return close();
        written(size);
    }
    if (written_ == writing_.size()) {
        writing_.clear();
        return flush();
    }
    socket_.async_wait(boost::asio::ip::tcp::socket::wait_write,
                       [self = shared_from_this()](const boost::system::error_code& failed) {
                           if (failed) return self->close();
                           if (self->phase_ != Phase::closed) self->write();
                       });
}

void Connection::written(std::size_t size) {
    written_ += size;
    last_written_ = Clock::now();
}

std::optional<TimePoint> Connection::deadline() const {
    if (phase_ == Phase::closed) return std::nullopt;
    if (phase_ == Phase::lingering) return begun_ + longest_linger;
    if (!writing_.empty()) return last_written_ + limits_.stalled;
    if (message_begun_ && may_read()) return *message_begun_ + limits_.message;
    if (!session_) return begun_ + limits_.first_byte;
    if (session_->may_idle() || session_->under_way() > 0) return std::nullopt;
    return std::max(last_read_, last_written_) + limits_.idle;
}

void Connection::check(TimePoint now) {
    const auto until = deadline();
    if (!until || now < *until) return;
    auto& cut = surroundings_.figures.cut;
    if (!channel_->is_open()) ++surroundings_.figures.tls.slow;
    if (phase_ != Phase::lingering && !writing_.empty())
        ++cut.stalled;
    else if (phase_ != Phase::lingering && (!session_ || (message_begun_ && may_read())))
        ++cut.slow;
    close();
}

std::size_t Connection::held() const {
    if (phase_ == Phase::closed) return 0;
    return message_bytes_ + unsent_.size() + writing_.size() + (session_ ? session_->held() : 0);
}

void Connection::cut_for_memory() {
    ++surroundings_.figures.cut.memory;
    if (phase_ != Phase::session || is_full() || !session_->refuse_message()) return close();
    flush();
}

/// Calls that are under way are cancelled with the session; it may be one of its calls back that got here.
void Connection::close() {
    if (std::exchange(phase_, Phase::closed) == Phase::closed) return;
    channel_->end();
    boost::system::error_code ignored;
    socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
    closed_(*this);
}

}  // namespace rpcbroker
