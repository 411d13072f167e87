#include "common/transport/socket.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace rpcbroker::transport {
namespace {

// libzmq hands a message from thread to thread by atomics of its own, which the thread sanitizer cannot see as libzmq was
// not built for it. These two tell it: what happened before a message was sent happened before it was received.
#if defined(__SANITIZE_THREAD__)
void hand_over(void* data) { __tsan_release(data); }
void take_over(void* data) { __tsan_acquire(data); }
#else
void hand_over(void* /*data*/) {}
void take_over(void* /*data*/) {}
#endif

// A body of our own from this size on is handed over instead of being copied.
constexpr std::size_t smallest_handed_over = std::size_t{32} << 10;

constexpr std::chrono::seconds connect_timeout{5};

void relocate_message(void* from, void* to) noexcept {
    auto* source = static_cast<zmq_msg_t*>(from);
    auto* target = ::new (to) zmq_msg_t;
    zmq_msg_init(target);
    zmq_msg_move(target, source);
    zmq_msg_close(source);
}
void destroy_message(void* held) noexcept { zmq_msg_close(static_cast<zmq_msg_t*>(held)); }
char* data_of_message(void* held) noexcept { return static_cast<char*>(zmq_msg_data(static_cast<zmq_msg_t*>(held))); }
std::size_t size_of_message(const void* held) noexcept { return zmq_msg_size(static_cast<const zmq_msg_t*>(held)); }

static_assert(sizeof(zmq_msg_t) <= Body::capacity);
// libzmq counts the holders of a message that does not stand in the object itself.
void share_message(void* held, void* to) noexcept {
    auto* other = ::new (to) zmq_msg_t;
    zmq_msg_init(other);
    zmq_msg_copy(other, static_cast<zmq_msg_t*>(held));
}

constexpr Body::Operations message_operations{relocate_message, destroy_message, data_of_message, size_of_message,
                                              share_message};

// libzmq's I/O thread ends what was handed over.
void end_handed_over(void* data, void* body) {
    take_over(data);
    delete static_cast<Body*>(body);
}

void init_from(zmq_msg_t* message, Body& body) {
    auto* owner = new Body(std::move(body));
    if (zmq_msg_init_data(message, owner->data(), owner->size(), end_handed_over, owner) != 0) {
        body = std::move(*owner);
        delete owner;
        fail("zmq_msg_init_data");
    }
}

// Takes the bytes back when the message was not sent.
void take_back(zmq_msg_t* message, Body& body) noexcept {
    auto* target = ::new (body.emplace(message_operations)) zmq_msg_t;
    zmq_msg_init(target);
    zmq_msg_move(target, message);
}

}  // namespace

void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

void Frame::move_to(Body& body) noexcept { take_back(&message_, body); }

std::uint64_t Frame::key_number() noexcept {
    const char* text = zmq_msg_gets(&message_, "User-Id");
    if (!text) return 0;
    const std::string_view digits = text;
    std::uint64_t number = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return problem == std::errc{} && end == digits.data() + digits.size() ? number : 0;
}

Socket::Socket(Context context, int type)
    : context_(std::move(context)), handle_(zmq_socket(context_.state().handle, type)) {
    if (!handle_) fail("zmq_socket");
}

Socket::~Socket() { zmq_close(handle_); }

void Socket::set(int option, int value) {
    if (zmq_setsockopt(handle_, option, &value, sizeof value) != 0) fail("zmq_setsockopt");
}

void Socket::set(int option, std::chrono::milliseconds value) { set(option, static_cast<int>(value.count())); }

void Socket::set(int option, const std::string& value) {
    if (zmq_setsockopt(handle_, option, value.data(), value.size()) != 0) fail("zmq_setsockopt");
}

void Socket::set(const SocketOptions& options) {
    const auto max_message = static_cast<std::int64_t>(options.max_message);
    if (zmq_setsockopt(handle_, ZMQ_MAXMSGSIZE, &max_message, sizeof max_message) != 0) fail("ZMQ_MAXMSGSIZE");
    set(ZMQ_HANDSHAKE_IVL, options.handshake);
    set(ZMQ_LINGER, options.linger);
    set(ZMQ_SNDHWM, options.high_water_mark);
    set(ZMQ_RCVHWM, options.high_water_mark);
    set(ZMQ_CONNECT_TIMEOUT, connect_timeout);
    // Not ZMQ_HEARTBEAT_*: with back-pressure and a disconnect it aborts the process.
    set(ZMQ_TCP_KEEPALIVE, 1);
    set(ZMQ_TCP_KEEPALIVE_IDLE, 15);
    set(ZMQ_TCP_KEEPALIVE_INTVL, 5);
    set(ZMQ_TCP_KEEPALIVE_CNT, 3);
    set(ZMQ_TCP_MAXRT, options.stuck);
}

