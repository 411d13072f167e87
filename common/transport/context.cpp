#include "common/transport/context.hpp"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <utility>

#include <zmq.h>

#include "common/transport/socket.hpp"

namespace rpcbroker::transport {
namespace {

// Three a connecting or bound side (the socket itself and both ends of its monitor), so this is what libzmq can do at most.
constexpr int most_sockets = 65535;

// libzmq takes automatic routing ids from rand(), which starts at the same value in every process: a peer that claims
// the next one would end the process.
void seed_random() {
    unsigned seed = 0;
    if (getentropy(&seed, sizeof seed) != 0) fail("getentropy");
    std::srand(seed);
}

}  // namespace

Context::State::State() : handle(zmq_ctx_new()) {
    if (!handle) fail("zmq_ctx_new");
    seed_random();  // each time: libzmq seeds anew with each context
    zmq_ctx_set(handle, ZMQ_IO_THREADS, 1);
    zmq_ctx_set(handle, ZMQ_MAX_SOCKETS, most_sockets);
}

Context::State::~State() {
    uninterrupted([this] { return zmq_ctx_term(handle); });
}

Context::Context() : state_(std::make_shared<State>()) {}

Context Context::shared() {
    static std::mutex mutex;
    static std::weak_ptr<State> current;
    const std::lock_guard lock{mutex};
    auto state = current.lock();
    if (!state) current = state = std::make_shared<State>();
    return Context{std::move(state)};
}

}  // namespace rpcbroker::transport
