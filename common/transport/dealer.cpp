#include "common/transport/dealer.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include "common/transport/dealer_state.hpp"

namespace rpcbroker::transport {
namespace {

using What = ConnectionEvent::What;

constexpr int wanted_events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                              ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                              ZMQ_EVENT_DISCONNECTED;

// After a connection that did not last so long there is a pause, as after an attempt that failed.
constexpr std::chrono::seconds short_connection{1};

/// By the other side, as libzmq gives the error of its last system call.
bool was_closed(const Monitor::Event& said) {
    return said.what == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL && (said.value == EPIPE || said.value == ECONNRESET);
}

std::string describe_refusal(const Monitor::Event& said, bool has_keys) {
    switch (said.what) {
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        if (said.value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
            return has_keys ? "it has no keys, and we are to find one there" : "it lets in only those who have a key";
        return "what listens there does not speak ZeroMQ's protocol";
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return "it does not let us in (authentication, status " + std::to_string(said.value) + ")";
    default:
        if (has_keys && !was_closed(said)) return "it did not finish the handshake in time";
        if (has_keys)
            return "the connection was closed before the handshake was through: it does not let our key in, or its own "
                   "key is another one than we expect";
        return "the connection was closed, or nothing was said, before the handshake was through; a broker with keys "
               "does so to those who have none";
    }
}

KeyTrouble key_trouble(const Monitor::Event& said, bool has_keys) {
    switch (said.what) {
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        return said.value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH ? KeyTrouble::certain : KeyTrouble::none;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return KeyTrouble::certain;
    default: return has_keys && was_closed(said) ? KeyTrouble::likely : KeyTrouble::none;
    }
}

}  // namespace

Link::Link(Context context, const DealerOptions& options)
    : socket(std::move(context), ZMQ_DEALER), monitor(socket, wanted_events) {
    socket.set({options.max_message, options.handshake, options.linger, options.high_water_mark, options.stuck});
    socket.set(ZMQ_RCVTIMEO, undisturbed_wait);
    socket.set(ZMQ_RECONNECT_IVL, options.reconnect);
    socket.set(ZMQ_RECONNECT_IVL_MAX, options.reconnect_max);
    if (!options.keys) return;
    socket.set(ZMQ_CURVE_SERVERKEY, options.keys->broker);
    socket.set(ZMQ_CURVE_PUBLICKEY, options.keys->own.public_key);
    socket.set(ZMQ_CURVE_SECRETKEY, options.keys->own.secret_key);
}

Dealer::State::State(Context shared, DealerOptions given)
    : context(std::move(shared)), options(std::move(given)), link(std::make_unique<Link>(context, options)) {}

// Where the process has no descriptors left it is tried again: some may come back, as those of the connection that just ended.
void Dealer::State::make_link() {
    link.reset();
    try {
        link = std::make_unique<Link>(context, options);
        link->socket.set_family(*endpoint);
        if (link->socket.connect(endpoint->text().c_str()) != 0) fail("zmq_connect");
    } catch (const std::system_error& error) {
        link.reset();
        revive_at = Clock::now() + options.reconnect_max;
        untold = {What::refused, endpoint->text() + ": no socket to connect with: " + error.what()};
    }
}

void Dealer::State::read_events() {
    Monitor::Event said{};
    while (!untold && link && link->monitor.next(said)) take(said);
}

void Dealer::State::take(const Monitor::Event& said) {
    switch (said.what) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        is_connected = true;
        connected_at = Clock::now();
        untold = {.what = What::connected};
        break;
    case ZMQ_EVENT_DISCONNECTED:  // also said after a handshake that failed
        if (std::exchange(is_connected, false)) untold = {.what = What::closed};
        break;
    default:
        // After a violation of its protocol libzmq does not try again.
        if (said.what != ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) revive_at = Clock::now() + options.reconnect_max;
        untold = {What::refused, endpoint->text() + ": " + describe_refusal(said, options.keys.has_value()),
                  key_trouble(said, options.keys.has_value())};
    }
}

// Its connection is over, and it has been read empty. It goes at once, even where there is a pause before the next attempt: libzmq
// would connect it again by itself meanwhile, and what is said on that connection would be lost with it.
void Dealer::State::end_link() {
    link->socket.set(ZMQ_LINGER, 0);
    link.reset();
    const auto now = Clock::now();
    revive_at = now - connected_at < short_connection ? now + options.reconnect : now;
    revive_when_due();
}

void Dealer::State::revive_when_due() {
    if (!revive_at || Clock::now() < *revive_at) return;
    revive_at.reset();
    make_link();
}

bool Dealer::State::is_ready() {
    return untold || has_frame || (link && (link->socket.has_input() || link->monitor.socket().has_input()));
}

bool Dealer::State::wait_for_body() {
    if (!is_connected || untold || revive_at || has_frame || !link->monitor.socket().is_quiet()) return false;
    has_frame = link->socket.wait_to_receive(frame);
    return has_frame;
}

Dealer::Dealer(Context context, const DealerOptions& options)
    : state_(std::make_unique<State>(std::move(context), options)) {}

// Without a connection there is nothing to leave, but libzmq would linger over a handshake that is under way.
Dealer::~Dealer() {
    if (state_->link && !state_->is_connected) state_->link->socket.set(ZMQ_LINGER, 0);
}

Result<void> Dealer::connect(const Endpoint& endpoint) {
    State& state = *state_;
    if (state.options.keys && endpoint.transport() == Endpoint::Transport::inproc)
        return Error(Code::invalid_argument,
                     endpoint.text() + ": keys are not for inproc, where nobody could be asked");
    state.endpoint = endpoint;
    state.link->socket.set_family(endpoint);
    if (const int error = state.link->socket.connect(endpoint.text().c_str()))
        return Error(Code::unavailable, endpoint.text() + ": " + zmq_strerror(error));
    if (endpoint.transport() == Endpoint::Transport::inproc) {  // of which libzmq says nothing
        state.is_connected = true;
        state.untold = {What::connected, {}};
    }
    return {};
}

bool Dealer::may_have_bodies() const noexcept {
    return state_->has_frame || (state_->link && !state_->link->socket.is_quiet());
}

bool Dealer::may_have_events() const noexcept {
    return state_->untold || state_->revive_at || (state_->link && !state_->link->monitor.socket().is_quiet());
}

Received Dealer::receive(Incoming& incoming) {
    State& state = *state_;
    if (!state.link) return Received::nothing;
    Socket& socket = state.link->socket;
    if (!std::exchange(state.has_frame, false) && !socket.receive(state.frame)) return Received::nothing;
    incoming.envelope.clear();
    if (state.frame.more()) {
        socket.skip(state.frame);
        return Received::bad_frames;
    }
    state.frame.move_to(incoming.body);
    return Received::body;
}

Sent Dealer::send(Body& body) { return state_->is_open() ? state_->link->socket.send(body) : Sent::would_block; }

Sent Dealer::send(std::string_view bytes) {
    return state_->is_open() ? state_->link->socket.send(bytes, Socket::More::no) : Sent::would_block;
}

bool Dealer::next_event(ConnectionEvent& event) {
    State& state = *state_;
    state.read_events();
    if (!state.untold) {
        state.revive_when_due();
        return false;
    }
    const bool closed = state.untold->what == What::closed;
    if (closed && (state.has_frame || state.link->socket.look())) return false;
    event = *std::exchange(state.untold, std::nullopt);
    if (closed) state.end_link();
    return true;
}

}  // namespace rpcbroker::transport