void Socket::set_family(const Endpoint& endpoint) {
    const bool v6 =
        endpoint.transport() == Endpoint::Transport::tcp && endpoint.address().find(':') != std::string::npos;
    set(ZMQ_IPV6, v6 ? 1 : 0);
}

int Socket::descriptor() const {
    int descriptor = -1;
    std::size_t size = sizeof descriptor;
    if (zmq_getsockopt(handle_, ZMQ_FD, &descriptor, &size) != 0) fail("ZMQ_FD");
    return descriptor;
}

int Socket::bind(const char* endpoint) {
    return uninterrupted([&] { return zmq_bind(handle_, endpoint); }) == 0 ? 0 : errno;
}

int Socket::connect(const char* endpoint) {
    return uninterrupted([&] { return zmq_connect(handle_, endpoint); }) == 0 ? 0 : errno;
}

std::string Socket::last_endpoint() const {
    char text[512];
    std::size_t size = sizeof text;
    if (zmq_getsockopt(handle_, ZMQ_LAST_ENDPOINT, text, &size) != 0) fail("ZMQ_LAST_ENDPOINT");
    return {text, size > 0 ? size - 1 : 0};
}

bool Socket::receive(Frame& frame) {
    while (zmq_msg_recv(frame.get(), handle_, ZMQ_DONTWAIT) < 0) {
        if (errno == EINTR) continue;
        if (errno != EAGAIN) fail("zmq_msg_recv");
        quiet_ = true;
        return false;
    }
    quiet_ = false;
    take_over(zmq_msg_data(frame.get()));
    return true;
}

bool Socket::wait_to_receive(Frame& frame) {
    if (zmq_msg_recv(frame.get(), handle_, 0) < 0) {
        if (errno != EINTR && errno != EAGAIN) fail("zmq_msg_recv");
        quiet_ = errno == EAGAIN;
        return false;
    }
    quiet_ = false;
    take_over(zmq_msg_data(frame.get()));
    return true;
}

void Socket::skip(Frame& frame) {
    while (frame.more() && receive(frame)) {
    }
}

bool Socket::look() {
    int events = 0;
    std::size_t size = sizeof events;
    if (uninterrupted([&] { return zmq_getsockopt(handle_, ZMQ_EVENTS, &events, &size); }) != 0) fail("ZMQ_EVENTS");
    quiet_ = (events & ZMQ_POLLIN) == 0;
    return !quiet_;
}

Sent Socket::send(zmq_msg_t* message, int flags) {
    quiet_ = false;
    hand_over(zmq_msg_data(message));
    while (zmq_msg_send(message, handle_, flags | ZMQ_DONTWAIT) < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN) return Sent::would_block;
        if (errno == EHOSTUNREACH) return Sent::gone;
        fail("zmq_msg_send");
    }
    return Sent::yes;
}

Sent Socket::send_copy(std::string_view bytes, int flags) {
    zmq_msg_t message;
    if (zmq_msg_init_size(&message, bytes.size()) != 0) fail("zmq_msg_init_size");
    if (!bytes.empty()) std::memcpy(zmq_msg_data(&message), bytes.data(), bytes.size());
    const Sent sent = send(&message, flags);
    zmq_msg_close(&message);
    return sent;
}

Sent Socket::send(std::string_view bytes, More more) { return send_copy(bytes, more == More::yes ? ZMQ_SNDMORE : 0); }

Sent Socket::send(Body& body) {
    if (auto* message = static_cast<zmq_msg_t*>(body.holder(message_operations))) {
        const Sent sent = send(message, 0);
        if (sent == Sent::yes) body.reset();
        return sent;
    }
    if (body.size() < smallest_handed_over) {
        const Sent sent = send_copy(body.bytes(), 0);
        if (sent == Sent::yes) body.reset();
        return sent;
    }
    zmq_msg_t message;
    init_from(&message, body);
    const Sent sent = send(&message, 0);
    if (sent != Sent::yes) take_back(&message, body);
    zmq_msg_close(&message);
    return sent;
}

}  // namespace rpcbroker::transport
