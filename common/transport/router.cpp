#include "common/transport/router.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/key_text.hpp"
#include "common/transport/address.hpp"
#include "common/transport/router_state.hpp"

namespace rpcbroker::transport {
namespace {

// An envelope in `Incoming`: each frame as one byte of length and its bytes, the last one empty. What REQ sockets and
// routers add is at most a routing id.
constexpr std::size_t most_envelope_frames = 4;
constexpr std::size_t largest_envelope_frame = 255;

Error bind_error(const Endpoint& endpoint, int error) {
    std::string text = endpoint.text() + ": " + zmq_strerror(error);
    if (error == ENODEV) text += " (bind to an address of this machine, or to *)";
    return {Code::unavailable, std::move(text)};
}

bool somebody_listens(const std::string& path) {
    sockaddr_un address{};
    if (path.size() >= sizeof address.sun_path) return false;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return false;
    const int result = ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const bool listens = result == 0 || errno == EAGAIN;
    ::close(descriptor);
    return listens;
}

// libzmq removes whatever stands at the path, be it somebody's file or a running broker's socket. 0, or the error.
int check_path(const std::string& path) {
    struct stat status {};
    if (path.empty() || path.front() == '*' || path.front() == '@' || ::lstat(path.c_str(), &status) != 0) return 0;
    if (!S_ISSOCK(status.st_mode)) return EEXIST;
    return somebody_listens(path) ? EADDRINUSE : 0;
}

// The directory that the socket is to be in, if it is not there: for its owner alone. Whether it could be made, bind tells.
void make_directory(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos || slash == 0 || path.front() != '/') return;
    ::mkdir(path.substr(0, slash).c_str(), S_IRWXU);
}

// libzmq binds to addresses and interfaces, not to this name.
std::string address_to_bind(const Endpoint& endpoint) {
    if (endpoint.transport() != Endpoint::Transport::tcp || endpoint.address() != "localhost") return endpoint.text();
    return "tcp://127.0.0.1:" + (endpoint.port() == 0 ? "*" : std::to_string(endpoint.port()));
}

}  // namespace

Router::State::State(Context context, const RouterOptions& options)
    : socket(std::move(context), ZMQ_ROUTER),
      monitor(socket, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED),
      budget(options.most_under_way),
      inflow(options.max_message),
      gate(options.gate),
      door(options.door) {
    socket.set({options.max_message, options.handshake, options.linger, options.high_water_mark, options.stuck});
    socket.set(ZMQ_BACKLOG, options.backlog);
    socket.set(ZMQ_ROUTER_MANDATORY, 1);
    // With handover on, who claims a peer's routing id is sent its replies.
    socket.set(ZMQ_ROUTER_HANDOVER, 0);
    if (!options.keys) return;
    zap.emplace(socket.context(), options.keys->admit);
    socket.set(ZMQ_CURVE_SERVER, 1);
    socket.set(ZMQ_CURVE_SECRETKEY, options.keys->secret_key);
    socket.set(ZMQ_ZAP_DOMAIN, zap->name());
    needs_key = true;  // if libzmq found nobody to ask, it would let everybody in, without a number
}

void Router::State::read_events() {
    Monitor::Event event{};
    while (monitor.next(event)) {
        const int descriptor = static_cast<int>(event.value);
        if (event.what == ZMQ_EVENT_DISCONNECTED) leave(descriptor);
        if (event.what == ZMQ_EVENT_ACCEPTED) accept(descriptor);
    }
    for (const int descriptor : unwanted) {
        if (peers.is_refused(descriptor)) cut(descriptor);
    }
    unwanted.clear();
}

void Router::State::accept(int descriptor) {
    leave(descriptor);
    peers.accepted(descriptor);
    inflow.accepted(descriptor);
    if (accepting && is_wanted(descriptor)) return;
    peers.refuse(descriptor);
    unwanted.push_back(descriptor);
}

