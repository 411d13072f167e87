// Private to transport/: a libzmq socket and message, with the rules that hold for all of ours.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <zmq.h>

#include <rpcbroker/endpoint.hpp>

#include "common/body.hpp"
#include "common/transport/context.hpp"
#include "common/transport/router.hpp"  // Sent

namespace rpcbroker::transport {

class Zap;

struct Context::State {
    State();
    ~State();  ///< returns when all sockets are closed and have sent what they may still send
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void* handle;
    std::mutex zap_mutex;
    std::weak_ptr<Zap> zap;
};

/// Throws std::system_error for errno.
[[noreturn]] void fail(const char* what);

/// One frame. Its bytes may stand inside the object, so they move when it does.
class Frame {
public:
    Frame() noexcept { zmq_msg_init(&message_); }
    ~Frame() { zmq_msg_close(&message_); }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

    [[nodiscard]] zmq_msg_t* get() noexcept { return &message_; }
    [[nodiscard]] std::string_view bytes() noexcept {
        return {static_cast<const char*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)};
    }
    [[nodiscard]] bool more() noexcept { return zmq_msg_more(&message_) != 0; }
    /// Of the connection that it came by; negative if it has none.
    [[nodiscard]] int descriptor() noexcept { return zmq_msg_get(&message_, ZMQ_SRCFD); }
    /// Of the key that its connection was let in by, as RouterKeys::admit gave it; 0: by none.
    [[nodiscard]] std::uint64_t key_number() noexcept;
    /// Moves the bytes into `body`; this is empty then.
    void move_to(Body& body) noexcept;

private:
    zmq_msg_t message_;
};

/// What both kinds of sockets are given.
struct SocketOptions {
    std::size_t max_message;
    std::chrono::milliseconds handshake;
    std::chrono::milliseconds linger;
    int high_water_mark;
    std::chrono::milliseconds stuck;
};

/// Repeats what a signal's handler interrupted. `call` is a function of libzmq that takes its I/O thread's commands before it
/// does anything: only that can be interrupted, though it never sleeps.
template <class Call>
int uninterrupted(Call call) {
    int result = call();
    while (result != 0 && errno == EINTR) result = call();
    return result;
}

/// Blocks in wait_to_receive only, and does not know EINTR. One thread at a time, as libzmq has it. What no caller can handle is thrown.
class Socket {
public:
    enum class More : bool { no, yes };

    Socket(Context context, int type);
    ~Socket();
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    void set(int option, int value);
    void set(int option, std::chrono::milliseconds value);
    void set(int option, const std::string& value);
    /// Everything that holds for routers and dealers alike.
    void set(const SocketOptions& options);
    /// libzmq's IPv6 sockets do not take IPv4 addresses, so this is set for each endpoint before it is used.
    void set_family(const Endpoint& endpoint);

    [[nodiscard]] void* handle() const noexcept { return handle_; }
    [[nodiscard]] const Context& context() const noexcept { return context_; }
    /// Readable when something happened since the socket was last found without input (`quiet`).
    [[nodiscard]] int descriptor() const;
    /// libzmq's errno, or 0.
    [[nodiscard]] int bind(const char* endpoint);
    [[nodiscard]] int connect(const char* endpoint);
    /// The last endpoint that was bound, as libzmq writes it.
    [[nodiscard]] std::string last_endpoint() const;

    /// False: nothing is there.
    bool receive(Frame& frame);
    /// Sleeps until something is there, ZMQ_RCVTIMEO at most. False: nothing, or a signal came.
    bool wait_to_receive(Frame& frame);
    /// The rest of a message of several frames.
    void skip(Frame& frame);
    /// Whether there is input, also where the descriptor was not seen readable since there was none. Costs a system call.
    bool look();
    /// The same, at no cost where nothing was done here since there was no input: what came since then may be missed.
    bool has_input() { return !quiet_ && look(); }
    /// Nothing was there when it was last asked, and its descriptor has not been seen readable since.
    [[nodiscard]] bool is_quiet() const noexcept { return quiet_; }
    /// Its descriptor is readable.
    void rouse() noexcept { quiet_ = false; }

    /// libzmq takes the first frame of a message or does not; after that it takes all of them.
    Sent send(std::string_view bytes, More more);
    /// The only or last frame. On `yes`, `body` is empty; a body that came from a frame, or is large, is not copied.
    Sent send(Body& body);

private:
    Sent send(zmq_msg_t* message, int flags);
    Sent send_copy(std::string_view bytes, int flags);

    Context context_;
    void* handle_;
    /// All commands of libzmq's I/O thread were taken and there was no input: the next one makes the descriptor readable.
    bool quiet_ = false;
};

}  // namespace rpcbroker::transport
