#include "common/transport/monitor.hpp"

#include <atomic>
#include <cstring>
#include <string>

namespace rpcbroker::transport {
namespace {

std::string fresh_name() {
    static std::atomic<std::uint64_t> next{0};
    return "inproc://rpcbroker.monitor." + std::to_string(next.fetch_add(1, std::memory_order_relaxed));
}

}  // namespace

Monitor::Monitor(Socket& watched, int events) : watched_(watched), events_(watched.context(), ZMQ_PAIR) {
    const std::string name = fresh_name();
    events_.set(ZMQ_RCVHWM, 0);
    events_.set(ZMQ_LINGER, 0);
    if (uninterrupted([&] { return zmq_socket_monitor(watched_.handle(), name.c_str(), events); }) != 0)
        fail("zmq_socket_monitor");
    if (events_.connect(name.c_str()) != 0) fail("zmq_connect");
}

// One that is left open would hang the context's end.
Monitor::~Monitor() { zmq_socket_monitor(watched_.handle(), nullptr, 0); }

bool Monitor::next(Event& event) {
    // Two frames: number and value, then the endpoint, which nobody here needs.
    if (!events_.receive(frame_)) return false;
    const auto bytes = frame_.bytes();
    if (bytes.size() >= sizeof event.what + sizeof event.value) {
        std::memcpy(&event.what, bytes.data(), sizeof event.what);
        std::memcpy(&event.value, bytes.data() + sizeof event.what, sizeof event.value);
    } else {
        event = {};
    }
    events_.skip(frame_);
    return true;
}

}  // namespace rpcbroker::transport