bool Router::State::is_wanted(int descriptor) {
    if (!gate) return true;
    auto address = network_of(descriptor);
    if (gate->refuses(door, address, Clock::now())) return false;
    const auto index = static_cast<std::size_t>(descriptor);
    if (index >= guests.size()) guests.resize(index + 1);
    guests[index] = std::move(address);
    return true;
}

void Router::State::leave(int descriptor) {
    peers.disconnected(descriptor);
    inflow.closed(descriptor);
    const auto index = static_cast<std::size_t>(descriptor);
    if (index >= guests.size() || !guests[index]) return;
    gate->left(door, *guests[index]);
    guests[index].reset();
}

// Whose message it is whose routing id is in `name` and whose last frame is in `frame`.
Received Router::State::identify(Incoming& incoming) {
    incoming.introduced = 0;
    const auto routing_id = name.bytes();
    if (const auto known = peers.find(routing_id); known && Peers::is_automatic(routing_id)) {
        incoming.peer = *known;
        return Received::body;
    }
    read_events();
    // Read from the body: after a poll, libzmq's first frame has lost it.
    const int descriptor = frame.descriptor();
    if (descriptor < 0 && !has_inproc) return Received::nameless;
    const auto key = needs_key ? frame.key_number() : 0;
    if (needs_key && key == 0) return Received::unauthenticated;
    const auto peer = peers.identify(routing_id, descriptor < 0 ? Peers::no_descriptor : descriptor);
    if (!peer) return Received::nameless;
    incoming.peer = *peer;
    return !needs_key || introduce(*peer, key, incoming) ? Received::body : Received::unauthenticated;
}

// A peer is one connection, which has one key: false if it has another one than before, which cannot be.
bool Router::State::introduce(PeerId peer, std::uint64_t key, Incoming& incoming) {
    if (peer.slot >= introduced.size()) introduced.resize(std::size_t{peer.slot} + 1);
    Introduced& known = introduced[peer.slot];
    if (known.generation == peer.generation) return known.key == key;
    known = {peer.generation, key};
    incoming.introduced = key;
    return true;
}

// Reads a message's frames into `envelope` and `frame`; all of them, whatever they are. False: they are not as they should be.
bool Router::State::read_frames(std::string& envelope) {
    envelope.clear();
    socket.receive(frame);
    if (!frame.more()) return true;
    for (std::size_t count = 0; count < most_envelope_frames && frame.more(); ++count) {
        const auto bytes = frame.bytes();
        if (bytes.size() > largest_envelope_frame) break;
        envelope.push_back(static_cast<char>(bytes.size()));
        envelope.append(bytes);
        const bool last = bytes.empty();
        socket.receive(frame);
        if (last && !frame.more()) return true;
        if (last) break;
    }
    socket.skip(frame);
    return false;
}

// Sends all that stands before a body. From `yes` on libzmq takes the rest of the message as well.
Sent Router::State::begin(PeerId peer, std::string_view envelope) {
    const std::string* routing_id = peers.routing_id(peer);
    if (routing_id && !Peers::is_automatic(*routing_id)) {
        read_events();  // somebody else may have come by the id
        routing_id = peers.routing_id(peer);
    }
    if (!routing_id) return Sent::gone;
    const Sent sent = socket.send(*routing_id, Socket::More::yes);
    if (sent != Sent::yes) return sent;
    while (!envelope.empty()) {
        const std::size_t size = static_cast<unsigned char>(envelope.front());
        socket.send(envelope.substr(1, size), Socket::More::yes);
        envelope.remove_prefix(std::min(envelope.size(), 1 + size));
    }
    return Sent::yes;
}

bool Router::State::has_room(PeerId peer) {
    if (!budget.is_over(peer)) return true;
    read_events();  // the descriptor may be another's by now
    return budget.has_room(peer, peers.descriptor(peer));
}

bool Router::State::is_ready() { return peers.has_closed() || socket.has_input() || monitor.socket().has_input(); }

RouterKeys::~RouterKeys() { wipe(secret_key); }

std::shared_ptr<Gate> make_gate(const ConnectionLimits& limits) { return std::make_shared<Gate>(limits); }

RefusedConnections take_refused(Gate& gate) { return gate.take_refused(); }

Router::Router(Context context, const RouterOptions& options)
    : state_(std::make_unique<State>(std::move(context), options)) {}

Router::~Router() = default;

Result<std::string> Router::bind(const Endpoint& endpoint) {
    if (state_->needs_key && endpoint.transport() == Endpoint::Transport::inproc)
        return Error(Code::invalid_argument,
                     endpoint.text() + ": keys are not for inproc, where nobody could be asked");
    if (endpoint.transport() == Endpoint::Transport::ipc) {
        if (const int error = check_path(endpoint.address())) return bind_error(endpoint, error);
        make_directory(endpoint.address());
    }
    state_->socket.set_family(endpoint);
    if (const int error = state_->socket.bind(address_to_bind(endpoint).c_str())) return bind_error(endpoint, error);
    if (endpoint.transport() == Endpoint::Transport::inproc) state_->has_inproc = true;
    return state_->socket.last_endpoint();
}

// Not zmq_unbind: it ends the connections that came in by the endpoint, too.
void Router::unbind_all() noexcept {
    state_->read_events();
    state_->accepting = false;
}

bool Router::may_have_bodies() const noexcept { return !state_->socket.is_quiet(); }

bool Router::may_have_closed() const noexcept {
    return state_->peers.has_closed() || state_->peers.awaits_drained() || !state_->monitor.socket().is_quiet();
}

Received Router::receive(Incoming& incoming) {
    State& state = *state_;
    if (!state.socket.receive(state.name)) {
        state.peers.drained();
        return Received::nothing;
    }
    const bool good = state.read_frames(incoming.envelope);
    const auto whose = state.identify(incoming);
    if (whose != Received::body) return whose;
    state.inflow.read(incoming.peer);
    state.peers.read(incoming.peer);
    if (!good) return Received::bad_frames;
    state.frame.move_to(incoming.body);
    return Received::body;
}

Sent Router::send(PeerId peer, std::string_view envelope, Body& body) {
    if (!state_->has_room(peer)) return Sent::would_block;
    const Sent begun = state_->begin(peer, envelope);
    if (begun != Sent::yes) return begun;
    state_->budget.sent(peer, envelope.size() + body.size());
    return state_->socket.send(body);
}

Sent Router::send(PeerId peer, std::string_view envelope, std::string_view bytes) {
    if (!state_->has_room(peer)) return Sent::would_block;
    const Sent begun = state_->begin(peer, envelope);
    if (begun != Sent::yes) return begun;
    state_->budget.sent(peer, envelope.size() + bytes.size());
    return state_->socket.send(bytes, Socket::More::no);
}

bool Router::next_closed(PeerId& peer, const std::function<bool(PeerId)>& held) {
    State& state = *state_;
    if (state.peers.next_closed(peer, held)) return true;
    state.read_events();
    // What a peer sent before its connection closed can be read when libzmq says that it is closed.
    if (state.peers.awaits_drained()) {
        if (state.socket.look())
            state.peers.settle(Clock::now());
        else
            state.peers.drained();
    }
    return state.peers.next_closed(peer, held);
}

std::string Router::address(PeerId peer) const {
    state_->read_events();  // the descriptor may be another's by now
    return address_of(state_->peers.descriptor(peer));
}

std::vector<std::string> Router::cut_floods(bool drained, TimePoint now) {
    auto addresses = state_->inflow.take_cut();
    if (!state_->inflow.is_due(now)) return addresses;
    state_->read_events();
    state_->inflow.look(state_->peers, drained);
    return addresses;
}

std::optional<TimePoint> Router::next_look() const noexcept { return state_->inflow.next_look(); }

void Router::disconnect(PeerId peer) noexcept {
    state_->read_events();
    const int descriptor = state_->peers.descriptor(peer);
    if (descriptor != Peers::no_descriptor) ::shutdown(descriptor, SHUT_RDWR);
}

}  // namespace rpcbroker::transport
